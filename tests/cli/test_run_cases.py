"""Cases that are whole runs, as commands: added, linted, judged offline and by a model, shown, explained, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.report.model import Report, read_report
from runback_gate.step import Message, Run, ToolCall
from runback_gate.testing import sample_case, sample_run, sample_step, write_gate
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import Command, write

pytestmark = pytest.mark.integration

TOTAL: dict[str, Any] = {
    "scope": "run",
    "validations": [
        {
            "id": "total.most",
            "expression": "run.calls.map(c, c.arguments.amount).sum() <= 100",
            "message": "too much in one run",
        }
    ],
}


def pay(amount: int, number: int) -> ToolCall:
    return ToolCall(f"call_{number}", "issue_refund", json.dumps({"amount": amount}))


def conversation(*amounts: int) -> Run:
    """A run that refunds these amounts, then says so."""
    messages: tuple[Message, ...] = (Message("user", "My mug is broken."),)
    steps = []
    for number, amount in enumerate(amounts):
        steps.append(sample_step(pay(amount, number), messages=messages))
        paid = Message("tool", "paid", tool_call_id=f"call_{number}")
        messages = (*messages, Message("assistant", "", (pay(amount, number),)), paid)
    return sample_run(*steps, sample_step(text="Done.", messages=messages), run="talk")


def report(root: Path) -> Report:
    return read_report((root / ".runback/report.json").read_bytes())


def test_a_run_is_kept_and_judged(command: Command, here: Path) -> None:
    """`dataset add --whole` keeps the file as it is; until then lint says that nothing judges the policy."""
    write_gate(here, [sample_case("c", sample_step(text="Hello"))], policies={"total": TOTAL})
    data = write_run(conversation(60, 41), lambda size: b"s" * size)
    write(here / "runs/talk.jsonl", data)
    warned = command("policy", "lint")
    assert warned.code == 0
    assert (
        "warning: total is about runs, and no case that it concerns names one (it is judged by backtest" in warned.out
    )
    added = command("dataset", "add", "talk", "--whole", "--dataset", "datasets/runs.yaml", "--why", "Incident 7")
    assert added.out == "added 1 case to datasets/runs.yaml\n"
    (kept,) = (here / "datasets/recordings").rglob("*.jsonl")
    assert kept.read_bytes() == data
    assert command("policy", "lint").out == "1 policy, 0 errors, 0 warnings\n"
    assert command("run", "--dataset", "runs").code == 1
    (row,) = report(here).rows
    assert (row.case, row.verdict, row.evidence, row.run) == ("talk", "FAIL", "recorded", f"sha256:{kept.stem}")
    shown = command("show", "runs/talk").out
    assert f"runback-gate policy explain total.most {kept.relative_to(here).as_posix()}" in shown
    explained = command("policy", "explain", "total.most", kept.relative_to(here).as_posix())
    assert "decided by  run.calls.map(c, c.arguments.amount).sum() = 101" in explained.out
    listed = json.loads(command("dataset", "list", "--json").out)
    assert [case.get("run") for case in listed] == [None, f"sha256:{kept.stem}"]
    assert "a whole run, of which this is the last step" in command("dataset", "show", "runs/talk").out
    for form in ("markdown", "html", "junit", "sarif"):
        assert "too much in one run" in command("render", ".runback/report.json", "--format", form).out


def test_a_run_that_cannot_be_kept(refused: Any, here: Path) -> None:
    """What is said twice, has checks, or is no run is refused, and nothing is written."""
    write_gate(here, [sample_case("c", sample_step(text="Hello"))])
    write(here / "runs/talk.jsonl", write_run(conversation(60), lambda size: b"s" * size)[:-40])
    whole = ("dataset", "add", "talk", "--whole", "--dataset", "datasets/runs.yaml")
    assert "--all and --whole take no STEP" in refused(*whole[:3], "0", *whole[3:])
    assert "--check needs a STEP" in refused(*whole, "--check", "contains: x")
    assert "runs/talk.jsonl" in refused(*whole)
    assert not (here / "datasets/runs.yaml").exists()


def test_a_model_goes_through_the_run_again(command: Command, here: Path) -> None:
    """With another model each step is asked in turn on the recorded results; the new run is judged, then cached."""
    answers = {1: [pay(60, 0)], 3: [pay(30, 1)], 5: []}

    def obeys(body: dict[str, Any], _: int) -> Act:
        said = [message for message in body["messages"] if message["role"] != "system"]
        calls = answers[len(said)]
        return Act(completion("" if calls else "Fine.", calls))

    with ModelServer(obeys) as server:
        write_gate(
            here, [sample_case("c", conversation(60, 30))], policies={"total": TOTAL}, agent={"model": "local/m"}
        )
        document = json.loads((here / "runback.yaml").read_text())
        document["spec"]["providers"] = {"local": {"baseUrl": server.url, "models": ["*"]}}
        (here / "runback.yaml").write_text(json.dumps(document))
        assert command("run").code == 2
        assert report(here).rows[0].note.startswith("step 0: request.model differs from the recording")
        assert command("run", "--live", "--cache", "answers").code == 0
        assert [len(item.body["messages"]) for item in server.asked] == [2, 4, 6]
        (row,) = report(here).rows
        assert (row.verdict, row.evidence, row.then, row.now) == ("PASS", "live", *["3 steps, 2 calls"] * 2)
        answers[3] = [pay(99, 1)]
        assert command("run", "--live").code == 2
    (row,) = report(here).rows
    assert (row.verdict, row.frontier) == ("UNDECIDED", 1)
    assert "nobody recorded what issue_refund answers to this call" in row.note
    assert command("run", "--cache", "answers").code == 0
    assert report(here).rows[0].evidence == "cached"


def test_policy_diff_on_the_record_of_a_gate(command: Command, here: Path) -> None:
    """Without --runs the runs of the gate's cases are what a policy over runs is held against."""
    write_gate(here, [sample_case("c", conversation(60, 41))], policies={"total": TOTAL})
    looser = json.loads((here / "policies/total.yaml").read_text())
    looser["spec"]["validations"][0]["expression"] = "run.calls.map(c, c.arguments.amount).sum() <= 101"
    write("head/total.yaml", json.dumps(looser))
    found = json.loads(command("policy", "diff", "--base", "./policies", "--head", "./head", "--json").out)
    assert (found["steps"], found["runs"], found["policies"]) == (0, 1, {"total": "looser"})
    assert [(flip["run"], flip["step"], flip["kind"]) for flip in found["flips"]] == [
        ("cases/c", None, "newly permitted")
    ]


def test_imports_are_checked_by_rules_over_runs(command: Command, here: Path) -> None:
    """`import --check` judges each run that was imported, and is red where one breaks a rule that denies."""
    write_gate(here, [sample_case("c", sample_step(text="Hello"))], policies={"total": TOTAL})
    calls = [
        {
            "role": "assistant",
            "tool_calls": [{"id": f"c{number}", "function": {"name": "issue_refund", "arguments": text}}],
        }
        for number, text in enumerate(('{"amount": 60}', '{"amount": 50}'))
    ]
    paid = [{"role": "tool", "tool_call_id": f"c{number}", "content": "paid"} for number in range(2)]
    write("chat.json", json.dumps([{"role": "user", "content": "Hi"}, calls[0], paid[0], calls[1], paid[1]]))
    result = command("import", "chat.json", "--agent", "support", "--check", "policies", "--json")
    assert result.code == 1
    assert json.loads(result.out)["check"]["validations"] == {
        "total.most": {"pass": 0, "fail": 1, "error": 0, "skip": 0, "scope": "run"}
    }
