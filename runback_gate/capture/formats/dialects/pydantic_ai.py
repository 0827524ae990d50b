"""Messages of Pydantic AI, as `ModelMessagesTypeAdapter` dumps them.

In: `{"kind": "response", "parts": [{"part_kind": "tool-call", …}]}`. Out: one `Entry` or more for each.

https://ai.pydantic.dev/message-history/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.chat import read_content
from runback_gate.capture.formats.model import Entry, Located, entry_of, token_usage
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Part, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import argument_text, mapping, optional_list, string
from runback_gate.wire.turns import in_order

NAME: Final = "pydantic-ai"
API: Final = None

_KNOWN = ("kind", "parts", "instructions", "usage", "model_name", "timestamp", "finish_reason")


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    parts = item.get("parts")
    return isinstance(parts, list) and any(isinstance(part, dict) and "part_kind" in part for part in parts)


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return item.get("kind") in ("request", "response") and isinstance(item.get("parts"), list)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    told = False
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, _KNOWN)
        parts = [(at, mapping(part, at)) for at, part in optional_list(wire.get("parts"), f"{item.place}.parts")]
        if wire.get("instructions") and not told:
            told = True
            yield Entry((Message("system", string(wire["instructions"], f"{item.place}.instructions")),))
        if wire.get("kind") == "request":
            yield from (_asked(part, at, reader) for at, part in parts)
            continue
        text, kept, calls = in_order(_answered(part, at) for at, part in parts)
        model, at_time = wire.get("model_name"), wire.get("timestamp")
        yield entry_of(
            Message("assistant", text, calls, parts=kept),
            at_time if isinstance(at_time, str) else None,
            usage=token_usage(wire.get("usage")),
            model=model if isinstance(model, str) else None,
        )


def _asked(part: dict[str, Any], place: str, reader: Reader) -> Entry:
    kind, content = part.get("part_kind"), part.get("content")
    name, identity = part.get("tool_name"), part.get("tool_call_id")
    if kind == "system-prompt":
        return Entry((Message("system", string(content, f"{place}.content")),))
    if kind in ("tool-return", "builtin-tool-return") or (kind == "retry-prompt" and name):
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        failed = kind == "retry-prompt" or part.get("outcome") in ("failed", "denied")
        return Entry((Message("tool", text, (), identity, name, (text or "error") if failed else None),))
    if kind in ("user-prompt", "retry-prompt"):
        if not isinstance(content, (str, list)):
            raise NotUnderstoodError(f"{place}.content", "a prompt was expected")
        text, parts, _ = read_content(content, f"{place}.content", reader)
        return Entry((Message("user", text, parts=parts),))
    raise NotUnderstoodError(f"{place}.part_kind", f"unknown part {str(kind)[:40]!r}")


def _answered(part: dict[str, Any], place: str) -> Part | ToolCall:
    kind = part.get("part_kind")
    if kind == "text":
        return Part("text", string(part.get("content"), f"{place}.content"))
    if kind == "thinking":
        return Part("reasoning", str(part.get("content") or ""), signature=part.get("signature"))
    if kind in ("tool-call", "builtin-tool-call"):
        identity = part.get("tool_call_id")
        arguments = argument_text(part.get("args"), f"{place}.args")
        name = string(part.get("tool_name"), f"{place}.tool_name")
        return ToolCall(identity if isinstance(identity, str) else "", name, arguments)
    raise NotUnderstoodError(f"{place}.part_kind", f"unknown part {str(kind)[:40]!r}")
