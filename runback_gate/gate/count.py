"""How many answers a case is asked for, and what they come to.

In: what gate and case ask, and the trials so far. Out: the verdict once it is settled, and how many trials may come.

    count = KOfN(needed=2, planned=3, cap=0)
    count.settled(trials)                                   # Verdict.PASS once two passed; None while it is open

k of n and the sequential test are two forms of one thing: the loop asks until either says that it is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runback_gate.dataset.document import Case
from runback_gate.dataset.trials import AnyTrials, SequentialTrials
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.gate.plan import Plan
from runback_gate.gate.sequential import MAX_UNDECIDED, SequentialTest, sequential_test
from runback_gate.gate.verdict import Trial, Verdict, settle_trials, tally, weakest_pass


class Count(Protocol):
    """How often a case is asked."""

    @property
    def needed(self) -> int:
        """Fewest trials that must pass."""

    @property
    def planned(self) -> int:
        """Trials that are asked at the most, as planned."""

    @property
    def test(self) -> SequentialTest | None:
        """The sequential test; None for k of n."""

    def settled(self, trials: Sequence[Trial]) -> Verdict | None:
        """What the trials come to; None while more of them are wanted."""

    def least(self, trials: Sequence[Trial]) -> int:
        """Trials still to come if all of them pass."""

    def most(self, trials: Sequence[Trial]) -> int:
        """Trials that may still come."""

    def expected(self, trials: Sequence[Trial]) -> float:
        """Trials that are still to come on average, as far as that is known."""

    def extended(self, trials: int) -> Count:
        """The same for so many trials, where some were added."""

    def note(self, trials: Sequence[Trial], verdict: Verdict) -> str:
        """Why so many trials did not settle it; empty where they did, or where a trial says why."""


@dataclass(frozen=True, slots=True)
class KOfN:
    """k of n, and up to how many trials may be added."""

    needed: int
    planned: int
    cap: int = 0

    @property
    def test(self) -> None:
        """None."""

    def settled(self, trials: Sequence[Trial]) -> Verdict | None:
        """As `settle_more`."""
        return settle_trials(trials, self.needed, self.planned, self.cap)

    def least(self, trials: Sequence[Trial]) -> int:
        """As many as k lacks."""
        passed, _, _ = tally(trials)
        return max(1, self.needed - passed)

    def most(self, trials: Sequence[Trial]) -> int:
        """A threshold of all is never inside an interval, so nothing is added to it."""
        cap = self.cap if self.needed < self.planned else 0
        return max(1, max(self.planned, cap) - len(trials))

    def expected(self, trials: Sequence[Trial]) -> float:
        """If all goes well."""
        return float(self.least(trials))

    def extended(self, trials: int) -> KOfN:
        """The same part of more trials."""
        if trials <= self.planned:
            return self
        return KOfN(-(-self.needed * trials // self.planned), trials)

    def note(self, trials: Sequence[Trial], verdict: Verdict) -> str:  # noqa: ARG002
        """Nothing: an undecided trial says why."""
        return ""


@dataclass(frozen=True, slots=True)
class Sequential:
    """Trials until a sequential test is clear."""

    test: SequentialTest

    @property
    def needed(self) -> int:
        """Of a case that never fails."""
        return self.test.fewest

    @property
    def planned(self) -> int:
        """Trials after which an open case is undecided."""
        return self.test.max_trials

    def settled(self, trials: Sequence[Trial]) -> Verdict | None:
        """Red or green as soon as the test is; undecided at its end, or once too many trials could not be judged."""
        passed, failed, undecided = tally(trials)
        match self.test.settled(passed, failed, undecided):
            case "red":
                return Verdict.FAIL
            case "green":
                return weakest_pass(trials)
        over = len(trials) >= self.planned or undecided >= MAX_UNDECIDED
        return Verdict.UNDECIDED if over else None

    def least(self, trials: Sequence[Trial]) -> int:
        """Until the test is green."""
        return self.test.least(*tally(trials))

    def most(self, trials: Sequence[Trial]) -> int:
        """Until its end."""
        return max(1, self.planned - len(trials))

    def expected(self, trials: Sequence[Trial]) -> float:
        """Of a case at `holds`, before the first trial; later what is left if all goes well."""
        return float(self.least(trials)) if trials else self.test.expected()

    def extended(self, trials: int) -> Sequential:  # noqa: ARG002
        """Itself: nothing is added to it."""
        return self

    def note(self, trials: Sequence[Trial], verdict: Verdict) -> str:
        """That the pass rate may lie on either side."""
        passed, failed, undecided = tally(trials)
        if verdict is not Verdict.UNDECIDED or undecided:
            return ""
        rates = f"holds {self.test.holds} and regress {self.test.regress}"
        return f"{passed} of {passed + failed} trials passed, which leaves {rates} both open"


def count_of(plan: Plan, case: Case, tests: int) -> Count:
    """How often a case is asked by the gate of a plan.

    Raises:
        InputError: a sequential test would not have its power.
    """
    asked = plan.more.of(trials_of(plan, case))
    if not isinstance(asked, SequentialTrials):
        return KOfN(asked.needed, asked.n, plan.more.cap)
    try:
        return Sequential(sequential_test(asked, tests))
    except ValueError as error:
        hint = "lower regress or power, or raise alpha or maxTrials"
        raise InputError(f"case {case.id!r}: {error}", hint=hint, location=case.location) from error


def trials_of(plan: Plan, case: Case) -> AnyTrials:
    """What a case asks, or the gate where neither it nor its dataset does."""
    return case.trials or plan.gate.trials
