"""Differences of two values, and how values are shown."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.change.model import UNSET, brief, changed, differences, listed


@given(
    old=st.dictionaries(
        st.sampled_from("abc"), st.recursive(st.integers(0, 2), lambda v: st.dictionaries(st.sampled_from("ab"), v))
    )
)
def test_nothing_differs_from_itself(old: dict[str, Any]) -> None:
    """Two mappings without differences are the same mapping."""
    assert list(differences(old, json.loads(json.dumps(old)))) == []
    if old:
        assert list(differences(old, {}))


def test_one_is_not_true() -> None:
    """Values of JSON are told apart by type."""
    assert [path for path, _, _ in differences({"a": 1, "b": 1, "c": 1}, {"a": True, "b": 1.0, "c": 1})] == [
        ("a",),
        ("b",),
    ]


def test_values_are_shown_in_short() -> None:
    """Long values begin shortly before they part, and nothing that a terminal would obey gets through."""
    assert changed("a", 100, UNSET) == "a was removed; it was 100"
    assert changed("a", "a" * 80 + "1", "a" * 80 + "2") == f"a changed from …{'a' * 20}1 to …{'a' * 20}2"
    assert changed("a", "", "x\ny") == "a changed from '' to x y"
    assert changed("a", "a\x1b[31m\u202e", "b", "c") == "a changed from 'a\\x1b[31m\\u202e' to b, so c"
    assert brief("x" * 99) == "x" * 59 + "…"
    assert brief({"b": 1, "a": ["é"]}) == '{"a": ["é"], "b": 1}'
    assert listed([]) == "none"
    assert listed([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, more"
