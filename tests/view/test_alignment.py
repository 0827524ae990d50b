"""Two runs side by side: every step stands in one row, and those that belong together share it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.step import Request, Response, Run, Source, Step, ToolCall
from runback_gate.view import alignment
from runback_gate.view.alignment import Rows, aligned


def a_run(*answers: str) -> Run:
    """A step for each answer: `look 1` calls the tool `look` with 1, one word is a text."""
    steps = []
    for number, answer in enumerate(answers):
        tool, _, value = answer.partition(" ")
        calls = (ToolCall("c", tool, f'{{"value": {value}}}'),) if value else ()
        response = Response("" if value else answer, calls)
        steps.append(Step("a", Request("m", None, ()), response, Source("r", number, "exact")))
    return Run("r", "a", steps)


LEFT = a_run("look 1", "look 2", "ask", "pay 5", "done")


def test_a_step_that_one_run_lacks_moves_nothing_behind_it() -> None:
    """Dropped and new steps stand alone, at the beginning and in between; what follows is side by side again."""
    assert aligned(LEFT, LEFT) == (Rows(0, 0, 5),)
    assert aligned(LEFT, a_run("look 1", "look 2", "pay 5", "done")) == (Rows(0, 0, 2), Rows(2, None, 1), Rows(3, 2, 2))
    assert aligned(a_run("look 2", "ask"), LEFT) == (Rows(None, 0, 1), Rows(0, 1, 2), Rows(None, 3, 2))


def test_other_arguments_of_the_same_tool_belong_together() -> None:
    """Where no answer is the same, calls of the same tool are side by side, and what is left is in order."""
    right = a_run("look 7", "check 1", "pay 6", "thanks")
    assert aligned(a_run("look 1", "pay 5", "done"), right) == (Rows(0, 0, 1), Rows(None, 1, 1), Rows(1, 2, 2))
    assert aligned(a_run("pay 5"), a_run("escalate 1")) == (Rows(0, 0, 1),)


def test_runs_without_steps() -> None:
    """A run without steps leaves the other one alone."""
    empty = Run("r", "a", ())
    assert aligned(empty, empty) == ()
    assert aligned(LEFT, empty) == (Rows(0, None, 5),)
    assert aligned(empty, LEFT) == (Rows(None, 0, 5),)


ANSWERS = st.lists(st.sampled_from(["look 1", "look 2", "pay 1", "done"]), max_size=9)


@given(ANSWERS, ANSWERS)
def test_every_step_once_and_in_order(left: list[str], right: list[str]) -> None:
    """Rows hold each step of both runs once, in order, and as many equal pairs as there can be."""
    rows = aligned(a_run(*left), a_run(*right))
    for steps, places in ((left, [row.own for row in rows]), (right, [row.other for row in rows])):
        held = [at + n for at, row in zip(places, rows, strict=True) if at is not None for n in range(row.count)]
        assert held == list(range(len(steps)))
    same = sum(
        left[row.own + n] == right[row.other + n]
        for row in rows
        if row.own is not None and row.other is not None
        for n in range(row.count)
    )
    assert same >= _longest(left, right)


def _longest(left: list[str], right: list[str]) -> int:
    """The length of a longest common subsequence, by its definition."""
    above = [0] * (len(right) + 1)
    for one in left:
        row = [0]
        for at, two in enumerate(right):
            row.append(above[at] + 1 if one == two else max(above[at + 1], row[at]))
        above = row
    return above[-1]


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the middle stands in order; beginnings and ends are still found."""
    right = a_run("look 1", "done", "look 2", "pay 6", "done")
    assert aligned(LEFT, right) == (Rows(0, 0, 1), Rows(None, 1, 1), Rows(1, 2, 1), Rows(2, None, 1), Rows(3, 3, 2))
    monkeypatch.setattr(alignment, "MAX_PAIRS", 0)
    assert aligned(LEFT, right) == (Rows(0, 0, 5),)
