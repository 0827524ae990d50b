"""`init`, `schema` and `completion`."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.agent import ask
from runback_gate.app.schemas import KINDS, current_schema
from runback_gate.app.start import start_files
from runback_gate.capture.runs import write_run
from runback_gate.dataset.recordings import load_recording
from runback_gate.gate.config import load_gate
from runback_gate.gate.plan import load_plan
from runback_gate.replay.evidence import compare_requests
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall
from tests.cli.conftest import Command, Git, change, commit, git, tree, write
from tests.examples import examples

__all__ = ["git"]

from tests.cli.conftest import Refused

START = {
    ".gitignore",
    "agents/support.yaml",
    "agents/support.md",
    "agents/tools.json",
    "policies/refunds.yaml",
    "policies/refunds.test.yaml",
    "datasets/support.yaml",
    "runback.yaml",
}


def test_the_sample_is_green(command: Command, here: Path) -> None:
    """`init` writes gate, agent, dataset, policy with test; `run` passes, and so do lint and the policy tests."""
    result = command("init")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == "next: runback-gate run"
    written = {line.removeprefix("wrote ") for line in result.out.splitlines()[:-1]}
    assert written == {name for name, data in tree(here).items() if data is not None}
    assert {name for name in written if "recordings" not in name} == START
    assert command("run").code == 0
    assert command("policy", "lint").code == 0
    assert command("policy", "test").code == 0


def test_every_file_names_its_schema(gate: Path) -> None:
    """Editors find the schema of each YAML file in its first line."""
    for path in gate.rglob("*.yaml"):
        first, _, rest = path.read_text("utf-8").partition("\n")
        kind = next(line for line in rest.splitlines() if line.startswith("kind: ")).removeprefix("kind: ")
        assert first == f"# yaml-language-server: $schema=https://runback.dev/schema/v1/{kind.lower()}.json"


def test_nothing_is_replaced_unasked(gate: Path, refused: Refused, command: Command) -> None:
    """A second `init` writes nothing, whichever file is there; `--force` replaces."""
    change("policies/refunds.yaml", "limit: 100", "limit: 7")
    assert refused("init") == "agents/support.yaml: is there already (--force replaces it; nothing was written)"
    for name in START - {"policies/refunds.yaml", ".gitignore"}:
        (gate / name).unlink()
    assert refused("init").startswith("policies/refunds.yaml: is there already")
    result = command("init", "--force")
    assert (result.code, "note" in result.out) == (0, False)
    assert "limit: 100" in (gate / "policies/refunds.yaml").read_text()


def test_a_list_of_ignored_files_stays(command: Command, here: Path) -> None:
    """A `.gitignore` that is there is not touched, and a person is told what it should name."""
    write(".gitignore", "*.o\n")
    assert "note: .gitignore is yours; runs/ holds raw conversations" in command("init").out
    assert (here / ".gitignore").read_text() == "*.o\n"


def test_another_folder(command: Command) -> None:
    """`--root` writes there, says so, and names the command that judges it."""
    result = command("init", "--root", "a b/c")
    assert "wrote a b/c/runback.yaml" in result.out
    assert result.out.splitlines()[-1] == "next: runback-gate run --root 'a b/c'"
    assert command("run", "--root", "a b/c").code == 0
    assert "a b/c/.runback/report.json" in command("run", "--root", "a b/c").out


def test_a_folder_that_is_a_file(refused: Refused, here: Path) -> None:
    """What stands in the way is named, and nothing is written."""
    write(here / "taken", "")
    assert "Directory 'taken' is a file" in refused("init", "--root", "taken")
    message = refused("init", "--root", "taken/below")
    assert message == "taken: a file stands where a folder is needed (name another folder)"


def test_a_folder_that_leads_out(refused: Refused, here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where a folder of the gate is a link to the outside, nothing is written there."""
    outside = tmp_path_factory.mktemp("outside")
    (here / "policies").symlink_to(outside)
    assert refused("init").startswith("policies/refunds.yaml: leads out of the folder of the gate")
    assert list(outside.iterdir()) == []


def transcript(*turns: Mapping[str, object]) -> bytes:
    """A conversation in chat format."""
    system = {"role": "system", "content": "Be kind."}
    return json.dumps({"messages": [system, {"role": "user", "content": "Hi"}, *turns]}).encode()


CALL: Mapping[str, object] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"order": "A1"}'}}],
}


def test_a_start_from_a_run_is_green(command: Command, here: Path) -> None:
    """`init --from` writes the agent that the run had, a case for each step that called a tool, and `run` passes."""
    tools = write("tools.json", json.dumps([{"type": "function", "function": {"name": "look"}}]))
    chat = transcript(
        CALL, {"role": "tool", "tool_call_id": "1", "content": "{}"}, {"role": "assistant", "content": "ok"}
    )
    arguments = ("import", "transcript", "-", "--agent", "Shop Agent!", "--tools", tools.name, "--model", "openai/m")
    result = command(*arguments, stdin=chat)
    run = next(here.glob("runs/*.jsonl"))
    assert result.out.splitlines()[-1] == f"next: runback-gate init --from runs/{run.name}"
    assert command("init", "--from", run.stem).code == 0
    assert (here / "agents/shop-agent.md").read_text() == "Be kind."
    listed = json.loads(command("dataset", "list", "--json").out)
    assert [(row["case"], row["checks"]) for row in listed] == [(f"{run.stem}-0", ["toolCalled look(order)"])]
    result = command("run", "--all")
    assert (result.code, result.err) == (0, "")
    assert "recorded" in result.out


def test_the_prompt_that_the_application_loads(command: Command, here: Path) -> None:
    """`init --from` names the file that holds the recorded prompt, so an edit of it is seen; a copy is called one."""
    prompt = write("app/prompts/shop.txt", "Be kind.")
    write("app/a/longer/path/to/the/same.txt", "Be kind.")
    command("import", "transcript", "-", "--agent", "shop", stdin=transcript(CALL))
    run = next(here.glob("runs/*.jsonl")).stem
    result = command("init", "--from", run)
    assert "note: the prompt is read from app/prompts/shop.txt, which holds what was recorded" in result.out
    assert "note: so does app/a/longer/path/to/the/same.txt" in result.out
    assert not (here / "agents/shop.md").exists()
    assert command("run").code == 0
    prompt.write_text("Be rude.")
    assert command("run").code == 2
    (here / "app/a/longer/path/to/the/same.txt").unlink()
    result = command("init", "--from", run, "--force")
    assert "note: no file of the repository holds the prompt as it was recorded: the gate judges a copy" in result.out
    assert (here / "agents/shop.md").read_text() == "Be kind."
    assert "no file of the repository holds" in command("init", "--from", run, "--force").out


def test_the_prompt_above_the_folder_of_the_gate(command: Command, here: Path, git: Git) -> None:
    """The whole repository is searched, and its file is named where it lies; an edit of it is seen, in a commit too."""
    write("app/prompts.py", 'SYSTEM = "Be kind."\n')
    command("import", "transcript", "-", "--agent", "shop", stdin=transcript(CALL))
    run = next(here.glob("runs/*.jsonl")).as_posix()
    result = command("init", "--from", run, "--root", "gates/shop")
    assert "note: the prompt is read from SYSTEM in ../../app/prompts.py, which holds" in result.out
    assert (
        'system: {file: "../../../app/prompts.py", symbol: SYSTEM}'
        in (here / "gates/shop/agents/shop.yaml").read_text()
    )
    assert command("run", "--root", "gates/shop").code == 0
    commit(git, {})
    assert command("run", "--root", "gates/shop", "--base", "HEAD").code == 0
    write("app/prompts.py", 'SYSTEM = "Be rude."\n')
    assert command("run", "--root", "gates/shop").code == 2
    commit(git, {})
    assert command("run", "--root", "gates/shop", "--base", "HEAD~1").code == 2


def test_a_run_without_calls_gives_one_case(command: Command, here: Path) -> None:
    """Where no step called a tool, the last one becomes the case."""
    command("import", "transcript", "-", "--agent", "a", stdin=transcript({"role": "assistant", "content": "ok"}))
    assert command("init", "--from", next(here.glob("runs/*.jsonl")).stem).code == 0
    assert len(json.loads(command("dataset", "list", "--json").out)) == 1
    assert command("run").code == 0


def test_a_long_run_gives_twenty_cases(command: Command, here: Path) -> None:
    """No more than 20 steps become cases: a start is read by a person."""
    turns = [turn for _ in range(30) for turn in (CALL, {"role": "tool", "tool_call_id": "1", "content": "{}"})]
    command("import", "transcript", "-", "--agent", "a", stdin=transcript(*turns))
    assert command("init", "--from", next(here.glob("runs/*.jsonl")).stem).code == 0
    assert len(json.loads(command("dataset", "list", "--json").out)) == 20


def test_a_run_without_a_step(refused: Refused) -> None:
    """Nothing recorded is no start."""
    write("runs/r.jsonl", write_run(Run("r", "a", ()), secrets.token_bytes))
    assert refused("init", "--from", "r") == "run r has no step"


def test_a_run_whose_names_no_file_may_hold(refused: Refused, here: Path) -> None:
    """A start that could not be judged is not written at all."""
    request = Request("m", None, (Message("user", "Hi"),))
    for agent, tool, message in (
        ("a" * 300, "t", "metadata.name is longer"),
        ("a", "t" * 2000, "no start can be made"),
    ):
        step = Step(agent, request, Response("", (ToolCall("1", tool, "{}"),)), Source("r", 0, "exact"))
        write(here / "runs/r.jsonl", write_run(Run("r", agent, (step,)), bytes))
        assert message in refused("init", "--from", "r")


NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() and text.strip())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# A run that holds the reserved key cannot be written in the first place.
KEYS = TEXTS.filter(lambda text: text != "$decimal")
VALUES = st.dictionaries(KEYS, st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | TEXTS, max_size=3)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    agent=NAMES, run=TEXTS, model=st.none() | NAMES, system=st.none() | TEXTS, parameters=VALUES, tool=NAMES, text=TEXTS
)
def test_any_run_can_be_started_from(
    tmp_path_factory: pytest.TempPathFactory,
    agent: str,
    run: str,
    model: str | None,
    system: str | None,
    parameters: dict[str, object],
    tool: str,
    text: str,
) -> None:
    """Whatever names and texts a run holds, the files that `init --from` writes read back as its request."""
    request = Request(model, system, (Message("user", text),), (Tool(tool, text),), parameters)
    response = Response(text, (ToolCall("1", tool, json.dumps({"a": text})),))
    steps = tuple(Step(agent, request, response, Source(run or "r", event, "exact")) for event in (0, 1))
    root = tmp_path_factory.mktemp("start")
    for name, data in start_files([Run(run, agent, steps)], sample=False).items():
        write(root / name, data)
    plan = load_plan(root, day="2026-01-01")
    (dataset,) = plan.datasets
    assert len(dataset.cases) == 2
    for case, step in zip(dataset.cases, steps, strict=True):
        assert case.step is not None
        recorded = load_recording(root, dataset.path, case.step)
        assert recorded == step
        assert compare_requests(recorded, ask(plan.agents[0], recorded)).recorded


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_those_of_the_models(command: Command, kind: str) -> None:
    """`schema KIND` prints what the models say, as JSON Schema draft-07, in upper or lower case."""
    printed = command("schema", kind).out
    assert printed == current_schema(kind) == command("schema", kind.lower()).out
    schema = json.loads(printed)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"].endswith(f"/{kind.lower()}.json")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(command: Command, shell: str) -> None:
    """Each shell gets a script that asks this command."""
    script = command("completion", shell).out
    assert "_RUNBACK_GATE_COMPLETE" in script
    assert "runback-gate" in script


@pytest.mark.integration
def test_the_script_for_bash_is_bash(command: Command) -> None:
    """bash can read what it is given."""
    script = command("completion", "bash").out
    done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


REDACT = """# ours
spec:
    # what we call people
    redact:
        level: strict
        rules:
            - {id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-12}
        keep: ['*@example.org']   # everybody knows them
"""


def test_a_config_of_redaction_is_completed(command: Command, here: Path) -> None:
    """What is redacted may be said before there is a gate: an import says `init`, which keeps it with its comments."""
    write("runback.yaml", REDACT)
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "I am EMP-654321"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    write("chat.json", json.dumps({"messages": said, "model": "openai/m"}))
    assert "next: runback-gate init --from" in command("import", "chat.json", "--agent", "a").out
    assert command("init", "--from", "runs").code == 0
    text = (here / "runback.yaml").read_text()
    for words in ("agents: [agents/*.yaml]", "  # ours", "  # what we call people", "# everybody knows them"):
        assert words in text
    gate = load_gate(here)
    assert (gate.project().level, gate.project().keep) == ("strict", ("*@example.org",))
    assert command("run").code == 0
    assert "dataset add" in command("import", "chat.json", "--agent", "a").out
    assert command("init", "--from", "runs").code == 2


@pytest.mark.parametrize("text", ["spec: {redact: {level: strict}}", "spec: {redact: {}, agents: []}", "spec: ["])
def test_another_config_is_left_alone(refused: Callable[..., str], here: Path, text: str) -> None:
    """One that says more, that cannot be read, or whose lines cannot be taken over is refused and stays."""
    write("runback.yaml", text)
    assert "runback.yaml" in refused("init")
    assert (here / "runback.yaml").read_text() == text
