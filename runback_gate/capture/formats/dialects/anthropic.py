"""Messages of Anthropic's Messages API.

In: `{"role": …, "content": [{"type": "tool_use", …}]}`. Out: an `Entry` each.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.model import Entry, Located, finish_reason, token_usage
from runback_gate.capture.formats.native import read_native
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api
from runback_gate.wire.fields import mapping

NAME: Final = "anthropic"
API: Final[Api] = "anthropic.messages"

_MARKS = frozenset(
    "tool_use tool_result thinking redacted_thinking server_tool_use mcp_tool_use document search_result".split()
)
_KNOWN = ("role", "content", "id", "type", "model", "stop_reason", "stop_sequence", "usage", "container")
SERVER_RESULTS = (
    "web_search_tool_result web_fetch_tool_result code_execution_tool_result bash_code_execution_tool_result "
    "text_editor_code_execution_tool_result tool_search_tool_result mcp_tool_result container_upload"
)


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    content = item.get("content")
    if not isinstance(content, list) or item.get("role") not in ("user", "assistant") or item.get("tool_calls"):
        return False
    return any(_marks(part) for part in content if isinstance(part, dict))


def _marks(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    if kind == "thinking":
        return isinstance(part.get("thinking"), str)
    return kind in _MARKS or (kind == "image" and isinstance(part.get("source"), dict))


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    typed = all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts)
    return item.get("role") in ("user", "assistant", "system") and isinstance(content, (str, list)) and typed


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, _KNOWN)
        known: dict[str, Any] = {}
        if wire.get("role") == "assistant":
            known = {"finish_reason": finish_reason(wire.get("stop_reason")), "usage": token_usage(wire.get("usage"))}
            known["model"] = wire["model"] if isinstance(wire.get("model"), str) else None
        where = Located(item.place, item.line, {"role": wire.get("role"), "content": wire.get("content")})
        yield read_native(API, "messages", where, reader, known=tuple(SERVER_RESULTS.split()), **known)
