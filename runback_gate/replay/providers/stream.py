"""A streamed chat completion (server-sent events) put together again.

In: the bytes as they come, cut anywhere. Out: the completion that a plain call would have answered, as JSON.

    stream = Stream()
    for piece in pieces:
        stream.feed(piece)
    read_answer(stream.completion())

Events end at a blank line; id and name of a tool call come with its first piece, its arguments are joined by index;
usage comes last, in an event without choices; `[DONE]` ends it.
"""

from __future__ import annotations

import re
from typing import Any

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.errors import RunbackError
from runback_gate.replay.providers.wire import GarbageError

_LINE = re.compile(rb"\r\n|\n|\r")
_MAX_CALLS = 1024


class CutError(Exception):
    """The stream ended before the answer did."""


class StreamError(Exception):
    """The provider sent an error instead of the rest."""

    def __init__(self, data: bytes) -> None:
        super().__init__("an error in the stream")
        self.data = data


class Stream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._top: dict[str, JsonValue] = {}
        self._finish: str | None = None
        self._begun = False
        self.done = False
        """`[DONE]` came; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            GarbageError: an event is no piece of a chat completion.
            StreamError: an event is an error.
        """
        self._rest += piece
        # Looking through all that waits at each byte of a slow answer would take for ever.
        if b"\n" not in piece and b"\r" not in self._rest[-len(piece) - 1 :]:
            return
        whole = bytes(self._rest)
        # A carriage return at the end may be the first half of a line end.
        end = len(whole) - whole.endswith(b"\r")
        lines = _LINE.split(whole[:end])
        self._rest = bytearray(lines.pop() + whole[end:])
        for line in lines:
            self._line(line)

    def completion(self) -> dict[str, JsonValue]:
        """The whole answer.

        Raises:
            CutError: it has no end: neither `[DONE]` nor a finish reason came.
        """
        if not self._begun or not (self.done or self._finish):
            raise CutError
        message: dict[str, JsonValue] = {
            "content": "".join(self._text),
            "refusal": "".join(self._refusal),
            "tool_calls": [self._joined(self._calls[index]) for index in sorted(self._calls)],
        }
        return {**self._top, "choices": [{"message": message, "finish_reason": self._finish}]}

    @staticmethod
    def _joined(call: dict[str, Any]) -> JsonValue:
        return {"id": call["id"], "function": {"name": call["name"], "arguments": "".join(call["arguments"])}}

    def _line(self, line: bytes) -> None:
        if self.done:
            return
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data, self._data = b"\n".join(self._data), []
            self._event(data)

    def _event(self, data: bytes) -> None:
        if data.strip() == b"[DONE]":
            self.done = True
            return
        try:
            event: Any = parse_json(data, path="event")
        except RunbackError as error:
            raise GarbageError("an event is no JSON") from error
        if not isinstance(event, dict):
            raise GarbageError("an event is no object")
        if event.get("error"):
            raise StreamError(data)
        for name in ("model", "system_fingerprint", "usage"):
            if event.get(name):
                self._top[name] = event[name]
        choices = event.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._begun = True
            self._choice(choices[0])

    def _choice(self, choice: dict[str, Any]) -> None:
        if isinstance(reason := choice.get("finish_reason"), str):
            self._finish = reason
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        for name, parts in (("content", self._text), ("refusal", self._refusal)):
            if isinstance(text := delta.get(name), str):
                parts.append(text)
        calls = delta.get("tool_calls") or []
        if not isinstance(calls, list):
            raise GarbageError("tool_calls is no list")
        for position, call in enumerate(calls):
            self._call(call, position)

    def _call(self, call: Any, position: int) -> None:
        if not isinstance(call, dict):
            raise GarbageError("a piece of a tool call is no object")
        index = call.get("index", position)
        function = call.get("function") or {}
        if type(index) is not int or not 0 <= index < _MAX_CALLS or not isinstance(function, dict):
            raise GarbageError("a piece of a tool call has no place")
        known = self._calls.setdefault(index, {"id": "", "name": "", "arguments": []})
        known["id"] = known["id"] or call.get("id")
        known["name"] = known["name"] or function.get("name")
        if isinstance(arguments := function.get("arguments"), str):
            known["arguments"].append(arguments)
