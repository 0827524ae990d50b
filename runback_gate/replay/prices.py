"""What an answer cost, by the prices of the gate config.

In: prices by model pattern, US dollars per million tokens, and an answer's usage. Out: an exact decimal string, or None
where price or usage is unknown: unknown is never 0.

    prices = {"gpt-4o*": Price("2.50", "10.00")}
    cost(price_of("gpt-4o-mini", prices), Usage(1200, 80))      # "0.0038"
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal

from runback_gate.frozen import dataclass
from runback_gate.name_pattern import matches_name
from runback_gate.step import Usage

_EXACT = Context(prec=60)
"""Enough digits for any product of a price and a count, so that nothing is rounded."""
_PER = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in US dollars as decimal strings."""

    input: str
    output: str


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of a model: the longest pattern that fits says most; None when none fits."""
    fitting = [pattern for pattern in prices if matches_name(pattern, model)]
    return prices[max(fitting, key=lambda pattern: (len(pattern), pattern))] if fitting else None


def cost(price: Price | None, usage: Usage) -> str | None:
    """US dollars of an answer, exact; None when the price or a count of tokens is unknown."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    parts = ((price.input, usage.input_tokens), (price.output, usage.output_tokens))
    total = sum((_EXACT.multiply(Decimal(each), Decimal(count)) for each, count in parts), Decimal(0))
    return amount(_EXACT.divide(total, _PER))


def amount(value: Decimal) -> str | None:
    """An amount as `Response.cost_usd` holds it: plain digits, at most 18 after the point; None for what is no amount.

    What lies beyond 18 digits after the point is rounded up: a budget must not be passed by fractions.
    """
    if not value.is_finite() or value < 0 or value >= Decimal(10) ** 15:
        return None
    if -int(value.as_tuple().exponent) > 18:
        value = value.quantize(Decimal(1).scaleb(-18), rounding="ROUND_CEILING", context=_EXACT)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
