"""Name patterns: what one takes, and when one takes all that another does."""

from __future__ import annotations

import time
from itertools import product

import pytest

from runback_gate.name_pattern import covers, matches_name


def words(alphabet: str, longest: int) -> list[str]:
    """Every text over an alphabet up to a length."""
    return ["".join(letters) for length in range(longest + 1) for letters in product(alphabet, repeat=length)]


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("support-*", "support-eu", True),
        ("support-*", "support-", True),
        ("sup?ort", "support", True),
        ("sup?ort", "suport", False),
        ("team[1]", "team[1]", True),
        ("team[1]", "team1", False),
        ("gpt*", "GPT-4", False),
        ("*", "anything/at:all\n", True),
        ("a", "ab", False),
        ("", "", True),
    ],
)
def test_a_pattern_takes_a_whole_name(pattern: str, name: str, taken: bool) -> None:
    """Only * and ? are wild; case counts."""
    assert matches_name(pattern, name) is taken


def test_covering_is_inclusion() -> None:
    """`a` covers `b` exactly when no name matches `b` and not `a`: all patterns of up to 3 parts, all short names."""
    patterns, names = words("ab*?", 3), words("abc", 5)
    taken = {pattern: {name for name in names if matches_name(pattern, name)} for pattern in patterns}
    wrong = [(a, b) for a in patterns for b in patterns if covers(a, b) != (taken[b] <= taken[a])]
    assert wrong == []


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("*", "anything*", True),
        ("gpt-4o*", "gpt-4o-mini*", True),
        ("gpt-4o*", "gpt-*", False),
        ("gpt-4?", "gpt-4o", True),
        ("gpt-4?", "gpt-4*", False),
        ("gpt-4?", "gpt-4?", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("[ab]", "a", False),
        ("", "*", False),
    ],
)
def test_a_pattern_that_covers_another(wide: str, narrow: str, covered: bool) -> None:
    """All that the narrow one matches is matched by the wide one; `?` is no text of any length, `[` only itself."""
    assert covers(wide, narrow) is covered


def test_in_doubt_nothing_is_covered() -> None:
    """Two long hostile patterns: no answer is worked out without end, and none is not yes."""
    wide, narrow = "*a?b?c*" * 400, "*?a*b??*" * 400
    start = time.process_time()
    assert not covers(wide, narrow)
    assert time.process_time() - start < 5
