"""A streamed answer of Bedrock's Converse put together again.

In: the bytes as they come, cut anywhere. Out: the answer that a plain call would have given; see `wire`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import json
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.wire.event_stream import EventStream
from runback_gate.wire.faults import CutError, NotUnderstoodError
from runback_gate.wire.fields import mapping, string

_MAX_BLOCKS = 4096


class BedrockConverseStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._events = EventStream()
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}
        self._top: dict[str, Any] = {}
        self.done = False
        """The counts came, with which it ends; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentError: an event is no JSON.
            NotUnderstoodError: an event that is not known, or no event stream.
            ErrorAnswerError: an event is an error.
        """
        for name, payload in () if self.done else self._events.feed(piece):
            self.take(name, mapping(parse_json(payload, path="event"), name))

    def take(self, name: str, event: dict[str, Any]) -> None:
        """Take one event, as boto3 gives them; errors as `feed`."""
        if name in ("contentBlockStart", "contentBlockDelta"):
            index = event.get("contentBlockIndex")
            if type(index) is not int or not 0 <= index < _MAX_BLOCKS:
                raise NotUnderstoodError(f"{name}.contentBlockIndex", "no index of a block")
            if name == "contentBlockStart":
                self._blocks.setdefault(index, {}).update(mapping(event.get("start") or {}, f"{name}.start"))
            else:
                self._delta(index, mapping(event.get("delta"), f"{name}.delta"), f"{name}.delta")
        elif name == "messageStop":
            self._top |= {key: value for key, value in event.items() if key != "p"}
        elif name == "metadata":
            self._top |= {key: value for key, value in event.items() if key != "p"}
            self.done = True
        elif name not in ("messageStart", "contentBlockStop"):
            raise NotUnderstoodError(name or "event", "an event that is not known")

    def _delta(self, index: int, delta: dict[str, Any], place: str) -> None:
        block = self._blocks.setdefault(index, {})
        for name, value in delta.items():
            if name == "text":
                self._add(index, "text", value, place)
            elif name == "toolUse" and "toolUse" in block:
                self._add(index, "input", mapping(value, place).get("input"), place)
            elif name == "reasoningContent":
                for part, words in mapping(value, place).items():
                    if part not in ("text", "signature", "redactedContent"):
                        raise NotUnderstoodError(f"{place}.{part}", "a piece that is not known")
                    self._add(index, part if part != "text" else "reasoning", words, place)
            else:
                raise NotUnderstoodError(f"{place}.{name}", "a piece that is not known")

    def _add(self, index: int, name: str, value: Any, place: str) -> None:
        self._texts.setdefault((index, name), []).append(string(value, f"{place}.{name}"))

    def body(self) -> dict[str, Any]:
        """The answer that a plain call would have given.

        Raises:
            CutError: it has no end.
        """
        if "stopReason" not in self._top:
            raise CutError
        content = [self._block(index) for index in sorted(self._blocks)]
        return {**self._top, "output": {"message": {"role": "assistant", "content": content}}}

    def _block(self, index: int) -> dict[str, Any]:
        block = dict(self._blocks[index])
        found = {name: "".join(texts) for (at, name), texts in self._texts.items() if at == index}
        if "toolUse" in block:
            block["toolUse"] = {**mapping(block["toolUse"], "toolUse"), "input": _input(found.get("input", ""))}
        if "redactedContent" in found:
            block["reasoningContent"] = {"redactedContent": found["redactedContent"]}
        elif "reasoning" in found or "signature" in found:
            words = {"text": found.get("reasoning", "")}
            if "signature" in found:
                words["signature"] = found["signature"]
            block["reasoningContent"] = {"reasoningText": words}
        if "text" in found or not block:
            block["text"] = found.get("text", "")
        return block


def _input(text: str) -> Any:
    """The object of the pieces; the text itself where an answer was cut inside of it."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
