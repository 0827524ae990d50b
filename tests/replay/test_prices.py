"""Costs: exact, and unknown where anything is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.replay.prices import Price, amount, cost, price_of
from runback_gate.step import Response, Usage

PRICES = {"gpt-4o*": Price("2.50", "10.00"), "gpt-4o-mini*": Price("0.15", "0.60"), "*": Price("1", "1")}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(1200, 80), "0.0038"),
        (Usage(0, 0), "0"),
        (Usage(1, 0), "0.0000025"),
        (Usage(None, 80), None),
        (Usage(1200, None), None),
    ],
)
def test_a_cost_is_exact_or_unknown(usage: Usage, expected: str | None) -> None:
    """Usage that nobody counted makes a cost that nobody knows, not 0."""
    assert cost(PRICES["gpt-4o*"], usage) == expected
    assert cost(None, usage) is None


def test_the_longest_pattern_wins() -> None:
    """A price for a family, another for one of its models."""
    assert price_of("gpt-4o-2024", PRICES) == PRICES["gpt-4o*"]
    assert price_of("gpt-4o-mini-1", PRICES) == PRICES["gpt-4o-mini*"]
    assert price_of("other", PRICES) == PRICES["*"]
    assert price_of("other", {"gpt*": Price("1", "1")}) is None


@given(
    st.integers(0, 10**9), st.integers(0, 10**9), st.decimals("0", "1000", places=9), st.decimals("0", "9", places=2)
)
def test_costs_are_amounts(asked: int, answered: int, each: Decimal, other: Decimal) -> None:
    """Every cost can stand in an answer, and is the product to the last digit."""
    found = cost(Price(f"{each:f}", f"{other:f}"), Usage(asked, answered))
    assert found is not None
    assert Response(cost_usd=found).cost_usd == found
    assert Decimal(found) * 10**6 == each * asked + other * answered


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("8.250000000000001E-5"), "0.000082500000000001"),
        (Decimal("1E-19"), "0.000000000000000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("100"), "100"),
        (Decimal("-1"), None),
        (Decimal("NaN"), None),
        (Decimal("1E+15"), None),
    ],
)
def test_amounts(value: Decimal, expected: str | None) -> None:
    """Plain digits, fractions beyond 18 digits rounded up; what is no amount is unknown."""
    assert amount(value) == expected
