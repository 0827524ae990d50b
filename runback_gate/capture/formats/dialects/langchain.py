"""Messages of LangChain and LangGraph, in each of the three forms that they are written in.

In: `{"type": "ai", "tool_calls": [{"args": …}]}`, the same in `data`, or `{"lc": 1, "kwargs": …}`. Out: an
`Entry` each.

https://python.langchain.com/api_reference/core/messages.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.chat import read_message
from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping

NAME: Final = "langchain"
API: Final = None

_TYPES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "function",
}
_KNOWN = frozenset(
    "type content additional_kwargs response_metadata usage_metadata tool_calls invalid_tool_calls tool_call_id status "
    "name role error".split()
)


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    if item.get("lc") == 1 and item.get("type") == "constructor":
        return True
    kind = _kind(item.get("type"))
    if kind is None or "role" in item:
        return False
    return isinstance(item.get("data"), dict) or "content" in item


def _kind(value: Any) -> str | None:
    name = str(value)
    for ending in ("MessageChunk", "Message"):
        name = name.removesuffix(ending)
    return _TYPES.get(name.lower()) if isinstance(value, str) else None


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return marks(item)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        yield _entry(mapping(item.value, item.place), item.place, reader)


def _entry(wire: dict[str, Any], place: str, reader: Reader) -> Entry:
    kind = wire.get("type")
    if wire.get("lc") == 1:
        kind = (wire.get("id") or [""])[-1]
        wire, place = mapping(wire.get("kwargs"), f"{place}.kwargs"), f"{place}.kwargs"
    elif isinstance(wire.get("data"), dict):
        wire, place = wire["data"], f"{place}.data"
    role = _kind(kind)
    if role is None:
        raise NotUnderstoodError(f"{place}.type", f"unknown type {str(kind)[:40]!r}")
    reader.leave(wire, _KNOWN)
    reader.passed.append(wire.get("artifact"))
    return read_message(_as_chat(wire, role), place, reader)


def _as_chat(wire: Mapping[str, Any], role: str) -> dict[str, Any]:
    more, about = _mapping(wire.get("additional_kwargs")), _mapping(wire.get("response_metadata"))
    found = {
        name: wire[name]
        for name in ("content", "tool_call_id", "name", "status", "error", "additional_kwargs")
        if wire.get(name) is not None
    }
    found = {"content": None, **found, "role": role}
    if role == "assistant":
        calls = [*(wire.get("tool_calls") or []), *(wire.get("invalid_tool_calls") or [])]
        found["tool_calls"] = [{key: item for key, item in call.items() if key != "error"} for call in calls]
        found["model"] = about.get("model_name") or about.get("model")
        found["finish_reason"] = about.get("finish_reason") or about.get("stop_reason")
        found["usage"] = wire.get("usage_metadata") or about.get("token_usage") or about.get("usage")
        found["refusal"] = more.get("refusal")
        found["reasoning_content"] = more.get("reasoning_content")
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
