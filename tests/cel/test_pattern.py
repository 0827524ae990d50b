"""Facts about RE2 patterns."""

from __future__ import annotations

import pytest

from runback_gate.cel.pattern import compile_pattern, search
from runback_gate.cel.work import MAX_WORK


def test_patterns_search() -> None:
    """A pattern is found anywhere in a text, by RE2's rules."""
    assert compile_pattern("(?i)refund").search("A Refund") is not None
    assert compile_pattern("^refund").search("A refund") is None


@pytest.mark.parametrize("text", ["(", "[z-a]", "a{1001}", "(?=a)", r"\1", r"(\pL{500}){2}", "(?P<n", "\\"])
def test_other_patterns_are_errors(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What RE2 does not read, or what would be too large, is a ValueError in words; nothing is printed."""
    with pytest.raises(ValueError, match=r"invalid regular expression: \S"):
        compile_pattern(text)
    assert capfd.readouterr() == ("", "")


def test_work_is_bounded() -> None:
    """A pattern of large repeats searches a short text; a long one is an error before any work is done."""
    pattern = "|".join(f"a.{{{n}}}c" for n in range(400, 440))
    assert not search("ab" * 50, pattern)
    with pytest.raises(ValueError, match=r"would take too long: [0-9,]+ instructions on 900,000 characters"):
        search("ab" * 450_000, pattern)
    assert search("x" * 900_000 + "refund", "refund")
    assert MAX_WORK > 1 << 20
