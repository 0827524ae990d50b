"""A streamed answer of generateContent put together again.

In: the bytes as they come (`alt=sse`), cut anywhere. Out: the answer that a plain call would have given; see `wire`.

Each event is an answer with the parts that are new. The last one says why it ends.
"""

from __future__ import annotations

from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import mapping, optional_list, says_nothing
from runback_gate.wire.server_sent_events import ServerSentEvents


class GoogleGenerateStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._events = ServerSentEvents()
        self._number = 0
        self._top: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}
        self._parts: list[Any] = []
        self.done = False
        """Never: nothing but the end of the bytes ends it."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentError: an event is no JSON.
            NotUnderstoodError: an event is no piece of an answer.
            ErrorAnswerError: an event is an error.
        """
        for data in self._events.feed(piece):
            place = f"event {self._number}: $"
            event = mapping(parse_json(data, path="event"), place)
            self._number += 1
            if event.get("error"):
                raise ErrorAnswerError(f"{place}.error", event["error"])
            self._top |= {name: value for name, value in event.items() if name != "candidates" and value is not None}
            for number, (at, item) in enumerate(optional_list(event.get("candidates"), f"{place}.candidates")):
                self._take(mapping(item, at), at, number)

    def _take(self, candidate: dict[str, Any], place: str, number: int) -> None:
        if number or candidate.get("index") not in (0, None):
            raise NotUnderstoodError(place, "a piece of another answer, which nobody asked for")
        content = mapping(candidate.get("content") or {}, f"{place}.content")
        self._parts += [part for _, part in optional_list(content.get("parts"), f"{place}.content.parts")]
        self._candidate |= {
            name: value for name, value in candidate.items() if name != "content" and not says_nothing(value)
        }

    def body(self) -> dict[str, Any]:
        """The answer that a plain call would have given.

        Raises:
            CutError: it has no end.
        """
        if not self._candidate.get("finishReason"):
            if not mapping(self._top.get("promptFeedback") or {}, "$.promptFeedback").get("blockReason"):
                raise CutError
            return self._top
        candidate = {**self._candidate, "content": {"role": "model", "parts": self._parts}}
        return {**self._top, "candidates": [candidate]}
