"""Contents of Google's generateContent, as on the wire and as Python dumps them.

In: `{"role": "model", "parts": [{"functionCall": …}]}`, also with names such as `function_call`. Out: an `Entry` each.

https://ai.google.dev/api/caching#Content
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.google import NAMES, camel
from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.native import read_native
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api
from runback_gate.wire.fields import mapping

NAME: Final = "gemini"
API: Final[Api] = "google.generate"

_PARTS = frozenset((*NAMES, *NAMES.values(), "text"))


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    parts = item.get("parts")
    return isinstance(parts, list) and all(_is_part(part) for part in parts) and item.get("role") != "assistant"


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and not part.keys() & {"type", "part_kind", "kind"} and bool(part.keys() & _PARTS)


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return marks(item) and item.get("role", "user") in ("user", "model", "function", "tool", None)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, ("role", "parts"))
        role = "user" if wire.get("role") in (None, "tool") else wire["role"]
        parts = [camel(part) for part in wire.get("parts") or []]
        where = Located(item.place, item.line, {"role": role, "parts": parts})
        yield read_native(API, "contents", where, reader)
