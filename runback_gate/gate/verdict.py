"""Verdicts: what one trial, one row and the whole gate come to, and the exit code that says so.

In: findings and checks of each trial. Out: `Row` and `Verdict` values. Everything here is pure; a red verdict is a
value.

    settle(passed=1, failed=0, undecided=0, needed=1, planned=1)   # Verdict.PASS
    gate_verdict(rows).exit_code                                   # 0 pass, 1 fail, 2 could not judge
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Literal

from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.gate.sequential import SequentialTest
from runback_gate.gate.trials import Interval, enough, straddles
from runback_gate.policy.finding import Finding, Grade
from runback_gate.replay.evidence import Evidence
from runback_gate.step import Response

Status = Literal["", "regressed", "already failing", "fixed", "new", "unchanged"]
"""A row against the base. `regressed`: a rule fails that the base keeps. `already failing`: the base fails whatever
fails here. `new`: the case, or the rule that fails, is not on the base. Empty: no base, or it could not be judged."""


class Verdict(StrEnum):
    """What a row or a trial comes to; the gate itself is PASS, FAIL or UNDECIDED."""

    PASS = "PASS"
    FAIL = "FAIL"
    WARN = "WARN"
    WAIVED = "WAIVED"
    UNDECIDED = "UNDECIDED"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 could not judge."""
        return {Verdict.FAIL: 1, Verdict.UNDECIDED: 2}.get(self, 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer to a case and what it came to."""

    index: int
    """From 0."""
    evidence: Evidence
    verdict: Verdict
    request: str
    """Digest of the request that was asked."""
    answer: str
    """The answer in short: `escalate(reason: "dispute")` or the first words of the text. Empty when missing."""
    passed: tuple[str, ...]
    """Ids of the rules that hold."""
    skipped: tuple[str, ...]
    """Ids of the rules whose match conditions say that they do not concern this answer."""
    findings: tuple[Finding, ...]
    """The rules that fail or cannot be evaluated, waived ones included."""
    stored: str | None = None
    """Digest of the cache entry that held the answer; None where none did."""
    note: str = ""
    """What must be known about the evidence, or why it is missing."""
    latency_ms: int | None = None
    """Milliseconds from request to complete answer; None when that is not known."""
    cost_usd: str | None = None
    """US dollars as a decimal string; None when that is not known."""
    judged: tuple[Grade, ...] = ()
    """What judge models say of the answer."""
    answer_digest: str | None = None
    """Digest of the whole answer; None where there is none, and in a row that passes."""
    not_understood: str | None = None
    """JSON path of the part of the provider's answer that was not understood; None where nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a case under an agent, or a duty of the gate itself such as an expired waiver."""

    kind: Literal["case", "waiver", "weakening", "scan"]
    agent: str = ""
    dataset: str = ""
    case: str
    verdict: Verdict
    evidence: Evidence | None = None
    """None for rows that need no answer."""
    note: str = ""
    """What must be known about the evidence: `parameters unknown`, or why it is missing."""
    needed: int = 0
    """k of k-of-n; of a sequential test the trials after which a case is green that never failed."""
    planned: int = 0
    """n of k-of-n, or the most trials of a sequential test; 1 for recorded evidence, which cannot vary."""
    then: str = ""
    """The recorded answer in short; empty when nothing was recorded."""
    now: str = ""
    """The answer that decided, in short; empty when there is none."""
    why: str = ""
    """Why the case is there, in its author's words."""
    recording: str | None = None
    """Digest of the recorded step."""
    location: Location
    """The case in its dataset, or the waiver."""
    trials: tuple[Trial, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Of the trial that decided, the worst first."""
    waivers: tuple[str, ...] = ()
    """`pii.email until 2026-12-31 (payments, TICKET-12)`"""
    status: Status = ""
    """What became of the row against the base."""
    blocking: bool = True
    """Whether the gate fails when the row fails: not when the base failed already and only regressions block."""
    order: int = 0
    """Place in the gate as written, for rows of one verdict."""
    recorded_request: str | None = None
    """Digest of the request that was recorded; None in a row that passes, and where nothing was recorded."""
    recorded_answer: str | None = None
    """Digest of its answer, likewise."""
    run: str | None = None
    """Digest of the recorded run, of a case that is a whole run."""
    frontier: int | None = None
    """Of such a case the step from 0 at which the agent first did what nobody can answer; None where it did not."""
    interval: Interval | None = None
    """How sure the pass rate is; None where fewer than two trials could be judged."""
    sequential: SequentialTest | None = None
    """The test of the pass rate; None for k of n, and for recorded evidence."""

    @property
    def passed(self) -> int:
        """Trials that did not fail and could be judged."""
        return sum(trial.verdict not in (Verdict.FAIL, Verdict.UNDECIDED) for trial in self.trials)


def unallowed(response: Response, allowed: Collection[str]) -> str:
    """Why an answer is not whole enough to be green; empty where it is, or where its gate allows that.

    `length`: the model was cut off. `empty`: no text, no call and no refusal. What fails on it fails all the same.
    """
    if response.finish_reason == "length" and "length" not in allowed:
        return "the answer was cut off (finish reason length)"
    said = response.text.strip() or response.tool_calls or response.refusal or response.error
    return "" if said or "empty" in allowed else "the answer is empty: no text, no call, no refusal"


def trial_verdict(judged: int, findings: Sequence[Finding], *, answered: bool = True) -> Verdict:
    """What one answer comes to.

    Args:
        judged: how many rules gave true or false; a trial that nothing judged is never green.
        findings: the rules that fail or cannot be evaluated.
        answered: whether the model answered in full; an error or a part breaks few rules, and is never green either.
    """
    live = [finding for finding in findings if finding.waiver is None]
    if any(finding.outcome == "fail" and finding.action == "Deny" for finding in live):
        return Verdict.FAIL
    if judged == 0 or not answered or any(finding.outcome == "error" and finding.action == "Deny" for finding in live):
        return Verdict.UNDECIDED
    if any(finding.action == "Warn" for finding in live):
        return Verdict.WARN
    return Verdict.WAIVED if len(live) < len(findings) else Verdict.PASS


def settle(passed: int, failed: int, undecided: int, needed: int, planned: int) -> Verdict | None:
    """k of n: PASS or FAIL as soon as no outstanding trial can change it, else None while trials are outstanding.

    When all are in and neither side is reached, the undecided ones could have tipped it: UNDECIDED.
    """
    if passed >= needed:
        return Verdict.PASS
    if failed > planned - needed:
        return Verdict.FAIL
    return Verdict.UNDECIDED if passed + failed + undecided >= planned else None


def settle_more(passed: int, failed: int, undecided: int, needed: int, planned: int, cap: int) -> Verdict | None:
    """`settle`, and then on to `cap` trials while the interval of the pass rate leaves open on which side of k/n it is.

    What decides in the end is whether as large a part passed as k/n is; an undecided trial ends it.
    """
    total = passed + failed + undecided
    first = settle(passed, failed, undecided, needed, planned)
    if cap <= planned or (total <= planned and first in (None, Verdict.UNDECIDED)):
        return first
    if total < cap and not undecided and straddles(passed, total, needed, planned):
        return None
    if total <= planned:
        return first
    if enough(passed, total, needed, planned):
        return Verdict.PASS
    return Verdict.UNDECIDED if enough(passed + undecided, total, needed, planned) else Verdict.FAIL


def tally(trials: Sequence[Trial]) -> tuple[int, int, int]:
    """Trials that passed, that failed, that could not be judged."""
    failed = sum(trial.verdict is Verdict.FAIL for trial in trials)
    undecided = sum(trial.verdict is Verdict.UNDECIDED for trial in trials)
    return len(trials) - failed - undecided, failed, undecided


def settle_trials(trials: Sequence[Trial], needed: int, planned: int, cap: int = 0) -> Verdict | None:
    """`settle_more` over trials; a row that passes shows the weakest that passes (WAIVED over WARN over PASS)."""
    verdict = settle_more(*tally(trials), needed, planned, cap)
    return weakest_pass(trials) if verdict is Verdict.PASS else verdict


def weakest_pass(trials: Iterable[Trial]) -> Verdict:
    """What a row shows that passes: the weakest verdict of those that are neither red nor undecided."""
    kinds = {trial.verdict for trial in trials}
    return next((kind for kind in (Verdict.WAIVED, Verdict.WARN) if kind in kinds), Verdict.PASS)


RANK = {
    kind: rank
    for rank, kind in enumerate((Verdict.FAIL, Verdict.UNDECIDED, Verdict.WARN, Verdict.WAIVED, Verdict.PASS))
}
"""The worst verdict first."""


def by_rank(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows with the worst first, what blocks before what does not, what was fixed before what is as it was."""
    return tuple(sorted(rows, key=lambda row: (RANK[row.verdict], not row.blocking, row.status != "fixed", row.order)))


def gate_verdict(rows: Iterable[Row]) -> Verdict:
    """FAIL if any blocking row fails, else UNDECIDED if any is undecided or no case was judged, else PASS."""
    seen = [(row.kind, row.verdict, row.blocking) for row in rows]
    if any(verdict is Verdict.FAIL and blocking for _, verdict, blocking in seen):
        return Verdict.FAIL
    if any(verdict is Verdict.UNDECIDED for _, verdict, _ in seen) or not any(kind == "case" for kind, _, _ in seen):
        return Verdict.UNDECIDED
    return Verdict.PASS
