"""A sequential test of the pass rate of a case, with an error that is known beforehand.

In: what a gate asks (`holds`, `regress`, `alpha`, `power`) and among how many tests `alpha` is shared. Out: a
`SequentialTest`, which says after each trial whether the case is red, green or open; and its exact power.

    test = sequential_test(asked, tests=50)
    test.settled(passed=7, failed=0)                        # "green"
    test.settled(passed=0, failed=5)                        # "red"
    test.expected()                                         # 9.99… trials of a case that holds

The evidence after n trials is the likelihood ratio of `regress` against `holds`. While the true rate is `holds` or
more, whatever came before, it is a nonnegative supermartingale that starts at 1, so it ever reaches `tests / alpha`
with a probability of at most `alpha / tests` (Ville 1939): red is safe at any time. Its inverse is one while the rate
is `regress` or less, so green, at `1 / (1 - power)`, is wrong with a probability of at most `1 - power`. That is Wald's
sequential probability ratio test (1945) with the bounds that need no approximation.

All is exact: what people write are decimals, and integers are compared. Every process gives the same verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from runback_gate.dataset.rates import MAX_SEQUENTIAL, exact
from runback_gate.frozen import dataclass

if TYPE_CHECKING:
    from runback_gate.dataset.trials import SequentialTrials

MAX_UNDECIDED: Final = 3
"""Trials that could not be judged, after which a case is undecided."""

Settled = Literal["", "red", "green"]


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """What is asked of a case, and how sure its verdict is. Rates and probabilities are decimal strings."""

    holds: str
    """Pass rate from which a case is healthy."""
    regress: str
    """Pass rate down to which it has regressed."""
    alpha: str
    """Highest probability that any healthy case of the whole plan is red."""
    tests: int
    """Tests of the whole plan, among which `alpha` is shared."""
    share: str
    """alpha / tests, rounded up."""
    power: str
    """Probability that a case at `regress` is red within `max_trials`, rounded down."""
    missed: str
    """Highest probability that a case at `regress` is green."""
    max_trials: int
    """Trials after which an open case is undecided."""

    def settled(self, passed: int, failed: int, undecided: int = 0) -> Settled:
        """What the trials so far come to; empty while that is open. An undecided one counts for neither side."""
        total = passed + failed + undecided
        red, green = self.bounds[total - 1]
        if failed >= red:
            return "red"
        return "green" if failed + undecided <= green else ""

    @property
    def bounds(self) -> Sequence[tuple[int, int]]:
        """After each trial the fewest failures that are red and the most that are green; -1 for none."""
        return _bounds(self.holds, self.regress, self.alpha, self.tests, self.missed)

    @property
    def fewest(self) -> int:
        """Trials after which a case is green that never failed."""
        return next(number for number, (_, green) in enumerate(self.bounds, 1) if green >= 0)

    def least(self, passed: int, failed: int, undecided: int) -> int:
        """Trials that are still to come if all of them pass; 1 where they cannot settle it."""
        total, against = passed + failed + undecided, failed + undecided
        later = range(total, self.max_trials)
        return next((number + 1 - total for number in later if self.bounds[number][1] >= against), 1)

    def chances(self, rate: str) -> Iterator[Chances]:
        """What becomes of a case with a true pass rate, exactly, before the first trial and after each."""
        return _chances(Fraction(rate), self.bounds[: self.max_trials])

    def expected(self) -> float:
        """Trials that a case at `holds` takes on average."""
        return float(sum(Fraction(found.open, found.whole) for found in [*self.chances(self.holds)][:-1]))


@dataclass(frozen=True, slots=True)
class Chances:
    """Probabilities of what a case has come to, in parts of `whole`."""

    red: int
    green: int
    open: int
    whole: int


@lru_cache(maxsize=256)
def sequential_test(asked: SequentialTrials, tests: int) -> SequentialTest:
    """The test that is asked for, as one of `tests` that share its alpha.

    Raises:
        ValueError: it would take more trials than are allowed to have its power.
    """
    holds, regress, alpha = (_text(value) for value in (asked.holds, asked.regress, asked.alpha))
    share, missed = Fraction(alpha) / tests, 1 - exact(asked.asked_power)
    bounds = _bounds(holds, regress, alpha, tests, _rounded(missed, ROUND_CEILING))
    sides = zip(_chances(Fraction(regress), bounds), _chances(Fraction(holds), bounds), strict=True)
    for number, (broken, healthy) in enumerate(sides):
        strong = broken.red * missed.denominator >= (missed.denominator - missed.numerator) * broken.whole
        sure = healthy.open * share.denominator <= share.numerator * healthy.whole
        if number == asked.maxTrials or (asked.maxTrials is None and strong and sure):
            break
    else:
        strong = False
    if not strong and (asked.maxTrials is None or asked.power is not None):
        limit = asked.maxTrials or MAX_SEQUENTIAL
        raise ValueError(f"{limit} trials do not reach a power of {_text(asked.asked_power)} with {tests:,} tests")
    return SequentialTest(
        holds=holds,
        regress=regress,
        alpha=alpha,
        tests=tests,
        share=_rounded(share, ROUND_CEILING),
        power=_rounded(Fraction(broken.red, broken.whole), ROUND_FLOOR),
        missed=_rounded(missed, ROUND_CEILING),
        max_trials=number,
    )


@lru_cache(maxsize=256)
def _bounds(holds: str, regress: str, alpha: str, tests: int, most: str) -> Sequence[tuple[int, int]]:
    """`SequentialTest.bounds` of as many trials as any test may take; `most` is what may be missed."""
    high, low, share, missed = Fraction(holds), Fraction(regress), Fraction(alpha) / tests, Fraction(most)
    unit = math.lcm(high.denominator, low.denominator)
    # Rates in whole units: what both likelihoods are divided by is the same, and drops out.
    passes, fails = (int(low * unit), int(high * unit)), (int((1 - low) * unit), int((1 - high) * unit))

    def likelihoods(total: int, failed: int) -> tuple[int, int]:
        """Of so many failures, at `regress` and at `holds`."""
        return passes[0] ** (total - failed) * fails[0] ** failed, passes[1] ** (total - failed) * fails[1] ** failed

    def is_red(total: int, failed: int) -> bool:
        broken, healthy = likelihoods(total, failed)
        return broken * share.numerator >= share.denominator * healthy

    def is_green(total: int, failed: int) -> bool:
        broken, healthy = likelihoods(total, failed)
        return broken * missed.denominator <= missed.numerator * healthy

    found, red, green = [], 0, -1
    for total in range(1, MAX_SEQUENTIAL + 1):
        # One more trial never lets fewer failures be red, nor fewer be green.
        while red <= total and not is_red(total, red):
            red += 1
        while green < total and is_green(total, green + 1):
            green += 1
        found.append((red, green))
    return tuple(found)


def _chances(rate: Fraction, bounds: Sequence[tuple[int, int]]) -> Iterator[Chances]:
    """Probabilities by the number of failures of what is open, as integers over `unit ** trials`."""
    unit, passes = rate.denominator, rate.numerator
    ways, red, green, whole = {0: 1}, 0, 0, 1
    yield Chances(0, 0, 1, 1)
    for most_red, most_green in bounds:
        open_: dict[int, int] = {}
        red, green, whole = red * unit, green * unit, whole * unit
        for failed, count in ways.items():
            for now, part in ((failed, count * passes), (failed + 1, count * (unit - passes))):
                if now >= most_red:
                    red += part
                elif now <= most_green:
                    green += part
                else:
                    open_[now] = open_.get(now, 0) + part
        ways = open_
        yield Chances(red, green, sum(ways.values()), whole)


def _text(value: float) -> str:
    return _plain(Decimal(repr(value)))


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: Fraction, rounding: str) -> str:
    """Six significant digits."""
    return _plain(Context(prec=6, rounding=rounding).divide(Decimal(value.numerator), Decimal(value.denominator)))
