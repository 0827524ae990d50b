"""A run of a tool is paired with the call that asked for it."""

from __future__ import annotations

import pytest

from runback_gate.capture.open_calls import OpenCalls
from runback_gate.step import Response, ToolCall, ToolRun


def calls() -> OpenCalls:
    found = OpenCalls()
    found.answered(0, Response("", (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "f", '{"x": 2}'))))
    found.answered(1, Response("", (ToolCall("c", "g", "{}"),)))
    return found


@pytest.mark.parametrize(
    ("run", "place"),
    [
        (ToolRun(-1, 0, "f", "", "b"), (0, 1, "b")),
        (ToolRun(-1, 0, "f", '{"x":2}'), (0, 1, "b")),
        (ToolRun(-1, 0, "f", "2"), (0, 1, "b")),
        (ToolRun(-1, 0, "f", "anything"), (0, 0, "a")),
        (ToolRun(-1, 0, "g", "{}", "other"), (-1, 0, "other")),
        (ToolRun(-1, 0, "h"), (-1, 0, "")),
    ],
)
def test_pairs(run: ToolRun, place: tuple[int, int, str]) -> None:
    """The id decides; without one the name, best with the arguments; another id is another call."""
    found = calls().paired(run)
    assert (found.step, found.call, found.id) == place


def test_each_call_once() -> None:
    """Two runs of one tool are two calls, and a third is none."""
    open_calls = calls()
    run = ToolRun(-1, 0, "f", "?")
    assert [open_calls.paired(run).id for _ in range(3)] == ["a", "b", ""]
