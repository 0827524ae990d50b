"""What differs between two texts: both can be read off it whole, whatever they are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.view.difference import MAX_PIECES, Segment, hunks, lines, words

Differ = Callable[[str, str], tuple[Segment, ...]]
TEXT = st.one_of(st.text(), st.text("ab \n.", max_size=60))


def side(segments: tuple[Segment, ...], kind: str) -> str:
    return "".join(segment.text for segment in segments if segment.kind in ("same", kind))


@pytest.mark.parametrize("differ", [words, lines])
@given(then=TEXT, now=TEXT)
def test_both_texts_are_in_it(differ: Differ, then: str, now: str) -> None:
    """What is the same and what was removed is the one text; what is the same and what was added the other."""
    found = differ(then, now)
    assert (side(found, "removed"), side(found, "added")) == (then, now)
    assert all(segment.text for segment in found)
    assert all(one.kind != other.kind for one, other in pairwise(found))


@pytest.mark.parametrize("differ", [words, lines])
def test_bounded(differ: Differ) -> None:
    """Two long texts without a common line or word are one removal and one addition."""
    then, now = ("".join(f"{name}{at}\n" for at in range(MAX_PIECES)) for name in "ab")
    assert next(segment.kind for segment in differ(then, now)) == "removed"
    assert side(differ(then, now), "added") == now


@given(TEXT, TEXT)
def test_hunks_count_what_they_leave_out(then: str, now: str) -> None:
    """Every line of the new text is shown or counted."""
    shown = hunks(lines(then, now))
    counted = sum(part for part in shown if isinstance(part, int))
    text = "".join(part.text for part in shown if isinstance(part, Segment) and part.kind != "removed")
    assert len(text.splitlines()) + counted == len(now.splitlines())
