"""Facts about what is checked of an expression before an engine sees it."""

from __future__ import annotations

import pytest

from runback_gate.cel.check import check_source
from runback_gate.errors import ExpressionError


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ('response.text.matches("a(")', ":1:23", "invalid regular expression: missing ): a("),
        ('timestamp("2026-1-1") > timestamp(case.now)', ":1:11", "timestamp() does not take '2026-1-1'"),
        ('1 == 1 && duration("1d") > duration("1h")', ":1:20", "duration() does not take '1d'"),
        ('int(" 5") == 5', ":1:5", "int() does not take ' 5'"),
        ('timestamp(case.now).getHours("Mars Base") == 1', ":1:30", "getHours() does not take 'Mars Base'"),
    ],
)
def test_a_literal_that_nobody_takes_is_refused(source: str, place: str, message: str) -> None:
    """Each would be an error wherever an engine met it."""
    with pytest.raises(ExpressionError) as refused:
        check_source(source)
    assert (str(refused.value.location), refused.value.message) == (place, message)


@pytest.mark.parametrize(
    "source",
    [
        'response.text.matches("a[(]")',
        'timestamp("2026-01-01T00:00:00Z") < timestamp(case.now)',
        'duration("1h30m") > duration(response.text)',
        'int("5") == 5',
        'timestamp(case.now).getHours("Europe/Berlin") == timestamp(case.now).getHours()',
        "timestamp(response.text) > timestamp(case.now)",
        'response.text.contains("1d")',
    ],
)
def test_others_are_left_to_the_engines(source: str) -> None:
    """A literal that is taken, and a text that is only known later."""
    check_source(source)
