"""A streamed answer of OpenAI's Responses put together again.

In: the bytes as they come, cut anywhere. Out: the answer that a plain call would have given; see `wire`.

https://platform.openai.com/docs/api-reference/responses-streaming. The last event holds the whole answer. Servers that
leave its output empty have told each item when it was done.
"""

from __future__ import annotations

from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import mapping
from runback_gate.wire.server_sent_events import ServerSentEvents

_LAST = frozenset(("response.completed", "response.incomplete", "response.failed"))
_MAX_ITEMS = 4096


class OpenaiResponsesStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._events = ServerSentEvents()
        self._number = 0
        self._items: dict[int, Any] = {}
        self._response: dict[str, Any] | None = None
        self.done = False
        """The last event came; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentError: an event is no JSON.
            NotUnderstoodError: an event is none of this API.
            ErrorAnswerError: an event is an error.
        """
        for data in () if self.done else self._events.feed(piece):
            if self.done or data.strip() == b"[DONE]":
                return
            place = f"event {self._number}: $"
            self._event(mapping(parse_json(data, path="event"), place), place)
            self._number += 1

    def _event(self, event: dict[str, Any], place: str) -> None:
        kind = event.get("type")
        if kind == "error" or (event.get("error") and kind not in _LAST):
            raise ErrorAnswerError(f"{place}.error", event.get("error") or event)
        if not isinstance(kind, str):
            raise NotUnderstoodError(f"{place}.type", "an event that is not known")
        if kind == "response.output_item.done":
            index = event.get("output_index")
            if type(index) is not int or not 0 <= index < _MAX_ITEMS:
                raise NotUnderstoodError(f"{place}.output_index", "no index of an item")
            self._items[index] = event.get("item")
        elif kind in _LAST:
            self._response = mapping(event.get("response"), f"{place}.response")
            self.done = True

    def body(self) -> dict[str, Any]:
        """The answer that a plain call would have given.

        Raises:
            CutError: it has no end.
            NotUnderstoodError: the last event has fewer items than were done.
        """
        if self._response is None:
            raise CutError
        told = [self._items[index] for index in sorted(self._items)]
        output = self._response.get("output") or told
        if isinstance(output, list) and len(output) < len(told):
            raise NotUnderstoodError("$.output", "fewer items than were told to be done")
        return {**self._response, "output": output}
