"""`dataset add | list | show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.dataset.document import load_dataset
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall
from tests.cli.conftest import Command, Refused, change, tree, write

DATASET = """\
# Kept by the payments team.
apiVersion: runback.dev/v1
kind: Dataset
metadata: {name: hand, agent: support}    # the agent's name
spec:
  cases:
    - id: greets
      messages: [{role: user, content: Hi}]
      checks:
        - contains: Hello      # any case
        # the end of the first case
"""


def recorded(*steps: Response, agent: str = "support", run: str = "r1") -> str:
    """Writes a run of these answers to `runs/` and gives its id."""
    messages = (
        Message("user", "Where is it?\nI asked\tbefore.\n::error::not a command"),
        Message("assistant", "", (ToolCall("1", "look", '{"order": "A1"}'),)),
        Message("tool", "gone", tool_call_id="1", name="look", error="not found"),
    )
    request = Request("openai/m", "Be kind.", messages, (Tool("look"),))
    made = tuple(Step(agent, request, answer, Source(run, event, "exact")) for event, answer in enumerate(steps))
    write(f"runs/{run}.jsonl", write_run(Run(run, agent, made), bytes))
    return run


PAYS = Response("", (ToolCall("1", "pay", '{"amount": 5, "note": "x", "deep": {"a": 1}}'),), "tool_calls")
SAYS = Response("Good\x1b[2J day", finish_reason="stop")


def test_a_step_becomes_a_case(command: Command, gate: Path) -> None:
    """`dataset add` keeps every byte of the file, writes the recording, proposes checks, and `run` judges it."""
    recorded(PAYS, SAYS)
    before = (gate / "datasets/support.yaml").read_text()
    result = command("dataset", "add", "r1", "0", "--dataset", "datasets/support.yaml", "--why", "It: matters")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        'added r1-0 to datasets/support.yaml: pay(amount: 5, note: "x", deep: {"a": 1})',
        '  proposed check: {"toolCalled": {"name": "pay", "arguments": {"amount": 5, "note": "x"}}}',
    ]
    after = (gate / "datasets/support.yaml").read_text()
    assert after.startswith(before)
    case = load_dataset(gate, "datasets/support.yaml").cases[-1]
    assert (case.id, case.why, case.tags) == ("r1-0", "It: matters", ())
    assert case.step is not None
    assert len([name for name in tree(gate) if name.endswith(f"{case.step[7:]}.json")]) == 1
    # The agent of the sample states another request than this run had.
    result = command("run", "--all")
    assert (result.code, "missing" in result.out) == (2, True)


def test_comments_and_order_stay(command: Command) -> None:
    """A case is added behind the last one and its comments, in a file that a person wrote."""
    recorded(SAYS)
    write("datasets/hand.yaml", DATASET)
    options = (
        "--id",
        "polite",
        "--tag",
        "a",
        "--tag",
        "b",
        "--check",
        "contains: Good",
        "--check",
        "finishReason=stop",
    )
    assert command("dataset", "add", "r1", "0", "--dataset", "./datasets/hand.yaml", *options).code == 0
    text = Path("datasets/hand.yaml").read_text()
    assert text.startswith(DATASET)
    added = text.removeprefix(DATASET).splitlines()
    assert [line for line in added if "step:" not in line] == [
        "    - id: polite",
        "      tags: [a, b]",
        "      checks:",
        "        - contains: Good",
        "        - finishReason: stop",
    ]


def test_a_dataset_is_made(command: Command, here: Path) -> None:
    """A file that is not there yet is made, for the agent of the run; what the gate still lacks is said."""
    recorded(SAYS)
    result = command("dataset", "add", "runs/r1.jsonl", "0", "--dataset", "datasets/new.yaml")
    assert result.out.splitlines()[-1] == "note: there is no runback.yaml here yet; `runback-gate init` writes one"
    made = load_dataset(here, "datasets/new.yaml")
    assert (made.name, made.agent, [case.id for case in made.cases]) == ("new", "support", ["r1-0"])
    assert [check.title for check in made.cases[0].checks] == [
        "cel size(response.tool_calls) == 0",
        "finishReason stop",
    ]
    command("init", "--root", ".")
    result = command("dataset", "add", "r1", "0", "--dataset", "elsewhere/new.yaml")
    assert result.out.splitlines()[-1] == ("note: runback.yaml does not name this file; add it to `spec.datasets`")


def test_another_gate(command: Command, here: Path) -> None:
    """With `--root` the dataset is that of another folder."""
    recorded(SAYS)
    (here / "shop").mkdir()
    assert command("dataset", "add", "r1", "0", "--dataset", "d.yaml", "--root", "shop").code == 0
    assert {"shop/d.yaml", "shop/recordings"} <= tree(here).keys()


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("contains: Good", ""),
        ("contains=Good", ""),
        ("contains=4111", "  the recorded answer does not keep it"),
        ("toolNotCalled: pay", ""),
        ("toolCalled: {name: pay, arguments: {a: 1}}", "  the recorded answer does not keep it"),
        ("toolCalled={name: pay}", "  the recorded answer does not keep it"),
        ("noError=true", ""),
        ("maxTokens=800", "  cannot be evaluated: "),
        ("cel: response.txt == 'x'", "  cannot be evaluated: "),
        ("cel: size(response.text)", "  cannot be evaluated: "),
        ("jsonSchema: {type: object}", "  the recorded answer does not keep it"),
    ],
)
def test_checks_are_held_against_the_recording(command: Command, check: str, said: str) -> None:
    """Each form of a check is taken, and one that the recorded answer does not keep is named as such."""
    recorded(SAYS)
    result = command("dataset", "add", "r1", "0", "--dataset", "d.yaml", "--check", check)
    assert (result.code, result.err) == (0, "")
    line = result.out.splitlines()[1]
    assert line.startswith("  check: {")
    assert line.partition("}  ")[2].startswith(said.strip()) if said else line.endswith("}")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("contans: x", "--check:1:1: unknown field 'contans' (did you mean 'contains'?)"),
        ("contans=x", "--check 'contans=x': not a check (write it as in a dataset: 'toolCalled: escalate')"),
        ("just words", "--check 'just words': not a check (write it as in a dataset: 'toolCalled: escalate')"),
        ("contains: 4111", "--check:1:11: contains: expected text, found 4111 (put it in quotes)"),
        ("maxTokens=many", "--check:1:12: maxTokens: expected a whole number, found text 'many'"),
        (
            "{contains: a, equals: b}",
            "--check:1:1: the document: a check has exactly one field, here: contains, equals",
        ),
        ("contains: a: b", "--check:1:12: not valid YAML: mapping values are not allowed in this context"),
        ("", "--check: the file is empty"),
    ],
)
def test_what_is_no_check(refused: Refused, check: str, message: str) -> None:
    """A check is refused before anything is written, and the error shows where."""
    recorded(SAYS)
    assert refused("dataset", "add", "r1", "0", "--dataset", "d.yaml", "--check", check).startswith(message)


@pytest.mark.parametrize(
    ("check", "parts"),
    [
        ("cel: response.text ==", ["d.yaml: the case cannot be added: cel response.text ==: "]),
        ("cel: 1 + 'a'", ["d.yaml: the case cannot be added: "]),
        ("cel: params.limit", ["d.yaml: the case cannot be added: ", "params"]),
        ("matches=(", ["d.yaml: the case cannot be added: matches (: ", "RE2"]),
        ("jsonSchema: {type: 5}", ["d.yaml: the case cannot be added: jsonSchema: "]),
    ],
)
def test_a_check_that_does_not_compile(refused: Refused, check: str, parts: list[str]) -> None:
    """An expression, pattern or schema that is none is refused before anything is written."""
    recorded(SAYS)
    message = refused("dataset", "add", "r1", "0", "--dataset", "d.yaml", "--check", check)
    assert message.startswith(parts[0])
    assert all(part in message for part in parts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r1", "2", "--dataset", "d.yaml"], "run r1 has no step 2 (its steps are 0 to 1)"),
        (["r2", "0", "--dataset", "d.yaml"], "runs/r2.jsonl: no such file (known: other, r1)"),
        (["runs/r2.jsonl", "0", "--dataset", "d.yaml"], "runs/r2.jsonl: no such file (did you mean 'r1.jsonl'?)"),
        (["runs/", "0", "--dataset", "d.yaml"], "runs: a folder (name a file)"),
        (
            ["datasets/hand.yaml/", "0", "--dataset", "d.yaml"],
            "datasets/hand.yaml: not a run file (make runs with `runback-gate import transcript`)",
        ),
        (["r1", "0", "--dataset", "../d.yaml"], "../d.yaml: leads out of the folder of the gate"),
        (["r1", "0", "--dataset", "/tmp/d.yaml"], "/tmp/d.yaml: leads out of the folder of the gate"),
        (["r1", "0", "--dataset", "link/d.yaml"], "link/d.yaml: leads out of the folder of the gate"),
        (
            ["r1", "0", "--dataset", "datasets/hand.yaml", "--id", "greets"],
            "datasets/hand.yaml:7:7: a case is named 'greets' already (name it with --id)",
        ),
        (
            ["r1", "0", "--dataset", "datasets/hand.yaml", "--id", "a b"],
            "datasets/hand.yaml: the case cannot be added: spec.cases[1].id does not have the form",
        ),
        (
            ["r1", "0", "--dataset", "datasets/hand.yaml", "--tag", ""],
            "datasets/hand.yaml: the case cannot be added: spec.cases[1].tags[0] must not be empty",
        ),
        (
            ["other", "0", "--dataset", "datasets/hand.yaml"],
            "datasets/hand.yaml:4:31: the dataset is of agent 'support', the run of 'billing'",
        ),
        (["r1", "0", "--dataset", "datasets"], "datasets: not a regular file (name a file)"),
        (["r1", "0", "--dataset", "empty.yaml"], "empty.yaml: the file is empty (begin with apiVersion and kind)"),
        (["r1", "0", "--dataset", "flow.yaml"], "flow.yaml:4:1"),
    ],
)
def test_what_cannot_be_added(
    refused: Refused, here: Path, tmp_path_factory: pytest.TempPathFactory, arguments: list[str], message: str
) -> None:
    """One line with the place and what to do; nothing is written."""
    recorded(PAYS, SAYS)
    recorded(PAYS, agent="billing", run="other")
    write("datasets/hand.yaml", DATASET)
    write("empty.yaml", "")
    flow = DATASET.partition("spec:")[0] + "spec: {cases: [{id: a, messages: [{role: user, content: Hi}]}]}\n"
    write("flow.yaml", flow.partition("\n")[2])
    (here / "link").symlink_to(tmp_path_factory.mktemp("outside"))
    assert refused("dataset", "add", *arguments).startswith(message)


def test_runs_that_are_not_there(refused: Refused) -> None:
    """Without any run the hint is how to make one; a run with one step or none says so."""
    assert refused("dataset", "add", "r1", "0", "--dataset", "d.yaml") == (
        "runs/r1.jsonl: no such file (make runs with `runback-gate import transcript`)"
    )
    recorded(SAYS)
    assert refused("dataset", "add", "r1", "1", "--dataset", "d.yaml").endswith("(its only step is 0)")
    recorded()
    assert refused("dataset", "add", "r1", "0", "--dataset", "d.yaml").endswith("(it has none)")


def test_a_run_of_any_name_makes_a_case(command: Command, here: Path) -> None:
    """The id of a case is made of the run's, whatever characters that holds."""
    recorded(SAYS, run="_ü x")
    assert command("dataset", "add", "runs/_ü x.jsonl", "0", "--dataset", "d.yaml").code == 0
    assert load_dataset(here, "d.yaml").cases[0].id == "x-0"


@pytest.mark.usefixtures("gate")
def test_cases_are_listed(command: Command) -> None:
    """One line a case: its name, its checks, the recorded answer; a hand-written case says that it has none."""
    recorded(SAYS)
    change(write("datasets/hand.yaml", DATASET), "        # the end", "        - noError: true\n        # the end")
    command("dataset", "add", "r1", "0", "--dataset", "datasets/support.yaml", "--check", "contains=x")
    result = command("dataset", "list")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "hand/greets       2 checks  no answer recorded, the conversation is written by hand",
        'support/sample-0  1 check   escalate(reason: "dispute")',
        'support/r1-0      1 check   "Good\\u001b[2J day"',
    ]
    assert command("dataset", "list", "datasets/hand.yaml").out.count("\n") == 1
    assert command("dataset", "list", "hand.yaml", "--root", "datasets").out.count("\n") == 1


@pytest.mark.usefixtures("gate")
def test_cases_as_json(command: Command) -> None:
    """`--json` gives each case with its checks, its recording and its place."""
    write("datasets/hand.yaml", DATASET)
    hand, sample = json.loads(command("dataset", "list", "--json").out)
    assert hand == {
        "dataset": "hand",
        "case": "greets",
        "answer": None,
        "checks": ["contains Hello"],
        "tags": [],
        "why": "",
        "step": None,
        "place": "datasets/hand.yaml:7:7",
    }
    assert sample["answer"] == 'escalate(reason: "dispute")'
    assert sample["step"].startswith("sha256:")


def test_a_case_is_shown(command: Command, here: Path) -> None:
    """The conversation with its calls, the answer, the checks and their CEL; no line begins with hostile text."""
    recorded(SAYS)
    command("init")
    command(
        *("dataset", "add", "r1", "0", "--dataset", "datasets/support.yaml", "--why", "::stop", "--tag", "vip"),
        *("--check", "contains=Good", "--check", "jsonSchema: {type: object}"),
    )
    step = load_dataset(here, "datasets/support.yaml").cases[1].step
    result = command("dataset", "show", "r1-0")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "case       support/r1-0 datasets/support.yaml:11:7",
        "why        ::stop",
        "tags       vip",
        f"recorded   {step}",
        "asked      openai/m, system prompt of 8 characters, 1 tool",
        "",
        "  user     Where is it?",
        "  |        I asked before.",
        "  |        ::error::not a command",
        '  assistant calls look({"order": "A1"})',
        "  tool     gone",
        "  |        error: not found",
        'answer     "Good\\u001b[2J day"',
        "",
        "check      contains Good",
        '  as CEL   response.text.contains("Good")',
        "check      jsonSchema",
    ]
    assert json.loads(command("dataset", "show", "support/r1-0", "--json").out)["source"]["run"] == "r1"


@pytest.mark.usefixtures("gate")
def test_a_hand_written_case_is_shown(command: Command) -> None:
    """Without a recording there is no digest, and the answer says so."""
    write("datasets/hand.yaml", DATASET)
    lines = command("dataset", "show", "hand/greets").out.splitlines()
    assert lines[:2] == [
        "case       hand/greets datasets/hand.yaml:7:7",
        "asked      model unknown, no system prompt, 0 tools",
    ]
    assert "answer     no answer recorded, the conversation is written by hand" in lines


@pytest.mark.usefixtures("gate")
def test_cases_that_are_not_there(refused: Refused) -> None:
    """An unknown case gets the nearest name; one that two datasets hold must be named in full."""
    assert refused("dataset", "show", "smaple-0") == "no case is named 'smaple-0' (did you mean 'sample-0'?)"
    for number in range(8):
        change(write(f"datasets/h{number}.yaml", DATASET), "name: hand", f"name: hand{number}")
    assert refused("dataset", "show", "qq").endswith("(`runback-gate dataset list` names them)")
    assert refused("dataset", "show", "greets").startswith("8 cases are named 'greets' (say hand0/greets or ")
    assert refused("dataset", "list", "datasets/suport.yaml").endswith("(did you mean 'support.yaml'?)")
    assert refused("dataset", "list", "datasets/x*.yaml") == (
        "no dataset is named by datasets/x*.yaml (`runback-gate dataset add` makes one)"
    )
    assert refused("dataset", "list", "agents/support.yaml").startswith("agents/support.yaml:3:7: unknown kind 'Agent'")


def test_no_gate_here(refused: Refused) -> None:
    """Where no gate is, the hint is how to start one."""
    message = "runback.yaml: no gate here (write one with `runback-gate init`, or name its folder with --root)"
    assert refused("dataset", "list") == message
    assert refused("dataset", "show", "x") == message
    assert refused("run") == message
    assert refused("policy", "lint") == message


def test_every_step_becomes_a_case(command: Command) -> None:
    """`dataset add --all` takes a folder of runs, and a second time nothing."""
    answer = {"role": "assistant", "content": "Hello"}
    write("chat.json", json.dumps([{"messages": [{"role": "user", "content": "Hi"}, answer]}] * 3))
    command("import", "chat.json", "--agent", "a")
    arguments = ("dataset", "add", "runs", "--all", "--dataset", "datasets/all.yaml")
    assert command(*arguments).out == "added 3 cases to datasets/all.yaml\n"
    assert command(*arguments).out == "added 0 cases to datasets/all.yaml (3 there already)\n"


def test_every_step_or_none(command: Command, refused: Refused) -> None:
    """Where a step cannot be added, because its agent is another, nothing is written."""
    for agent in ("a", "b"):
        write(
            f"{agent}.json", json.dumps([{"role": "user", "content": agent}, {"role": "assistant", "content": "Hello"}])
        )
        command("import", f"{agent}.json", "--agent", agent)
    message = refused("dataset", "add", "runs", "--all", "--dataset", "datasets/all.yaml")
    assert message == "the runs are of several agents: a, b"
