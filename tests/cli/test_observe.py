"""From an agent in an empty folder to a green gate, by the commands of the guide and no edit by hand; an edited prompt
is never green."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import read_run
from runback_gate.step import ToolCall
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import ROOT, Command, Git, change, commit, write

pytestmark = pytest.mark.integration

ASK = """
import os, sys
import httpx

TOOLS = [{"type": "function", "function": {"name": "lookup", "description": "Find an order; ask help@shop.example.",
          "parameters": {"type": "object", "properties": {"order": {"type": "string"}}}}}]

def answer(system, question):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    while True:
        body = {"model": "gpt-test", "temperature": 0, "messages": messages, "tools": TOOLS}
        message = httpx.post(os.environ["MODEL"] + "/chat/completions", json=body).json()["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": "sent"} for call in message["tool_calls"]]
"""
PLAIN = "from ask import answer\nsystem = open('prompts/system.txt').read()\nanswer(system, 'Where is A-1?')\n"
LINES = """
import runback_gate
from ask import answer
with runback_gate.record("shop"):
    answer(open('prompts/system.txt').read(), 'Where is A-1?')
"""
CONSTANT = "from ask import answer\nfrom app.prompts import SYSTEM\nanswer(SYSTEM, 'Where is A-1?')\n"
RENDERED = """
import runback_gate, sys
from ask import answer
from app.prompts import SYSTEM
for name, day in (("Ann", "1 May"), ("Bob Lee", "12 June")):
    with runback_gate.record("shop") as run:
        answer(run.prompt(SYSTEM, name=name, day=day), 'Where is A-1?')
"""
FORMATTED = """
from ask import answer
from app.prompts import SYSTEM
answer(SYSTEM.format(name=sys.argv[1], day=sys.argv[2]), 'Where is A-1?')
""".replace("from ask", "import sys\nfrom ask", 1)
COMPUTED = """
import sys
from ask import answer
answer(f"You help {sys.argv[1]} of the shop with orders. Be kind and brief. Today is {sys.argv[2]}.", 'Where is A-1?')
"""
KEY = "0123456789abcdef0123456789abcdef"
TEMPLATE = "You help {name} of the shop with orders. Be kind and brief. Today is {day}."
MODULE = f'"""Prompts."""\nimport os\n\nSYSTEM = (\n    "{TEMPLATE[:40]}"\n    "{TEMPLATE[40:]}"\n)\n'


@pytest.fixture
def agent(here: Path) -> Iterator[Callable[..., None]]:
    """Runs an agent that asks a server on loopback: recorded by `record --`, or by its own lines."""
    write("ask.py", ASK)

    def behave(body: dict[str, Any], _number: int) -> Act:
        asked = any(message["role"] == "tool" for message in body["messages"])
        return Act(completion("Sent.") if asked else completion(None, [ToolCall("c1", "lookup", '{"order":"A-1"}')]))

    with ModelServer(behave) as server:

        def run(code: str, *words: str, lines: bool = False, key: str = "") -> None:
            write("agent.py", code)
            environment = {**os.environ, "MODEL": server.url, "PYTHONPATH": str(ROOT), "RUNBACK_REDACT_KEY": key}
            before = [] if lines else [sys.executable, "-m", "runback_gate", "record", "--agent", "shop", "--"]
            subprocess.run([*before, sys.executable, "agent.py", *words], cwd=here, env=environment, check=True)

        yield run


def verdicts(command: Command) -> tuple[int, str]:
    """The exit code of `run`, and what it prints."""
    result = command("run", "--all")
    return result.code, result.out


@pytest.mark.parametrize("lines", [False, True], ids=["record --", "two lines"])
def test_a_prompt_in_a_file(agent: Callable[..., None], command: Command, lines: bool) -> None:
    """The file that the application loads is found, the gate is green, and an edit of it leaves nothing green."""
    prompt = write("prompts/system.txt", "Be kind.\nNever pay twice.\n")
    agent(LINES if lines else PLAIN, lines=lines)
    started = command("init", "--from", "runs")
    assert "the prompt is read from prompts/system.txt" in started.out
    assert verdicts(command)[0] == 0
    prompt.write_text("Be rude.\n")
    code, out = verdicts(command)
    assert (code, "missing" in out, "recorded" in out) == (2, True, False)


def test_a_prompt_that_is_a_constant(agent: Callable[..., None], command: Command, here: Path) -> None:
    """The constant is found and named; its text is read, whatever else the module would do."""
    module = write("app/prompts.py", 'SYSTEM = (\n    "Be kind. "\n    "Never pay twice, and say why."\n)\n')
    agent(CONSTANT)
    started = command("init", "--from", "runs")
    assert "the prompt is read from SYSTEM in app/prompts.py" in started.out
    assert 'system: {file: "../app/prompts.py", symbol: SYSTEM}' in (here / "agents/shop.yaml").read_text()
    module.write_text(module.read_text() + "raise SystemExit('executed')\n")
    assert verdicts(command)[0] == 0
    change(module, "twice", "once")
    code, out = verdicts(command)
    assert (code, "missing" in out) == (2, True)


def test_a_constant_on_both_sides_of_a_pull_request(agent: Callable[..., None], command: Command, git: Git) -> None:
    """Base and head each have their own text: an edit of the constant is a row that no recorded answer covers."""
    write("app/prompts.py", 'SYSTEM = "Be kind. Never pay twice, and say why."\n')
    agent(CONSTANT)
    command("init", "--from", "runs")
    base = commit(git, {})
    assert command("run", "--base", base).code == 0
    change("app/prompts.py", "twice", "once")
    commit(git, {})
    result = command("run", "--base", base)
    assert (result.code, "missing" in result.out) == (2, True)
    change("app/prompts.py", "once", "twice")
    commit(git, {"app/prompts.py": 'import os\n\nSYSTEM = """Be kind. Never pay twice, and say why."""\n'})
    assert command("run", "--base", base).code == 0


@pytest.mark.parametrize("code", [RENDERED, FORMATTED], ids=["run.prompt", "str.format"])
def test_a_prompt_that_is_rendered(agent: Callable[..., None], command: Command, here: Path, code: str) -> None:
    """A template in the application's code is found by what became of it, and filled in with what was recorded."""
    module = write("app/prompts.py", MODULE)
    if code is RENDERED:
        agent(code, lines=True)
    else:
        agent(code, "Ann", "1 May", key=KEY)
        agent(code, "Bob Lee", "12 June", key=KEY)
    started = command("init", "--from", "runs")
    assert "the prompt is read from SYSTEM in app/prompts.py, which gives what was recorded" in started.out
    assert "symbol: SYSTEM, template: format}" in (here / "agents/shop.yaml").read_text()
    green, out = verdicts(command)
    assert (green, "2 recorded" in out) == (0, True), out
    change(module, "brief", "rude!")
    code_after, out = verdicts(command)
    assert (code_after, "missing" in out, "recorded" in out) == (2, True, False)


def test_a_prompt_that_code_computes(agent: Callable[..., None], command: Command, here: Path) -> None:
    """Where no file has the template, one is made of what stays the same between the runs."""
    agent(COMPUTED, "Ann", "1 May")
    agent(COMPUTED, "Bob", "12 June")
    started = command("init", "--from", "runs")
    assert "the prompt varies: a template was written" in started.out
    assert "goes unseen until the agent file names that file" in started.out
    template = (here / "agents/shop.md").read_text()
    assert "note: 2 steps with another model, other tools or another prompt can be no case" in started.out
    assert template == "You help {value_1} of the shop with orders. Be kind and brief. Today is {value_2}."
    assert verdicts(command)[0] == 0
    change("agents/shop.md", "kind", "rude")
    assert verdicts(command)[0] == 2


def test_redacted_instructions(
    agent: Callable[..., None], command: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt and tools with an address are compared under the key; without it, a row says that it is not set."""
    prompt = write("prompts/system.txt", "Be kind. Send complaints to boss@shop.example.\n")
    agent(PLAIN, key=KEY)
    (path,) = (here / "runs").glob("*.jsonl")
    assert b"boss@shop.example" not in path.read_bytes()
    assert read_run(path.read_bytes(), path.name).steps[0].source.grade == "exact"
    monkeypatch.setenv("RUNBACK_REDACT_KEY", KEY)
    assert "the prompt is read from prompts/system.txt" in command("init", "--from", "runs").out
    assert verdicts(command)[0] == 0
    monkeypatch.delenv("RUNBACK_REDACT_KEY")
    code, out = verdicts(command)
    assert (code, "it is redacted, and RUNBACK_REDACT_KEY is not set" in " ".join(out.split())) == (2, True)
    monkeypatch.setenv("RUNBACK_REDACT_KEY", "another key, which is long enough")
    assert verdicts(command)[0] == 2
    monkeypatch.setenv("RUNBACK_REDACT_KEY", KEY)
    prompt.write_text("Be kind. Send complaints to thief@shop.example.\n")
    assert verdicts(command)[0] == 2


def test_runs_of_several_agents(agent: Callable[..., None], command: Command) -> None:
    """A folder with runs of two agents is refused until one is named."""
    write("prompts/system.txt", "Be kind.\n")
    agent(PLAIN)
    agent(LINES.replace('"shop"', '"other"'), lines=True)
    refused = command("init", "--from", "runs")
    assert (refused.code, "several agents: other, shop" in refused.err) == (2, True)
    assert command("init", "--from", "runs", "--agent", "other").code == 0
    assert verdicts(command)[0] == 0
