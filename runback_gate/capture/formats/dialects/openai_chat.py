"""Messages of OpenAI's chat completions, and of whatever is written like them.

In: `{"role": …, "content": …}` messages. Out: an `Entry` each.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.chat import ROLES, read_message
from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api
from runback_gate.wire.fields import mapping

NAME: Final = "openai-chat"
API: Final[Api] = "openai.chat"

_PARTS = frozenset("image_url input_audio".split())


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    if not isinstance(item.get("role"), str):
        return False
    if item["role"] == "function" or isinstance(item.get("function_call"), dict):
        return True
    calls, content = item.get("tool_calls"), item.get("content")
    if isinstance(calls, list) and calls and item.get("type", "message") == "message":
        return True
    if item["role"] == "tool" and isinstance(content, (str, type(None))):
        return True
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") in _PARTS for part in content)


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return item.get("role") in ROLES and "parts" not in item


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    return (read_message(mapping(item.value, item.place), item.place, reader) for item in items)
