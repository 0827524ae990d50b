"""Messages of Bedrock's Converse.

In: `{"role": …, "content": [{"toolUse": …}]}`. Out: an `Entry` each.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.native import read_native
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api
from runback_gate.wire.fields import mapping

NAME: Final = "bedrock-converse"
API: Final[Api] = "bedrock.converse"

_PARTS = frozenset(
    "toolUse toolResult reasoningContent text image document video guardContent cachePoint citationsContent".split()
)


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    content = item.get("content")
    return isinstance(content, list) and bool(content) and all(map(_is_part, content))


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and "type" not in part and len(part.keys() & _PARTS) == 1 and len(part) == 1


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return item.get("role") in ("user", "assistant") and (marks(item) or item.get("content") == [])


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, ("role", "content"))
        where = Located(item.place, item.line, {"role": wire.get("role"), "content": wire.get("content")})
        yield read_native(API, "messages", where, reader)
