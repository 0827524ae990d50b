"""Which call of a model a run of a tool answers.

In: the answers of a run in order, and the runs of tools. Out: each run with its step, call and id.

    calls = OpenCalls()
    calls.answered(0, response)
    calls.paired(ToolRun(-1, 0, "lookup_order", '{"id": 1}'))
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from runback_gate.canonical import JsonValue, canonical_bytes, parse_json
from runback_gate.errors import RunbackError
from runback_gate.step import Response, ToolCall, ToolRun

REMEMBERED: Final = 64
"""Calls that no run was seen for."""


class OpenCalls:
    """Calls that still wait for their run."""

    def __init__(self, limit: int | None = REMEMBERED) -> None:
        self._limit = limit
        self._calls: list[tuple[int, int, ToolCall]] = []

    def answered(self, step: int, response: Response) -> None:
        """Take the calls of an answer."""
        self._calls += [(step, index, call) for index, call in enumerate(response.tool_calls)]
        if self._limit is not None:
            del self._calls[: -self._limit]

    def paired(self, run: ToolRun) -> ToolRun:
        """The run with the first call that it can be: of its id, else of its name, best with the same arguments."""
        named = [entry for entry in self._calls if entry[2].name == run.name]
        chosen = [entry for entry in self._calls if run.id and entry[2].id == run.id]
        if not chosen and not (run.id and any(entry[2].id for entry in named)):
            chosen = [entry for entry in named if _agree(entry[2].arguments, run.arguments)] or named
        if not chosen:
            return run
        step, index, call = chosen[0]
        self._calls.remove(chosen[0])
        return replace(run, step=step, call=index, id=call.id or run.id)


def _agree(asked: str, given: str) -> bool:
    """Whether these are the arguments; a source may have kept the one value of an object for it."""
    one, other = _value(asked), _value(given)
    return _same(one, other) or (isinstance(one, dict) and len(one) == 1 and _same(next(iter(one.values())), other))


def _same(one: JsonValue, other: JsonValue) -> bool:
    try:
        return canonical_bytes(one) == canonical_bytes(other)
    except RunbackError:
        return one == other


def _value(text: str) -> Any:
    try:
        return parse_json(text or "{}", path="arguments")
    except RunbackError:
        return text
