"""Cases that are whole runs: judged as recorded, answered anew, or undecided where nobody knows what a tool answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis.recorded import RecordedRun
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import compare_gates
from runback_gate.errors import DocumentError, InputError, IntegrityError
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.gate.record import recorded_cases
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.scanned import scan_rows
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.replay.estimate import Forecast
from runback_gate.replay.evidence import Answer, Evidence, Query
from runback_gate.step import Message, Response, Run, Step, ToolCall
from runback_gate.testing import REFUNDS, Answers, in_turn, run_to_row, sample_case, sample_run, sample_step, write_gate

ENGINE = CppEngine()
TOTAL = {
    "scope": "run",
    "validations": [
        {
            "id": "total.most",
            "expression": "run.calls.map(c, c.arguments.amount).sum() <= 100",
            "message": "too much in one run",
        }
    ],
}


def pay(amount: int, number: int = 1) -> ToolCall:
    return ToolCall(f"call_{number}", "issue_refund", json.dumps({"amount": amount}))


def conversation(*amounts: int) -> Run:
    """A run that refunds these amounts, then says so."""
    steps: list[Step] = []
    messages: tuple[Message, ...] = (Message("user", "My mug is broken."),)
    for number, amount in enumerate(amounts):
        steps.append(sample_step(pay(amount, number), messages=messages))
        result = Message("tool", "paid", tool_call_id=f"call_{number}")
        messages = (*messages, Message("assistant", "", (pay(amount, number),)), result)
    return sample_run(*steps, sample_step(text="Done.", messages=messages))


def plan_of(root: Path, run: Run, *, policies: Any = None, agent: Any = None, **case: Any) -> Plan:
    write_gate(root, [sample_case("c", run, **case)], policies=policies or {"total": TOTAL}, agent=agent)
    return load_plan(root, day="2026-06-01")


class Model:
    """Answers what is not recorded, in order; None is a model that gives no answer."""

    def __init__(self, *responses: Response | None) -> None:
        self.responses = list(responses)
        self.asked: list[Query] = []

    def __call__(self, ask: Query) -> Answer:
        if ask.question.recorded and not ask.fresh:
            return Answer(Evidence.RECORDED, ask.step.response, ask.question.note)
        self.asked.append(ask)
        response = self.responses.pop(0) if self.responses and ask.live else None
        return Answer(
            Evidence.MISSING if response is None else Evidence.LIVE, response, "no answer" if response is None else ""
        )


def judged(plan: Plan, model: Model, base: Base | None = None) -> Result:
    drive = lambda works: ((index, run_to_row(start(), model)) for index, start in enumerate(works))  # noqa: E731
    return run_gate(plan, ENGINE, drive, base=base)


def row_of(plan: Plan, *responses: Response | None) -> Row:
    (row,) = judged(plan, Model(*responses)).rows
    return row


CHANGED = {"system": "Be strict."}


@pytest.mark.parametrize(("amounts", "verdict"), [((60, 40), Verdict.PASS), ((60, 41), Verdict.FAIL)])
def test_an_unchanged_run_is_judged_as_recorded(tmp_path: Path, amounts: tuple[int, ...], verdict: Verdict) -> None:
    """No model is asked, and the row names the run by its digest."""
    plan = plan_of(tmp_path, conversation(*amounts))
    result = judged(plan, Model())
    (row,) = result.rows
    assert (row.verdict, row.evidence, row.needed, row.planned) == (verdict, Evidence.RECORDED, 1, 1)
    assert (row.run, row.recording, row.frontier) == (plan.datasets[0].cases[0].run, None, None)
    assert (row.then, row.now) == ("3 steps, 2 calls", "3 steps, 2 calls")
    assert [finding.message for finding in row.findings] == ["too much in one run"] * (verdict is Verdict.FAIL)
    ((kind, path, name, side),) = result.stored
    assert (kind, name, side) == ("recording", row.run, "head")
    assert (tmp_path / path).suffix == ".jsonl"


def test_policies_over_steps_judge_each_step(tmp_path: Path) -> None:
    """A rule that fails at one step of the run does not hold for the run; it is said once, with the step."""
    row = row_of(plan_of(tmp_path, conversation(40, 250, 300), policies={"refunds": REFUNDS}))
    assert row.verdict is Verdict.FAIL
    assert [(item.rule, item.message) for item in row.findings] == [("refunds.limit", "step 1: refund above 100")]
    assert (row.trials[0].passed, row.trials[0].skipped) == ((), ())


def test_what_no_policy_judges_is_undecided(tmp_path: Path) -> None:
    """A run that concerns nobody is not green."""
    row = row_of(plan_of(tmp_path, conversation(40), policies={"total": {**TOTAL, "match": {"tags": ["vip"]}}}))
    assert row.verdict is Verdict.UNDECIDED
    assert (
        row_of(
            plan_of(tmp_path, conversation(40), policies={"total": {**TOTAL, "match": {"tags": ["vip"]}}}, tags=["vip"])
        ).verdict
        is Verdict.PASS
    )


def test_a_changed_request_needs_an_answer(tmp_path: Path) -> None:
    """A recorded run says nothing of another prompt."""
    row = row_of(plan_of(tmp_path, conversation(60, 40), agent=CHANGED))
    assert (row.verdict, row.evidence, row.now) == (Verdict.UNDECIDED, Evidence.MISSING, "")
    assert row.note == "step 0: no answer"
    assert row.frontier is None


def test_a_run_is_answered_anew(tmp_path: Path) -> None:
    """As long as the calls are the recorded ones their results are too, and the new run is judged."""
    plan = plan_of(tmp_path, conversation(60, 40), agent=CHANGED)
    again = [Response("", (pay(60, 0),)), Response("", (pay(40, 1),)), Response("Fine.")]
    result = judged(plan, Model(*again))
    (row,) = result.rows
    assert (row.verdict, row.evidence, row.then, row.now) == (Verdict.PASS, Evidence.LIVE, *["3 steps, 2 calls"] * 2)
    # It stops asking once no tool is wanted.
    (row,) = judged(plan, Model(Response("", (pay(60, 0),)), Response("No more."))).rows
    assert (row.verdict, row.now) == (Verdict.PASS, "2 steps, 1 call")


def test_a_frontier_is_undecided(tmp_path: Path) -> None:
    """Nobody knows what a tool answers to a call that was not made: not red, not green, and the step is named."""
    plan = plan_of(tmp_path, conversation(60, 40), agent=CHANGED)
    row = row_of(plan, Response("", (pay(60, 0),)), Response("", (pay(900, 1),)))
    assert (row.verdict, row.frontier, row.findings) == (Verdict.UNDECIDED, 1, ())
    assert row.note == "step 1: nobody recorded what issue_refund answers to this call"
    assert row.recorded_answer is not None


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (Response("Half", (), "length"), "step 0: the answer was cut off (finish reason length)"),
        (Response(""), "step 0: the answer is empty: no text, no call, no refusal"),
        (Response(error="overloaded"), "step 0: overloaded"),
    ],
)
def test_what_is_not_whole_is_not_green(tmp_path: Path, answer: Response, note: str) -> None:
    """An answer that was cut, empty, or none at all leaves the run undecided."""
    row = row_of(plan_of(tmp_path, conversation(60), agent=CHANGED), answer)
    assert (row.verdict, row.note) == (Verdict.UNDECIDED, note)


def test_trials_of_a_run(tmp_path: Path) -> None:
    """k of n runs: each is asked by itself, and judged by itself."""
    plan = plan_of(tmp_path, conversation(60), agent=CHANGED, trials={"n": 3, "pass": 2})
    row = row_of(plan, Response("No."), Response("", (pay(60, 0),)), Response("Done."), Response("Never."))
    assert (row.verdict, row.passed, row.planned, len(row.trials)) == (Verdict.PASS, 2, 3, 2)


def test_a_view_only_step_is_never_judged(tmp_path: Path) -> None:
    """One step that can only be read leaves the whole run undecided."""
    run = conversation(60)
    steps = (
        run.steps[0],
        dataclasses.replace(run.steps[1], source=dataclasses.replace(run.steps[1].source, grade="view-only")),
    )
    # A run file keeps the grade of each step.
    row = row_of(plan_of(tmp_path, dataclasses.replace(run, steps=steps)))
    assert (row.verdict, row.evidence) == (Verdict.UNDECIDED, Evidence.MISSING)


def test_steps_of_others_are_known_as_recorded_only(tmp_path: Path) -> None:
    """A run with a helper is judged whole as it was; what the helper would do now, nobody knows."""
    run = conversation(60)
    helper = dataclasses.replace(sample_step(pay(70, 7)), agent="helper")
    mixed = dataclasses.replace(run, steps=(run.steps[0], helper, run.steps[1]))
    row = row_of(plan_of(tmp_path / "a", mixed))
    assert (row.verdict, row.now) == (Verdict.FAIL, "3 steps, 2 calls")
    row = row_of(plan_of(tmp_path / "b", mixed, agent=CHANGED), Response("No."))
    assert (row.verdict, row.note) == (
        Verdict.UNDECIDED,
        "the run has steps of helper, and nobody knows what they would do now",
    )


def test_a_waiver_waives_a_rule_over_runs(tmp_path: Path) -> None:
    """As any other."""
    waiver = {"policies": ["total.most"], "cases": ["c"], "reason": "x", "owner": "y", "expires": "2099-01-01"}
    write_gate(tmp_path, [sample_case("c", conversation(101))], policies={"total": TOTAL}, waivers={"w": waiver})
    (row,) = judged(load_plan(tmp_path, day="2026-06-01"), Model()).rows
    assert row.verdict is Verdict.WAIVED


def test_against_a_base(tmp_path: Path) -> None:
    """The base's rules judge too, a looser limit is red by itself, and its effect is on the recorded run."""
    looser = {**TOTAL, "validations": [{**TOTAL["validations"][0], "expression": "run.calls.size() < 9"}]}  # type: ignore[dict-item]
    base, head = (
        plan_of(tmp_path / "b", conversation(101)),
        plan_of(tmp_path / "h", conversation(101), policies={"total": looser}),
    )
    result = judged(head, Model(), Base(base, tuple(compare_gates(base, head))))
    by_kind = {row.kind: row for row in result.rows}
    assert (by_kind["case"].verdict, by_kind["case"].status) == (Verdict.FAIL, "already failing")
    assert by_kind["weakening"].case == "total.most"
    (effect,) = result.effects
    assert (effect.scope, effect.steps, effect.word) == ("run", 1, "looser")
    assert [(flip.run, flip.step) for flip in effect.flips] == [("cases/c", None)]


def test_another_run_is_a_weakening(tmp_path: Path) -> None:
    """What a case judges is not the change's to choose."""
    base, head = plan_of(tmp_path / "b", conversation(101)), plan_of(tmp_path / "h", conversation(10))
    assert [(item.kind, item.subject) for item in compare_gates(base, head)] == [("recording-changed", "cases/c")]


def test_the_record_of_a_gate_has_its_runs(tmp_path: Path) -> None:
    """Policy diff and mutants are tried on them."""
    (item,) = recorded_cases(plan_of(tmp_path, conversation(60), tags=["vip"]))
    assert isinstance(item, RecordedRun)
    assert (item.run, item.step, item.tags, item.answer) == ("cases/c", None, ("vip",), "2 steps, 1 call")


def test_a_committed_run_is_looked_through(tmp_path: Path) -> None:
    """Secrets in it are found as in any recording."""
    run = conversation(60)
    said = dataclasses.replace(run.steps[1], response=Response("Write to ann.example@mail.example-shop.com"))
    (row,) = scan_rows(plan_of(tmp_path, dataclasses.replace(run, steps=(run.steps[0], said))), "standard")
    assert row.case.endswith(".jsonl")


def test_a_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    """One byte is enough; and a run of another agent is none of the dataset's."""
    plan = plan_of(tmp_path, conversation(60))
    (file,) = tmp_path.rglob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b"Done.", b"Dune."))
    with pytest.raises(IntegrityError, match="the recording was changed"):
        judged(plan, Model())
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        judged(plan, Model())
    other = dataclasses.replace(conversation(60), agent="other")
    with pytest.raises(InputError, match="the run is of agent 'other', the dataset of 'support'"):
        judged(plan_of(tmp_path / "o", other), Model())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"checks": [{"contains": "x"}]}, "`checks` hold one step"),
        ({"messages": [{"role": "user", "content": "x"}]}, "either `step`, `messages` or `run`"),
        ({"run": "sha256:12"}, "run"),
    ],
)
def test_a_case_names_one_thing(tmp_path: Path, fields: Any, message: str) -> None:
    """A run has no checks of its own, and no second source."""
    case = {**sample_case("c", conversation(60)), **fields}
    write_gate(tmp_path, [case])
    with pytest.raises(DocumentError, match=message):
        load_plan(tmp_path, day="2026-06-01")


def test_nothing_is_asked_offline(tmp_path: Path) -> None:
    """The driver that knows a store alone judges an unchanged run."""
    (row,) = run_gate(plan_of(tmp_path, conversation(60)), ENGINE, in_turn(Answers())).rows
    assert row.verdict is Verdict.PASS


SEQUENTIAL = {"holds": 0.95, "regress": 0.65, "alpha": 0.01}
PAY, MORE, DONE = Response(tool_calls=(pay(60, 0),)), Response(tool_calls=(pay(50),)), Response("Done.")
KEEPS, BREAKS, LOST = (PAY, DONE), (PAY, MORE, DONE), (PAY, PAY)


@pytest.mark.parametrize(
    ("attempts", "verdict", "trials"),
    [
        ([KEEPS] * 7, Verdict.PASS, 7),
        ([BREAKS] * 3, Verdict.FAIL, 3),
        ([BREAKS, *[KEEPS] * 12], Verdict.PASS, 13),
        ([LOST] * 3, Verdict.UNDECIDED, 3),
        ([(None,), *[KEEPS] * 12], Verdict.PASS, 13),
    ],
)
def test_sequential_trials_of_a_run(tmp_path: Path, attempts: Any, verdict: Verdict, trials: int) -> None:
    """Each trial goes through the whole run; what nobody knows of a trial may have been a failure."""
    model = Model(*(response for attempt in attempts for response in attempt))
    plan = plan_of(tmp_path, conversation(60, 50), agent=CHANGED, trials=SEQUENTIAL)
    result = judged(plan, model)
    (row,) = result.rows
    assert (row.verdict, len(row.trials)) == (verdict, trials)
    assert (row.sequential, row.needed, row.planned) == (result.tests[0], 7, result.tests[0].max_trials)
    assert model.responses == []
    assert {ask.trial for ask in model.asked} == set(range(trials))


@pytest.mark.parametrize(("trials", "calls"), [({"n": 3, "pass": 2}, (2, 9, 6)), (SEQUENTIAL, (7, 93, 30))])
def test_the_estimate_of_a_run_counts_every_trial(tmp_path: Path, trials: Any, calls: tuple[int, ...]) -> None:
    """At the least one answer a trial, at the most and on average one for each step."""
    model = Model(None)
    judged(plan_of(tmp_path, conversation(60, 40), agent=CHANGED, trials=trials), model)
    forecast = Forecast()
    forecast.add(model.asked[0])
    found = forecast.estimate(lambda _: None, rows=1, free=0)
    assert (found.calls_least, found.calls_most, found.calls_expected) == calls
