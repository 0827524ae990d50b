"""Rules in the loop: k of n, what policies come to, and what waivers do and do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.errors import ExpressionError
from runback_gate.gate.run import Result
from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.replay.evidence import Evidence
from runback_gate.step import Response
from runback_gate.testing import (
    AGENT,
    REFUNDS,
    Answers,
    sample_case,
    sample_step,
    write_document,
    write_gate,
)
from tests.gate.folders import BAD, GOOD, LARGE, OTHER_MODEL, SAYS_HI, SMALL, UGLY, WAIVER, one, rule, run, verdicts


@pytest.mark.parametrize(
    ("trials", "responses", "verdict", "asked", "passed"),
    [
        ({"n": 1}, [GOOD], "PASS", 1, 1),
        ({"n": 3}, [GOOD, GOOD, GOOD], "PASS", 3, 3),
        ({"n": 3}, [BAD, GOOD, GOOD], "FAIL", 1, 0),
        ({"n": 3}, [GOOD, BAD, GOOD], "FAIL", 2, 1),
        ({"n": 3, "pass": 2}, [GOOD, GOOD, BAD], "PASS", 2, 2),
        ({"n": 3, "pass": 2}, [GOOD, BAD, GOOD], "PASS", 3, 2),
        ({"n": 3, "pass": 2}, [BAD, BAD, GOOD], "FAIL", 2, 0),
        ({"n": 3, "pass": 1}, [BAD, BAD, GOOD], "PASS", 3, 1),
        ({"n": 3, "pass": 2}, [GOOD, UGLY, BAD], "UNDECIDED", 3, 1),
        ({"n": 3, "pass": 2}, [UGLY, GOOD, GOOD], "PASS", 3, 2),
        ({"n": 3, "pass": 2}, [GOOD, None, BAD], "UNDECIDED", 3, 1),
        ({"n": 3}, [GOOD, None, BAD], "FAIL", 3, 1),
        ({"n": 3}, [GOOD], "UNDECIDED", 3, 1),
        ({"n": 3}, [], "UNDECIDED", 3, 0),
    ],
)
def test_k_of_n(
    tmp_path: Path,
    trials: dict[str, Any],
    responses: list[Response | None],
    verdict: str,
    asked: int,
    passed: int,
) -> None:
    """Trial by trial until the outcome is settled; no answer is asked for that could not change it."""
    answers = Answers(*responses)
    row = one(tmp_path, SMALL, agent=OTHER_MODEL, trials=trials, answers=answers)
    assert (row.verdict.value, row.passed, len(row.trials)) == (verdict, passed, asked)
    assert [trial for _, trial in answers.asked] == list(range(asked))
    assert (row.needed, row.planned) == (trials.get("pass", trials["n"]), trials["n"])


def test_the_trial_that_decided_is_shown(tmp_path: Path) -> None:
    """Its answer, its evidence and its findings."""
    row = one(tmp_path, SMALL, agent=OTHER_MODEL, trials={"n": 3}, answers=Answers(GOOD, BAD))
    assert (row.now, row.evidence, [item.rule for item in row.findings]) == (
        "issue_refund(amount: 250)",
        Evidence.CACHED,
        ["refunds.limit"],
    )
    row = one(tmp_path, SMALL, agent=OTHER_MODEL, trials={"n": 2}, answers=Answers(GOOD))
    assert (row.now, row.evidence, row.note.endswith("no answer to it is known")) == ("", Evidence.MISSING, True)


def test_trials_of_a_case_and_of_a_dataset(tmp_path: Path) -> None:
    """A case may ask for more, a dataset for all of its cases; a recorded answer is one trial."""
    case = sample_case("c", sample_step(SMALL), trials={"n": 5})
    write_gate(tmp_path, [case], agent=OTHER_MODEL, trials={"n": 2})
    (row,) = run(tmp_path, Answers(*[GOOD] * 5)).rows
    assert (row.needed, row.planned) == (5, 5)
    write_gate(tmp_path, [case], trials={"n": 2})
    (row,) = run(tmp_path).rows
    assert (row.needed, row.planned, row.evidence) == (1, 1, Evidence.RECORDED)


@pytest.mark.parametrize(
    ("spec", "verdict", "outcome", "action"),
    [
        ({}, "FAIL", "fail", "Deny"),
        ({"validationActions": ["Warn"]}, "WARN", "fail", "Warn"),
        ({"validationActions": ["Audit"]}, "PASS", "fail", "Audit"),
        ({"validationActions": ["Audit", "Deny"]}, "FAIL", "fail", "Deny"),
        ({"failurePolicy": "Ignore"}, "FAIL", "fail", "Deny"),
    ],
)
def test_actions(tmp_path: Path, spec: dict[str, Any], verdict: str, outcome: str, action: str) -> None:
    """Deny blocks, Warn is shown, Audit is kept; failurePolicy speaks of errors, not of breaches."""
    row = one(tmp_path, LARGE, policies=rule("false", **spec))
    assert row.verdict.value == verdict
    assert [(item.outcome, item.action) for item in row.findings] == [(outcome, action)]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("1 + 1", "returned int, expected bool"),
        ("response.tool_calls[7].name == 'x'", "cannot be evaluated"),
        ("response.latency_ms < 5", "cannot be evaluated"),
        (f"[{', '.join(['1'] * 101)}].all(a, [{', '.join(['1'] * 101)}].all(b, true))", "10,000"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize(
    ("spec", "verdict"),
    [
        ({}, "UNDECIDED"),
        ({"failurePolicy": "Ignore"}, "UNDECIDED"),
        ({"validationActions": ["Warn"]}, "UNDECIDED"),
        ({"validationActions": ["Audit"]}, "UNDECIDED"),
    ],
)
def test_a_rule_that_gives_no_answer_judges_nothing(
    tmp_path: Path, expression: str, reason: str, spec: dict[str, Any], verdict: str
) -> None:
    """As the only rule it leaves the row undecided whatever its action; the finding has the place in the policy."""
    row = one(tmp_path, LARGE, policies=rule(expression, **spec))
    assert row.verdict.value == verdict
    (finding,) = row.findings
    assert (finding.outcome, str(finding.location)) == ("error", "policies/p.yaml:11:20")
    assert reason in finding.message


@pytest.mark.parametrize(
    ("spec", "verdict"),
    [({}, "UNDECIDED"), ({"failurePolicy": "Ignore"}, "WARN"), ({"validationActions": ["Audit"]}, "PASS")],
)
def test_errors_beside_a_rule_that_holds(tmp_path: Path, spec: dict[str, Any], verdict: str) -> None:
    """Where something else was judged, failurePolicy and action decide what an error comes to."""
    policies = {**rule("1 + 1", **spec), "q": {"validations": [{"id": "q", "expression": "true"}]}}
    assert one(tmp_path, LARGE, policies=policies).verdict.value == verdict


def test_nothing_judged_is_never_green(tmp_path: Path) -> None:
    """A case without checks that no policy concerns, or that every policy skips, is undecided."""
    assert one(tmp_path, SMALL, policies={}).verdict is Verdict.UNDECIDED
    assert one(tmp_path, policies={"refunds": REFUNDS}).verdict is Verdict.UNDECIDED
    skipped = {"refunds": {**REFUNDS, "match": {"agents": ["billing"]}}}
    assert one(tmp_path, LARGE, policies=skipped).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("match", "tags", "verdict"),
    [
        ({"agents": ["sup*"]}, [], "FAIL"),
        ({"agents": ["billing"]}, [], "PASS"),
        ({"tags": ["refund"]}, ["refund", "vip"], "FAIL"),
        ({"tags": ["refund"]}, ["vip"], "PASS"),
        ({"tags": ["refund"]}, [], "PASS"),
    ],
)
def test_match(tmp_path: Path, match: dict[str, Any], tags: list[str], verdict: str) -> None:
    """A policy concerns the agents and the tagged cases that it names."""
    case = sample_case("c", sample_step(LARGE), {"toolCalled": "issue_refund"}, tags=tags)
    write_gate(tmp_path, [case], policies={"refunds": {**REFUNDS, "match": match}})
    assert run(tmp_path).rows[0].verdict.value == verdict


def test_policies_that_concern_nothing_are_named(tmp_path: Path) -> None:
    """By match, by condition, or because of an error: only the first two said nothing."""
    policies = {
        "other": {**rule("true")["p"], "validations": [{"id": "o", "expression": "true"}], "match": {"tags": ["no"]}},
        "refunds": REFUNDS,
        "wrong": {"validations": [{"id": "w", "expression": "1 + 1"}]},
    }
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"), SAYS_HI)], policies=policies)
    assert run(tmp_path).vacuous == ("other", "refunds")
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"), SAYS_HI)], policies=policies, agent=OTHER_MODEL)
    assert run(tmp_path).vacuous == ()


@pytest.mark.parametrize(
    ("policies", "check", "place"),
    [
        (rule("response.text =="), None, "policies/p.yaml:11:"),
        (rule("nobody == 1"), None, "policies/p.yaml:11:20: r: undeclared reference to 'nobody'"),
        ({}, {"cel": "nobody == 1"}, "datasets/cases.yaml:15:14: cel nobody == 1: undeclared reference to 'nobody'"),
        ({}, {"matches": "("}, "datasets/cases.yaml:14:6: matches (: invalid regular expression"),
    ],
)
def test_what_does_not_compile_stops_the_run(
    tmp_path: Path, policies: dict[str, Any], check: dict[str, Any] | None, place: str
) -> None:
    """Before anything is judged, with the place."""
    write_gate(tmp_path, [sample_case("c", sample_step(SMALL), *([check] if check else []))], policies=policies)
    with pytest.raises(ExpressionError) as error:
        run(tmp_path)
    assert str(error.value).startswith(place)


def test_what_expressions_see(tmp_path: Path) -> None:
    """Case, dataset, agent with labels, the recorded time, history and the recorded answer."""
    expression = (
        'case.id == "c" && case.dataset == "cases" && case.tags == ["vip"] && case.now == "2026-01-01T00:00:00Z"'
        ' && agent.name == "support" && baseline.tool_calls[0].arguments.amount == 40 && size(history) == 0'
        ' && response.tool_calls[0].arguments.amount == 250 && request.model == "openai/gpt-5"'
    )
    step = sample_step(SMALL, source={"at": "2026-01-01T00:00:00Z"})
    write_gate(tmp_path, [sample_case("c", step, tags=["vip"])], policies=rule(expression), agent=OTHER_MODEL)
    assert run(tmp_path, Answers(BAD)).rows[0].verdict is Verdict.PASS


def test_a_waived_breach(tmp_path: Path) -> None:
    """The row is waived, says until when and by whom, and keeps its finding; the gate passes."""
    write_gate(tmp_path, [sample_case("large", sample_step(LARGE))], waivers={"w": WAIVER})
    result = run(tmp_path)
    (row,) = result.rows
    assert (row.verdict, row.waivers) == (Verdict.WAIVED, ("refunds.limit until 2026-12-31 (payments, T-1)",))
    assert [(item.rule, item.waiver) for item in row.findings] == [("refunds.limit", "w")]
    assert gate_verdict(result.rows) is Verdict.PASS


def test_a_waiver_of_another_breach_helps_nothing(tmp_path: Path) -> None:
    """A second breach of the same answer still fails, and stands before the waived one."""
    case = sample_case("large", sample_step(LARGE), {"toolCalled": "escalate"})
    write_gate(tmp_path, [case], waivers={"w": WAIVER})
    (row,) = run(tmp_path).rows
    assert row.verdict is Verdict.FAIL
    assert [(item.rule, item.waiver) for item in row.findings] == [
        ("toolCalled escalate", None),
        ("refunds.limit", "w"),
    ]


@pytest.mark.parametrize(("day", "red"), [("2026-12-31", False), ("2027-01-01", True)])
def test_an_expired_waiver_is_red(tmp_path: Path, day: str, red: bool) -> None:
    """On the day after its last one it waives nothing and is a red row of its own."""
    write_gate(tmp_path, [sample_case("large", sample_step(LARGE))], waivers={"w": WAIVER})
    rows = run(tmp_path, day=day).rows
    assert verdicts(Result(rows, (), ())) == ({"large": "FAIL", "w": "FAIL"} if red else {"large": "WAIVED"})
    if red:
        row = rows[1]
        assert (row.kind, row.evidence, row.trials, row.findings) == ("waiver", None, (), ())
        assert row.why == "expired on 2026-12-31: fix the breach or have payments renew it"
        assert str(row.location) == "waivers/w.yaml:16:14"


@pytest.mark.parametrize(
    "fields",
    [{"cases": ["small"]}, {"cases": ["nobody"]}, {"policies": ["refunds.limits"]}, {"policies": ["toolCalled"]}],
    ids=str,
)
def test_a_waiver_that_waives_nothing_is_red(tmp_path: Path, fields: dict[str, Any]) -> None:
    """It names a breach that is not there: fixed, or misspelled. Either way somebody must look."""
    cases = [sample_case("small", sample_step(SMALL)), sample_case("large", sample_step(SMALL))]
    write_gate(tmp_path, cases, waivers={"w": {**WAIVER, **fields}})
    result = run(tmp_path)
    assert verdicts(result) == {"w": "FAIL", "small": "PASS", "large": "PASS"}
    assert result.rows[0].why == "waives nothing: no case breaks what it names, so remove it"


def test_an_unused_waiver_in_a_part_of_the_gate(tmp_path: Path) -> None:
    """A run of a part cannot say that a waiver waives nothing, but still that it is expired."""
    more = {"cases": [{"id": "x", "messages": [{"role": "user", "content": "Hi"}]}]}
    write_gate(tmp_path, [sample_case("large", sample_step(LARGE))], waivers={"w": WAIVER})
    write_document(tmp_path, "datasets/more.yaml", "Dataset", "more", more, agent=AGENT)
    assert verdicts(run(tmp_path, Answers(GOOD), dataset="more")) == {"x": "PASS"}
    assert verdicts(run(tmp_path, Answers(GOOD), dataset="more", day="2027-01-01")) == {"w": "FAIL", "x": "PASS"}


def test_a_waiver_of_an_undecided_case_is_not_called_unused(tmp_path: Path) -> None:
    """While a provider is out nobody knows what the waiver waives: that is no FAIL."""
    write_gate(tmp_path, [sample_case("large", sample_step(LARGE))], waivers={"w": WAIVER}, agent=OTHER_MODEL)
    result = run(tmp_path)
    assert verdicts(result) == {"large": "UNDECIDED"}
    assert gate_verdict(result.rows) is Verdict.UNDECIDED
