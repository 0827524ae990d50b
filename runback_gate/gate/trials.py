"""How sure a count of trials is, and whether more of them are worth asking for.

In: how many trials passed and failed. Out: the Wilson interval of the pass rate, exact to four places; and whether it
leaves the threshold k/n open.

    wilson(8, 10)                                   # Interval("0.4901", "0.9434")
    straddles(8, 10, needed=2, planned=3)           # True: 2/3 lies inside

`MoreTrials` is what a command line may ask for beyond what gate, dataset and case ask for; it never asks for less.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from runback_gate.dataset.trials import MAX_TRIALS, AnyTrials, Trials

Z: Final = Decimal("1.959963984540054")
"""The normal quantile of a two-sided 95 % interval."""

_EXACT: Final = Context(prec=40)
_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which pass rates the truth lies in 95 of 100 cases; decimal strings, rounded outwards."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class MoreTrials:
    """Trials beyond those that the files ask for."""

    trials: Trials | None = None
    """k of n for every case that asks for no more."""
    cap: int = 0
    """Add trials up to this number while the interval leaves the outcome open; 0 adds none."""

    def of(self, asked: AnyTrials) -> AnyTrials:
        """What a case asks for, unless this asks for at least as many and as large a part of them; a sequential test
        stays as it is."""
        more = self.trials
        if more is None or not isinstance(asked, Trials):
            return asked
        return asked if more.n < asked.n or more.needed * asked.n < asked.needed * more.n else more


def bounds(passed: int, counted: int) -> tuple[Decimal, Decimal]:
    """The Wilson score interval of a pass rate (Wilson 1927), without continuity correction; 0 to 1 of no trial."""
    if counted == 0:
        return Decimal(0), Decimal(1)
    total, square = Decimal(counted), _EXACT.multiply(Z, Z)
    # (p + z²/2n ± z·sqrt(p(1−p)/n + z²/4n²)) / (1 + z²/n), multiplied out by n.
    middle = _EXACT.add(Decimal(passed), _EXACT.divide(square, Decimal(2)))
    spread = _EXACT.divide(Decimal(passed * (counted - passed)), total)
    width = _EXACT.multiply(Z, _EXACT.sqrt(_EXACT.add(spread, _EXACT.divide(square, Decimal(4)))))
    scale = _EXACT.add(total, square)
    low = _EXACT.divide(_EXACT.subtract(middle, width), scale)
    high = _EXACT.divide(_EXACT.add(middle, width), scale)
    # What the last digit of a square root leaves must not move the ends, which are exact.
    return (low if passed else Decimal(0), high if passed < counted else Decimal(1))


def wilson(passed: int, counted: int) -> Interval:
    """The interval, for people."""
    low, high = bounds(passed, counted)
    return Interval(
        str(low.quantize(_PLACES, rounding=ROUND_FLOOR, context=_EXACT)),
        str(high.quantize(_PLACES, rounding=ROUND_CEILING, context=_EXACT)),
    )


def straddles(passed: int, counted: int, needed: int, planned: int) -> bool:
    """Whether the threshold needed/planned lies inside the interval, so that more trials could tell."""
    low, high = bounds(passed, counted)
    threshold = _EXACT.divide(Decimal(needed), Decimal(planned))
    return low < threshold < high


def enough(passed: int, counted: int, needed: int, planned: int) -> bool:
    """Whether as large a part passed as needed/planned is."""
    return passed * planned >= needed * counted


def parse_trials(text: str) -> MoreTrials:
    """`auto`, `auto:20`, or `2/3` (two of three; `3/2` says the same).

    Raises:
        ValueError: none of these, or out of bounds.
    """
    head, colon, tail = text.partition(":")
    if head == "auto":
        cap = int(tail) if colon else 20
        if not 2 <= cap <= MAX_TRIALS:
            raise ValueError(f"the cap is between 2 and {MAX_TRIALS}")
        return MoreTrials(cap=cap)
    one, slash, other = text.partition("/")
    if not slash:
        raise ValueError("auto, auto:CAP, or K/N")
    needed, planned = sorted((int(one), int(other)))
    if not 1 <= needed <= planned <= MAX_TRIALS:
        raise ValueError(f"K and N are between 1 and {MAX_TRIALS}")
    return MoreTrials(Trials.model_validate({"n": planned, "pass": needed}))
