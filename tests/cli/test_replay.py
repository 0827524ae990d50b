"""`replay` as a whole: a run file, a gate with a provider, the command, what it shows and keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message
from runback_gate.testing import (
    AGENT,
    TOOLS,
    sample_call,
    sample_case,
    sample_run,
    sample_step,
    write_document,
    write_gate,
)
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import Command, write

REFUND = sample_call("issue_refund", amount=250)
ESCALATE = sample_call("escalate", reason="dispute")


def obeys(body: dict[str, Any], _number: int) -> Act:
    """A model that does what its prompt says."""
    system = next((item["content"] for item in body["messages"] if item["role"] == "system"), "")
    return Act(completion("", [ESCALATE if "escalate" in system else REFUND]))


def gate(root: Path, server: ModelServer) -> None:
    """A gate that may ask the server, and `runs/chat.jsonl` with two steps."""
    write_gate(root, [sample_case("a", sample_step(ESCALATE), {"toolCalled": "escalate"})])
    document = json.loads((root / "runback.yaml").read_text())
    prices = {"small": {"input": "1", "output": "2"}}
    document["spec"]["providers"] = {"local": {"baseUrl": server.url, "models": ["small"], "prices": prices}}
    (root / "runback.yaml").write_text(json.dumps(document))
    talk = (Message("user", "I want my $250 back."), Message("assistant", "Which order?"), Message("user", "P-1042"))
    steps = (
        sample_step(text="Which order?", model="small", messages=talk[:1]),
        sample_step(REFUND, model="small", messages=talk),
    )
    write(root / "runs/chat.jsonl", write_run(sample_run(*steps, run="chat"), lambda size: b"s" * size))


def test_then_and_now(command: Command, here: Path) -> None:
    """The changed prompt is asked as often as wanted; the screen says what differs, and nothing else was written."""
    with ModelServer(obeys) as server:
        gate(here, server)
        write("kind.md", "Always escalate.")
        result = command("replay", "chat", "1", "--system", "kind.md", "-n", "2")
        assert [item.body["model"] for item in server.asked] == ["small", "small"]
    assert result.code == 0
    text = " ".join(result.out.split())
    assert "chat step 1 · support · local/small" in text
    assert "then issue_refund( amount: 250 )" in text
    assert 'now 2/2 escalate( reason: "dispute" ) tool changed: issue_refund → escalate' in text
    assert "2 calls · below $0.0001" in text
    assert "to ask: 2 calls" in result.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--exit-code",), 0),
        (("--set", "system=escalate"), 0),
        (("--set", "system=escalate", "--exit-code"), 1),
        (("--budget-calls", "0"), 2),
        (("--budget-calls", "0", "--exit-code"), 2),
        (("--offline",), 2),
        (("--model", "other/large"), 2),
        (("--plan",), 0),
    ],
)
def test_exit_codes(command: Command, here: Path, options: tuple[str, ...], code: int) -> None:
    """0 it was shown, 1 a difference was found and asked for, 2 an answer is missing; JSON says the same."""
    with ModelServer(obeys) as server:
        gate(here, server)
        assert command("replay", "chat", "1", *options).code == code
        result = command("replay", "chat", "1", *options, "--json")
    assert result.code == code
    assert json.loads(result.out)


def test_json_holds_the_whole_answers(command: Command, here: Path) -> None:
    """Then and now as they are, with the difference in words."""
    with ModelServer(obeys) as server:
        gate(here, server)
        found = json.loads(command("replay", "chat", "1", "--set", "system=escalate", "--json").out)
    (trial,) = found["trials"]
    assert (trial["divergence"], trial["detail"], trial["evidence"]) == (
        "tool changed",
        "issue_refund → escalate",
        "live",
    )
    assert (found["then"]["tool_calls"][0]["name"], trial["now"]["tool_calls"][0]["name"]) == (
        "issue_refund",
        "escalate",
    )


def test_the_cache_makes_it_free_and_works_without_a_gate(command: Command, here: Path) -> None:
    """What was asked once is answered offline, also where no gate is."""
    with ModelServer(obeys) as server:
        gate(here, server)
        assert command("replay", "chat", "1", "--model", "local/small", "--cache", "answers").code == 0
    (here / "runback.yaml").unlink()
    result = command("replay", "chat", "1", "--model", "local/small", "--cache", "answers", "--offline")
    assert (result.code, "1 answer from cache" in result.out) == (0, True)


def test_an_answer_is_saved_and_judged(command: Command, here: Path) -> None:
    """`--save` keeps question and answer as a case that `run` judges; nothing of it is written where it cannot be."""
    with ModelServer(obeys) as server:
        gate(here, server)
        options = ("--set", "system=Always escalate.", "--save", "asks-first", "--why", "A dispute")
        result = command("replay", "chat", "1", *options)
        assert result.code == 0
        assert "saved: datasets/support.yaml case asks-first" in result.out
        assert 'proposed check: {"toolCalled": {"name": "escalate"' in result.out
        assert "already" in command("replay", "chat", "1", *options).error
    write_document(here, "agents/support.yaml", "Agent", AGENT, {"system": "Always escalate."})
    judged = command("run", "--dataset", "support")
    assert judged.code == 0, judged


def test_tools_are_replaced_added_and_taken_away(command: Command, here: Path) -> None:
    """By their names, from files in OpenAI function format."""
    with ModelServer(obeys) as server:
        gate(here, server)
        write("wait.json", json.dumps({"type": "function", "function": {"name": "wait", "description": "Wait."}}))
        assert command("replay", "chat", "1", "--tool", "wait.json", "--without-tool", TOOLS[0].name).code == 0
        assert [tool["function"]["name"] for tool in server.asked[0].body["tools"]] == ["escalate", "wait"]


def test_the_whole_run_under_an_agent(command: Command, here: Path) -> None:
    """Each step with its difference, then where it ended; JSON says the same."""
    with ModelServer(
        lambda body, _: Act(completion("Which?")) if len(body["messages"]) < 3 else obeys(body, 0)
    ) as server:
        gate(here, server)
        write_document(here, "agents/support.yaml", "Agent", AGENT, {"system": "Always escalate."})
        result = command("replay", "chat", "--agent", "agents/support.yaml", "--exit-code")
        found = json.loads(command("replay", "chat", "--agent", "agents/support.yaml", "--json").out)
    assert result.code == 1
    text = " ".join(result.out.split())
    assert 'step 0 text changed live "Which?"' in text
    assert "step 1 tool changed: issue_refund → escalate live" in text
    assert "frontier: nobody recorded what escalate(" in text
    (trial,) = found["trials"]
    assert (trial["end"], trial["frontier"]["name"], len(trial["turns"])) == ("frontier", "escalate", 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chat",), "say which STEP"),
        (("chat", "--agent", "agents/support.yaml", "--model", "local/small"), "say which STEP"),
        (("chat", "--agent", "agents/support.yaml", "--save", "a"), "--save keeps one step"),
        (("chat", "7"), "has no step 7"),
        (("chat", "1", "--why", "x"), "--dataset and --why need --save"),
        (("chat", "1", "--set", "temperature=0"), "a request has no 'temperature'"),
        (("chat", "1", "--system", "missing.md"), "missing.md"),
        (("missing", "1"), "missing"),
        (("chat", "1", "--save", "a", "--dataset", "../out.yaml"), "leads out of the folder"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    command: Command, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2 with the reason; no file is written."""
    with ModelServer(obeys) as server:
        gate(here, server)
        before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
        result = command("replay", *arguments)
    assert (result.code, words in result.error) == (2, True), result.error
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_hostile_answers_are_inert(command: Command, here: Path) -> None:
    """What a model says steers neither the terminal nor the job that logs it."""
    evil = "\x1b[2J\n::error::gone\n##vso[task.complete]"
    with ModelServer(lambda *_: Act(completion(evil))) as server:
        gate(here, server)
        for more in ((), ("--json",)):
            out = command("replay", "chat", "1", *more).out
            assert "\x1b" not in out
            assert "##vso[" not in out
            assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]
