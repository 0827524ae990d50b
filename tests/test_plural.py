"""Facts about numbers with their nouns."""

from __future__ import annotations

import pytest

from runback_gate.plural import many


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "case", "0 cases"),
        (1, "case", "1 case"),
        (1234, "case", "1,234 cases"),
        (2, "policy", "2 policies"),
        (2, "day", "2 days"),
        (2, "batch", "2 batches"),
        (2, "recorded step", "2 recorded steps"),
    ],
)
def test_plurals(number: int, noun: str, text: str) -> None:
    """Counts read as a person would say them."""
    assert many(number, noun) == text
