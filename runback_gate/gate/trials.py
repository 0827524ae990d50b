"""How certain a count of trials is, and whether more trials are worth asking for.

In: how many trials passed and failed. Out: the Wilson interval of the pass rate, exact to four places; and whether it
leaves the threshold k/n open.

    wilson(8, 10)                                   # Interval("0.4901", "0.9434")
    straddles(8, 10, needed=2, planned=3)           # True: 2/3 lies inside
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from runback_gate.frozen import dataclass

Z: Final = Decimal("1.959963984540054")
"""The normal quantile of a two-sided 95 % interval."""

_EXACT: Final = Context(prec=40)
_PLACES: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which pass rates the truth lies in 95 of 100 cases; decimal strings, rounded outwards."""

    low: str
    high: str


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
