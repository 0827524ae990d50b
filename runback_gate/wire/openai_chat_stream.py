"""A streamed chat completion put together again.

In: the bytes as they come, cut anywhere. Out: the answer that a plain call would have given.

    stream = OpenaiChatStream()
    for piece in pieces:
        stream.feed(piece)
    read_answer(stream.body())

OpenAI numbers the calls of an answer and sends id and name of each with its first piece. Compatible servers number all
of them 0, or none; then another id, or another name, begins another call. Where a piece could belong to two calls it is
not understood.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.frozen import dataclass
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import argument_text, mapping, optional_list, optional_string, says_nothing
from runback_gate.wire.server_sent_events import ServerSentEvents

_MAX_CALLS = 1024
_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
_CHUNK = frozenset(("choices", "object", "created", "obfuscation"))


@dataclass(slots=True)
class _Call:
    """A call in the making."""

    index: int | None
    wire: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    whole: bool = False
    """Its arguments came as one object."""

    repeats: bool = False
    """Its name came again, so only its arguments can tell that it is one call."""

    def over(self) -> bool:
        """Whether its arguments are JSON, so that nothing can follow."""
        try:
            json.loads("".join(self.arguments))
        except ValueError:
            return False
        return True


class OpenaiChatStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._events = ServerSentEvents()
        self._number = 0
        self._top: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._parts: list[dict[str, Any]] = []
        self._calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._last: dict[int | None, _Call] = {}
        self._legacy: _Call | None = None
        self._begun = False
        self.done = False
        """`[DONE]` came; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentError: an event is no JSON.
            NotUnderstoodError: an event is no piece of a chat completion, or of none that is known.
            ErrorAnswerError: an event is an error.
        """
        for data in () if self.done else self._events.feed(piece):
            if self.done or data.strip() == b"[DONE]":
                self.done = True
                return
            self._event(data)
            self._number += 1

    def body(self) -> dict[str, Any]:
        """The completion that a plain call would have answered.

        Raises:
            CutError: it has no end: neither `[DONE]` nor a finish reason came.
        """
        if not self._begun or not (self.done or self._choice.get("finish_reason")):
            raise CutError
        message = {**self._message, **{name: "".join(texts) for name, texts in self._texts.items()}}
        if self._parts:
            message["content"] = self._parts
        if self._calls:
            numbered = all(call.index is not None for call in self._calls)
            calls = sorted(self._calls, key=lambda call: call.index or 0) if numbered else self._calls
            message["tool_calls"] = [_joined(call) for call in calls]
        if self._legacy is not None:
            message["function_call"] = _joined(self._legacy)["function"]
        return {**self._top, "choices": [{**self._choice, "message": message}]}

    def _event(self, data: bytes) -> None:
        place = f"event {self._number}: $"
        event = mapping(parse_json(data, path="event"), place)
        if event.get("error"):
            raise ErrorAnswerError(f"{place}.error", event["error"])
        self._top |= {name: value for name, value in event.items() if name not in _CHUNK and value is not None}
        for at, item in optional_list(event.get("choices"), f"{place}.choices"):
            self._begun = True
            self._choose(mapping(item, at), at)

    def _choose(self, choice: dict[str, Any], place: str) -> None:
        if choice.get("error"):
            raise ErrorAnswerError(f"{place}.error", choice["error"])
        delta, message = (mapping(choice.get(name) or {}, f"{place}.{name}") for name in ("delta", "message"))
        if delta and message:
            raise NotUnderstoodError(f"{place}.message", "a message beside a delta")
        if choice.get("index") not in (0, None) and not all(map(says_nothing, (delta or message).values())):
            raise NotUnderstoodError(place, "a piece of another answer, which nobody asked for")
        reason = optional_string(choice.get("finish_reason"), f"{place}.finish_reason")
        if reason and self._choice.get("finish_reason", reason) != reason:
            raise NotUnderstoodError(f"{place}.finish_reason", "a second one, and another")
        self._choice |= {
            name: value
            for name, value in choice.items()
            if name not in ("delta", "message") and not says_nothing(value)
        }
        self._delta(delta or message, f"{place}.{'delta' if delta else 'message'}")

    def _delta(self, delta: dict[str, Any], place: str) -> None:
        for name, value in delta.items():
            at = f"{place}.{name}"
            if name == "tool_calls":
                for position, (where, item) in enumerate(optional_list(value, at)):
                    self._call(mapping(item, where), where, position)
            elif name == "function_call" and value is not None:
                self._legacy = self._legacy or _Call(None)
                _take(self._legacy, {"function": value}, at)
            elif name in _TEXTS and (value is None or isinstance(value, str)):
                self._text(name, value or "")
            elif name == "content":
                for position, (where, item) in enumerate(optional_list(value, at)):
                    self._part(mapping(item, where), first=position == 0)
            elif not says_nothing(value):
                self._message[name] = _merged(self._message.get(name), value)

    def _text(self, name: str, text: str) -> None:
        if name == "content" and self._parts:
            if text:
                self._part({"type": "text", "text": text}, first=True)
        else:
            self._texts.setdefault(name, []).append(text)

    def _part(self, part: dict[str, Any], *, first: bool) -> None:
        """The first part of a delta goes on with the last one before it, if it is of its type."""
        if not self._parts and (texts := "".join(self._texts.pop("content", []))):
            self._parts.append({"type": "text", "text": texts})
        known = self._parts[-1] if self._parts else None
        if first and known is not None and known.get("type") == part.get("type"):
            self._parts[-1] = _merged(known, part)
        else:
            self._parts.append(part)

    def _call(self, wire: dict[str, Any], place: str, position: int) -> None:
        index = wire.get("index")
        if index is not None and (type(index) is not int or not 0 <= index < _MAX_CALLS):
            raise NotUnderstoodError(f"{place}.index", "no index of a call")
        identity = optional_string(wire.get("id"), f"{place}.id")
        call = self._continued(index, identity, wire, place, position)
        if call is None:
            if len(self._calls) >= _MAX_CALLS:
                raise NotUnderstoodError(place, f"more than {_MAX_CALLS:,} calls")
            call = _Call(index)
            self._calls.append(call)
        _take(call, wire, place)
        self._last |= {index: call, None: call}
        if call.id:
            self._by_id[call.id] = call

    def _continued(
        self, index: int | None, identity: str | None, wire: dict[str, Any], place: str, position: int
    ) -> _Call | None:
        """The call that a piece goes on with; None where it begins one."""
        known = self._by_id.get(identity) if identity else None
        if known is not None and index in (None, known.index):
            return known
        name = mapping(wire.get("function") or wire.get("custom") or {}, f"{place}.function").get("name")
        last = self._last.get(index)
        if last is None and not identity and not name:
            raise NotUnderstoodError(place, "a piece of a call that has not begun")
        if last is None or (identity and last.id):
            return None
        if not name or not last.name:
            return last
        begun = any(last.arguments)
        if name != last.name or (position and not begun):
            if begun and not last.over():
                raise NotUnderstoodError(place, "a call begins before the last one is over")
            return None
        if begun and not last.repeats and last.over():
            if position:
                return None
            raise NotUnderstoodError(place, "another call of this name, or the same one again")
        last.repeats = True
        return last


def _take(call: _Call, wire: dict[str, Any], place: str) -> None:
    """Add a piece to its call."""
    kind = "custom" if wire.get("custom") else "function"
    function = mapping(wire.get(kind) or {}, f"{place}.{kind}")
    call.id = call.id or optional_string(wire.get("id"), f"{place}.id") or ""
    call.name = call.name or optional_string(function.get("name"), f"{place}.{kind}.name") or ""
    arguments = function.get("input" if kind == "custom" else "arguments")
    text = argument_text(arguments, f"{place}.{kind}.arguments")
    if text:
        if call.whole or (isinstance(arguments, dict) and any(call.arguments)):
            raise NotUnderstoodError(f"{place}.{kind}.arguments", "arguments behind an object that is over")
        call.whole = isinstance(arguments, dict)
        call.arguments.append(text)
    call.wire |= {name: value for name, value in wire.items() if name not in ("index", "function", "id") and value}
    beside = {name: value for name, value in function.items() if name not in ("name", "arguments", "input")}
    call.wire[kind] = {**call.wire.get(kind, {}), **beside}


def _joined(call: _Call) -> dict[str, Any]:
    if call.repeats and any(call.arguments) and not call.over():
        raise NotUnderstoodError(f"a call of {call.name[:80]!r}", "its arguments are those of several calls, or cut")
    kind = "custom" if "custom" in call.wire else "function"
    arguments = {"input" if kind == "custom" else "arguments": "".join(call.arguments)}
    return {**call.wire, "id": call.id, kind: {**call.wire.get(kind, {}), "name": call.name, **arguments}}


def _merged(known: Any, value: Any) -> Any:
    """A field of a message in pieces: texts are joined, lists go on, objects are merged; all else is replaced."""
    if isinstance(known, dict) and isinstance(value, dict):
        fixed = ("type", "id", "index", "format")
        return {
            **known,
            **{name: item if name in fixed else _merged(known.get(name), item) for name, item in value.items()},
        }
    if isinstance(known, list) and isinstance(value, list):
        return [*known, *value]
    return known + value if isinstance(known, str) and isinstance(value, str) else value
