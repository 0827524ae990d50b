"""`history`: the tool calls of a conversation with their results, oldest first.

In: the messages of a request. Out: one plain JSON object for each call; a call without a result yet has none.

    history(step.request.messages)[0]       # {"name": …, "arguments": …, "result": …}
    calls = History()
    for step in run.steps:
        calls.of(step.request.messages)     # what is said once is read once
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import is_
from typing import Any, cast

from runback_gate.canonical import JsonValue
from runback_gate.policy.embedded_json import arguments, read_json
from runback_gate.step import Message


def history(messages: Sequence[Message]) -> list[JsonValue]:
    """The tool calls of one conversation."""
    return History().of(messages)


class History:
    """The tool calls of conversations, one after the other: one that goes on from the last is read from where it does.

    Args:
        shown: makes of a call what is given of it.
    """

    def __init__(self, shown: Callable[[JsonValue], JsonValue] = lambda call: call) -> None:
        self._show = shown
        self._read: Sequence[Message] = ()
        self._begin()

    def of(self, messages: Sequence[Message]) -> list[JsonValue]:
        """The calls of a conversation. They are shared between conversations: nobody may change them."""
        if len(messages) < len(self._read) or not all(map(is_, self._read, messages)):
            self._begin()
        for message in messages[len(self._read) :]:
            self._add(message)
        self._read = messages
        return self._shown.copy()

    def _begin(self) -> None:
        self._read = ()
        self._calls: list[dict[str, JsonValue]] = []
        self._shown: list[JsonValue] = []
        self._waiting: dict[str, int] = {}
        self._unnamed = _NOBODY

    def _add(self, message: Message) -> None:
        if message.tool_calls:
            unnamed: list[dict[str, JsonValue]] = []
            for call in message.tool_calls:
                place = self._waiting[call.id] = len(self._calls)
                self._put(place, {"name": call.name, "arguments": arguments(call)})
                if not call.id:
                    unnamed.append({"name": call.name, "place": place})
            self._unnamed = Unnamed(unnamed) if unnamed else _NOBODY
        if message.role == "tool":
            self._answer(message)

    def _answer(self, message: Message) -> None:
        place: Any
        if message.tool_call_id:
            place = self._waiting.pop(message.tool_call_id, None)
        else:
            place = (self._unnamed.take(message.name) or {}).get("place")
        if place is None:
            # A result without an open call still happened: it stands alone, under its own name.
            place, call = len(self._calls), {"name": message.name or "", "arguments": cast("JsonValue", {})}
        else:
            call = self._calls[place]
        error = {} if message.error is None else {"error": message.error}
        self._put(place, {**call, "result": read_json(message.content), **error})

    def _put(self, place: int, call: dict[str, JsonValue]) -> None:
        # Never changed in place: an earlier conversation was given it.
        self._calls[place : place + 1] = [call]
        self._shown[place : place + 1] = [self._show(cast("JsonValue", call))]


class Unnamed:
    """The calls of the latest answer whose source kept no ids, in order."""

    def __init__(self, calls: Iterable[dict[str, JsonValue]]) -> None:
        self._calls = dict(enumerate(calls))
        self._by_name: dict[object, deque[int]] = {}
        for number, call in self._calls.items():
            self._by_name.setdefault(call["name"], deque()).append(number)

    def take(self, name: str | None) -> dict[str, JsonValue] | None:
        """Take the first call that a result without an id can belong to: one of that name, or any when it has none."""
        if name is None:
            return self._calls.pop(next(iter(self._calls)), None) if self._calls else None
        numbers = self._by_name.get(name, deque())
        # A result without a name may have taken some of them.
        while numbers:
            if (call := self._calls.pop(numbers.popleft(), None)) is not None:
                return call
        return None


_NOBODY = Unnamed(())
