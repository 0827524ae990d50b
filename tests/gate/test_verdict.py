"""Verdict rules: k of n, rows, the gate, exit codes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import Location
from runback_gate.gate.verdict import Row, Trial, Verdict, gate_verdict, settle, settle_trials, trial_verdict
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Evidence

PLACE = Location("f.yaml", 1, 1)
RED = st.sampled_from([Verdict.FAIL, Verdict.UNDECIDED])
ANY = st.sampled_from(list(Verdict))


def finding(outcome: str = "fail", action: str = "Deny", waiver: str | None = None) -> Finding:
    """A finding of one rule."""
    return Finding("r", "p", outcome, action, "m", (), PLACE, waiver)  # type: ignore[arg-type]


def trial(verdict: Verdict) -> Trial:
    """A trial that came to a verdict."""
    return Trial(0, Evidence.LIVE, verdict, "", "", (), (), ())


def row(verdict: Verdict, kind: str = "case") -> Row:
    """A row that came to a verdict."""
    return Row(kind=kind, case="c", verdict=verdict, needed=1, planned=1, location=PLACE)  # type: ignore[arg-type]


def test_exit_codes() -> None:
    """0 pass, 1 fail, 2 could not judge; warned and waived rows do not block."""
    assert {verdict: verdict.exit_code for verdict in Verdict} == {
        Verdict.PASS: 0,
        Verdict.WARN: 0,
        Verdict.WAIVED: 0,
        Verdict.FAIL: 1,
        Verdict.UNDECIDED: 2,
    }


@pytest.mark.parametrize(
    ("judged", "findings", "expected"),
    [
        (1, [], Verdict.PASS),
        (0, [], Verdict.UNDECIDED),
        (0, [finding(action="Warn", outcome="error")], Verdict.UNDECIDED),
        (1, [finding()], Verdict.FAIL),
        (1, [finding(), finding("error")], Verdict.FAIL),
        (1, [finding("error")], Verdict.UNDECIDED),
        (2, [finding(action="Warn")], Verdict.WARN),
        (2, [finding("error", "Warn")], Verdict.WARN),
        (1, [finding(action="Audit")], Verdict.PASS),
        (1, [finding(waiver="w")], Verdict.WAIVED),
        (2, [finding(waiver="w"), finding()], Verdict.FAIL),
        (2, [finding(waiver="w"), finding("error")], Verdict.UNDECIDED),
        (2, [finding(waiver="w"), finding(action="Warn")], Verdict.WARN),
    ],
)
def test_trial(judged: int, findings: list[Finding], expected: Verdict) -> None:
    """Fail beats undecided beats warned beats waived; nothing judged is undecided."""
    assert trial_verdict(judged, findings) is expected


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.data())
def test_early_stop_changes_nothing(shape: tuple[int, int], data: st.DataObject) -> None:
    """What is settled after some trials stays so whatever the outstanding ones would say."""
    planned, needed = shape
    kinds = data.draw(st.lists(st.sampled_from("pfu"), min_size=planned, max_size=planned))

    def at(done: int) -> Verdict | None:
        head = kinds[:done]
        return settle(head.count("p"), head.count("f"), head.count("u"), needed, planned)

    final = at(planned)
    assert final is not None
    assert {verdict for done in range(planned + 1) if (verdict := at(done))} == {final}


def test_k_of_n_by_hand() -> None:
    """2 of 3, every order of pass, fail and undecided."""
    for kinds in itertools.product("pfu", repeat=3):
        passed, failed, undecided = (kinds.count(kind) for kind in "pfu")
        expected = Verdict.PASS if passed >= 2 else Verdict.FAIL if failed >= 2 else Verdict.UNDECIDED
        assert settle(passed, failed, undecided, needed=2, planned=3) is expected


def test_a_passing_row_shows_its_weakest_pass() -> None:
    """A row with a waived trial is waived, not plain green."""
    trials = [trial(Verdict.PASS), trial(Verdict.WAIVED), trial(Verdict.WARN)]
    assert settle_trials(trials, 3, 3) is Verdict.WAIVED
    assert settle_trials(trials[::2], 2, 2) is Verdict.WARN
    assert settle_trials(trials[:1], 2, 2) is None


def test_no_case_is_never_green() -> None:
    """No row, or only rows that are no case, could not be judged."""
    assert gate_verdict([]) is Verdict.UNDECIDED
    assert gate_verdict([row(Verdict.PASS, "waiver")]) is Verdict.UNDECIDED


@given(st.lists(ANY), RED)
def test_one_more_red_never_helps(verdicts: list[Verdict], red: Verdict) -> None:
    """Adding a red or undecided row never makes the gate green, and never turns FAIL into anything else."""
    before = gate_verdict(map(row, verdicts))
    after = gate_verdict(map(row, [*verdicts, red]))
    assert after is not Verdict.PASS
    assert before is not Verdict.FAIL or after is Verdict.FAIL


@given(st.lists(st.sampled_from([finding(), finding("error"), finding(action="Warn"), finding(waiver="w")])))
def test_one_more_breach_never_helps(findings: list[Finding]) -> None:
    """Adding a blocking finding to a trial never makes it better."""
    rank = [Verdict.FAIL, Verdict.UNDECIDED, Verdict.WARN, Verdict.WAIVED, Verdict.PASS].index
    before = trial_verdict(len(findings) + 1, findings)
    assert rank(trial_verdict(len(findings) + 2, [*findings, finding()])) <= rank(before)
    assert rank(trial_verdict(len(findings) + 2, [*findings, finding("error")])) <= rank(before)


def test_a_providers_error_is_never_green() -> None:
    """It keeps most rules, but nobody answered; a rule that it breaks still is broken."""
    assert trial_verdict(3, [], answered=False) is Verdict.UNDECIDED
    assert trial_verdict(3, [finding(action="Warn")], answered=False) is Verdict.UNDECIDED
    assert trial_verdict(3, [finding()], answered=False) is Verdict.FAIL
