"""Agent configs: what they state replaces what was recorded, and their files stay inside the root."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent import Agent, ask, load_agent
from runback_gate.canonical import digest_bytes
from runback_gate.errors import InputError
from runback_gate.step import Tool
from runback_gate.testing import AGENT, REQUEST, sample_step, write_document

STEP = sample_step(text="Hello!")
WIRE: list[Any] = [{"type": "function", "function": {"name": "escalate", "parameters": {"type": "object"}}}]
STATED: dict[str, Any] = {
    "model": "openai/gpt-5",
    "parameters": {"temperature": 1},
    "system": "Be brief.",
    "tools": WIRE,
}


def load(root: Path, spec: dict[str, Any], **files: str | bytes) -> Agent:
    """The agent of `agents/support.yaml` with this spec; `files` lie beside it, `__` standing for the dot."""
    write_document(root, "agents/support.yaml", "Agent", AGENT, spec, labels={"team": "payments"})
    for name, text in files.items():
        (root / "agents" / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_agent(root, "agents/support.yaml")


def refused(root: Path, spec: dict[str, Any], **files: str | bytes) -> str:
    """The error for such an agent, on one line."""
    with pytest.raises(InputError) as error:
        load(root, spec, **files)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_left_out_stays_as_recorded(tmp_path: Path) -> None:
    """An agent that states nothing asks the recorded request."""
    agent = load(tmp_path, {})
    assert (agent.model, agent.parameters, agent.system, agent.tools) == (None, None, None, None)
    assert ask(agent, STEP) == REQUEST


@given(st.sets(st.sampled_from(sorted(STATED))))
def test_what_is_stated_replaces_what_was_recorded(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    """Each field as a whole, and no other field; the conversation always stays."""
    agent = load(tmp_path_factory.mktemp("root"), {name: STATED[name] for name in names})
    asked = ask(agent, STEP)
    stated = {**STATED, "tools": (Tool("escalate", parameters={"type": "object"}),)}
    assert {name: getattr(asked, name) for name in STATED} == {
        name: stated[name] if name in names else getattr(REQUEST, name) for name in STATED
    }
    assert asked.messages == REQUEST.messages


def test_empty_is_stated_too(tmp_path: Path) -> None:
    """No tools, no parameters and an empty prompt are statements, not omissions."""
    asked = ask(load(tmp_path, {"parameters": {}, "system": "", "tools": []}), STEP)
    assert (asked.parameters, asked.system, asked.tools) == ({}, "", ())


def test_files_are_read_once_and_named_by_their_bytes(tmp_path: Path) -> None:
    """The agent holds name, labels, path, and kind, path and digest of each file that it is made of."""
    spec = {"system": {"file": "support.md"}, "tools": {"file": "tools.json"}}
    agent = load(tmp_path, spec, support__md="Be kind.\r\n", tools__json=json.dumps(WIRE))
    assert (agent.name, agent.labels, agent.path) == (AGENT, {"team": "payments"}, "agents/support.yaml")
    assert [(file.kind, file.path) for file in agent.files] == [
        ("agent", "agents/support.yaml"),
        ("prompt", "agents/support.md"),
        ("tools", "agents/tools.json"),
    ]
    assert [file.digest for file in agent.files] == [
        digest_bytes((tmp_path / f.path).read_bytes()) for f in agent.files
    ]
    assert agent.system == "Be kind.\r\n"
    assert agent.tools == (Tool("escalate", parameters={"type": "object"}),)


def test_files_below_the_agent(tmp_path: Path) -> None:
    """A file may lie in a folder below the agent's."""
    (tmp_path / "agents/prompts").mkdir(parents=True)
    (tmp_path / "agents/prompts/a.md").write_text("Hi")
    assert load(tmp_path, {"system": {"file": "prompts/a.md"}}).system == "Hi"


@pytest.mark.parametrize(
    "file", ["../prompts/a.md", "./../prompts/a.md", "x/../../prompts/a.md", "../agents/../prompts/a.md"]
)
def test_files_beside_the_agents(tmp_path: Path, file: str) -> None:
    """A file may lie anywhere below the root, and is known by its path from there."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/a.md").write_text("Hi")
    agent = load(tmp_path, {"system": {"file": file}})
    assert (agent.system, agent.files[1].path) == ("Hi", "prompts/a.md")


@pytest.mark.parametrize("kind", ["system", "tools"])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("../../secret.md", "leads out of the root (name a file below it, without `..`)"),
        ("a/../../../secret.md", "leads out of the root (name a file below it, without `..`)"),
        ("/etc/passwd", "leads out of the root (name a file below it, without `..`)"),
        ("link.md", "leads out of the root through a symbolic link (copy what it points to)"),
        ("folder", "not a regular file (name a file)"),
        ("suport.md", "no such file (did you mean 'support.md'?)"),
    ],
)
def test_no_file_leads_out_of_the_root(tmp_path: Path, kind: str, file: str, message: str) -> None:
    """Absolute, upwards, through a link, no file: refused at the line that names it."""
    root = tmp_path / "root"
    (root / "agents/folder").mkdir(parents=True)
    (root / "agents/support.md").write_text("Be kind.")
    (tmp_path / "secret.md").write_text("secret")
    (root / "agents/link.md").symlink_to(tmp_path / "secret.md")
    assert refused(root, {kind: {"file": file}}) == f"agents/support.yaml:12:12: spec.{kind}.file: {message}"


def test_an_agent_file_outside_is_refused(tmp_path: Path) -> None:
    """The agent file itself cannot lie outside either, nor be missing."""
    for name in ("../agent.yaml", "/etc/agent.yaml", "agents/nobody.yaml"):
        with pytest.raises(InputError):
            load_agent(tmp_path, name)


@pytest.mark.parametrize(
    ("spec", "files", "message"),
    [
        ({"modle": "x"}, {}, "agents/support.yaml:11:3: unknown field 'modle' (did you mean 'model'?)"),
        ({"model": ""}, {}, "agents/support.yaml:11:12: spec.model must not be empty"),
        ({"baseUrl": "https://evil.example"}, {}, "agents/support.yaml:11:3: unknown field 'baseUrl'"),
        ({"system": {"file": "p.md"}}, {"p__md": b"\xff"}, "agents/p.md: not UTF-8 (save the file as UTF-8)"),
        (
            {"system": {"file": "p.md"}},
            {"p__md": "a" * (1 << 20) + "b"},
            "agents/support.yaml:12:12: spec.system.file: larger",
        ),
        ({"tools": {"file": "t.json"}}, {"t__json": "[{]"}, "agents/t.json:1:3: not valid JSON"),
        ({"tools": {"file": "t.json"}}, {"t__json": "{}"}, "agents/t.json: tools: a list of tools was expected"),
        ({"tools": {"file": "t.json"}}, {"t__json": '[{"name": 3}]'}, "agents/t.json: tools: tool 1: name: "),
        ({"tools": [{"name": "t"}, {"name": "t"}]}, {}, "agents/support.yaml:11:12: tools: two tools are named 't'"),
        (
            {"system": {"file": "p.md"}, "tools": [{"nome": "t"}]},
            {"p__md": "Hi"},
            "agents/support.yaml:14:12: tools: tool 1: ",
        ),
    ],
)
def test_bad_agents(tmp_path: Path, spec: dict[str, Any], files: dict[str, str | bytes], message: str) -> None:
    """One line with the place, in the file that is wrong."""
    assert refused(tmp_path, spec, **files).startswith(message)


def test_a_template_is_filled_in_where_the_recording_has_variables(tmp_path: Path) -> None:
    """Without recorded variables braces are text; with them they are a template, in a file or inline."""
    agent = load(tmp_path, {"system": {"file": "p.md"}}, p__md="Help {{ name }}.\n")
    step = sample_step(text="Hi")
    assert ask(agent, step).system == "Help {{ name }}.\n"
    with_variables = type(step)(step.agent, step.request, step.response, step.source, {"name": "Ann"})
    assert ask(agent, with_variables).system == "Help Ann.\n"
    with pytest.raises(InputError, match=r"^agents/p\.md: .*'name' is undefined \(recorded variables: none\)$"):
        ask(agent, type(step)(step.agent, step.request, step.response, step.source, {}))
    inline = load(tmp_path, {"system": "{{ nome }}"})
    with pytest.raises(InputError, match=r"^agents/support\.yaml: .*'nome' is undefined"):
        ask(inline, with_variables)
    assert ask(load(tmp_path, {}), with_variables).system == REQUEST.system
