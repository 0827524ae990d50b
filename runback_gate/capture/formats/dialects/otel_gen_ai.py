"""Messages of OpenTelemetry's GenAI conventions, where a tool has exported them as JSON.

In: `{"role": "assistant", "parts": [{"type": "tool_call", "name": …}]}`. Out: one `Entry` or more for each.

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.chat import ROLES, read_call
from runback_gate.capture.formats.model import Entry, Located, entry_of, finish_reason
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Part, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping, optional_list, string
from runback_gate.wire.turns import in_order, split

NAME: Final = "otel-gen-ai"
API: Final = None

_TYPES = frozenset("tool_call tool_call_response".split())


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    parts = item.get("parts")
    if not isinstance(parts, list) or item.get("role") not in ROLES or not all(isinstance(p, dict) for p in parts):
        return False
    return any(part.get("type") in _TYPES or (part.get("type") == "text" and "content" in part) for part in parts)


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return marks(item)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, ("role", "parts", "finish_reason", "name"))
        role = ROLES[str(wire["role"])]
        parts = [_part(mapping(part, at), at) for at, part in optional_list(wire.get("parts"), f"{item.place}.parts")]
        if role == "assistant":
            text, kept, calls = in_order(part for part in parts if not isinstance(part, Message))
            reason = finish_reason(wire.get("finish_reason"))
            yield entry_of(Message("assistant", text, calls, parts=kept), finish_reason=reason)
            continue
        for message in split(part for part in parts if not isinstance(part, ToolCall)):
            plain = message.parts == (Part("text", message.content),)
            kept = () if plain else message.parts
            said = message.role if message.role == "tool" else role
            yield Entry((Message(said, message.content, (), message.tool_call_id, error=message.error, parts=kept),))


def _part(part: dict[str, Any], place: str) -> Part | ToolCall | Message:
    kind = part.get("type")
    if kind == "text":
        return Part("text", string(part.get("content"), f"{place}.content"))
    if kind in ("reasoning", "thinking"):
        return Part("reasoning", string(part.get("content"), f"{place}.content"))
    if kind == "tool_call":
        return read_call({key: value for key, value in part.items() if key != "type"}, place)
    if kind == "tool_call_response":
        value = part.get("response", part.get("result"))
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        identity = part.get("id")
        return Message("tool", text, (), identity if isinstance(identity, str) else None)
    raise NotUnderstoodError(f"{place}.type", f"unknown part {str(kind)[:40]!r}")
