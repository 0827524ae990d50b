"""A streamed message of Anthropic's put together again.

In: the bytes as they come, cut anywhere. Out: the message that a plain call would have answered; see `wire`.

https://platform.claude.com/docs/en/build-with-claude/streaming. Each block of content begins, grows and ends under an
index; the message ends with `message_stop`.
"""

from __future__ import annotations

import json
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import mapping, string
from runback_gate.wire.server_sent_events import ServerSentEvents

_MAX_BLOCKS = 4096
_PIECES = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
"""Field of a block in which a kind of piece goes on; all but `input` have the name that it has in the piece."""


class AnthropicMessagesStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._events = ServerSentEvents()
        self._number = 0
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}
        self.done = False
        """The message is over; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentError: an event is no JSON.
            NotUnderstoodError: an event that is not known.
            ErrorAnswerError: an event is an error.
        """
        for data in () if self.done else self._events.feed(piece):
            if self.done:
                return
            place = f"event {self._number}: $"
            self._event(mapping(parse_json(data, path="event"), place), place)
            self._number += 1

    def body(self) -> dict[str, Any]:
        """The message that a plain call would have answered.

        Raises:
            CutError: it has no end.
        """
        if not self._message or not (self.done or self._message.get("stop_reason")):
            raise CutError
        blocks = [self._block(index) for index in sorted(self._blocks)]
        return {**self._message, "content": blocks, "usage": self._usage}

    def _event(self, event: dict[str, Any], place: str) -> None:
        kind = event.get("type")
        if kind == "error" or event.get("error"):
            raise ErrorAnswerError(f"{place}.error", event.get("error") or event)
        if kind == "message_start":
            self._begin(mapping(event.get("message"), f"{place}.message"))
        elif kind == "content_block_start":
            index = self._index(event, place)
            if index in self._blocks:
                raise NotUnderstoodError(f"{place}.index", "a block that has begun")
            self._blocks[index] = dict(mapping(event.get("content_block"), f"{place}.content_block"))
        elif kind == "content_block_delta":
            index = self._index(event, place)
            if index not in self._blocks:
                raise NotUnderstoodError(f"{place}.index", "a block that has not begun")
            self._delta(index, mapping(event.get("delta"), f"{place}.delta"), f"{place}.delta")
        elif kind == "message_delta":
            self._message |= mapping(event.get("delta") or {}, f"{place}.delta")
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self.done = True
        elif kind not in ("ping", "content_block_stop"):
            raise NotUnderstoodError(f"{place}.type", "an event that is not known")

    def _begin(self, message: dict[str, Any]) -> None:
        self._message = dict(message)
        self._count(self._message.pop("usage", None))
        for index, block in enumerate(self._message.pop("content", None) or []):
            self._blocks[index] = dict(mapping(block, f"event 0: $.message.content[{index}]"))

    def _count(self, usage: Any) -> None:
        """Counts are cumulative; one that is not repeated stays."""
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}

    @staticmethod
    def _index(event: dict[str, Any], place: str) -> int:
        index = event.get("index")
        if type(index) is not int or not 0 <= index < _MAX_BLOCKS:
            raise NotUnderstoodError(f"{place}.index", "no index of a block")
        return index

    def _delta(self, index: int, delta: dict[str, Any], place: str) -> None:
        kind = delta.get("type")
        if kind == "citations_delta":
            block = self._blocks[index]
            block["citations"] = [*(block.get("citations") or []), delta.get("citation")]
            return
        if not isinstance(kind, str) or kind not in _PIECES:
            raise NotUnderstoodError(f"{place}.type", "a piece that is not known")
        name = _PIECES[kind]
        self._texts.setdefault((index, name), []).append(string(delta.get(name), f"{place}.{name}"))

    def _block(self, index: int) -> dict[str, Any]:
        block = dict(self._blocks[index])
        for name in _PIECES.values():
            text = "".join(self._texts.get((index, name), ()))
            if name != "partial_json" and text:
                block[name] = (block.get(name) or "") + text
            elif text:
                block["input"] = _input(text)
        return block


def _input(text: str) -> Any:
    """The object of the pieces; the text itself where an answer was cut inside of it."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
