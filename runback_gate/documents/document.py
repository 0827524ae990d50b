"""A parsed file, and where each of its parts stands.

In: the value and the bytes that `parser` has checked. Out: positions in the file, also of CEL source inside a scalar.

    document.mark(("spec", "cases", 0, "id"))               # datasets/refunds.yaml:7:11
    document.key_mark(("spec", "cases", 0, "idd"))
    document.expression_location(("spec", "cases", 0, "checks", 1, "cel"), line=2, column=5)

Nothing is kept for it: the bytes are read a second time when a position is first asked for, since most files are right.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import InitVar, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, cast

import yaml
from yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from runback_gate.canonical import JsonValue
from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass

Pointer: TypeAlias = tuple[str | int, ...]
"""The way from the root of a document to a value: keys and 0-based indices."""

_BLOCK_STYLES = ("|", ">")
# What stands in the file for one character of a scalar's value: an escape, a folded line end, or the character.
_FOLD = r"[ \t]*(?:\r?\n[ \t]*)+|."
_ESCAPE = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|"
_CHARACTERS = {"'": re.compile("''|" + _FOLD), '"': re.compile(_ESCAPE + _FOLD), "": re.compile(_FOLD)}
# The search for folds is quadratic in runs of spaces; expressions are limited to 4 KiB anyhow.
_MAX_EXACT = 1 << 15


class SequenceEnd(NamedTuple):
    """Where the text of one more item of a block sequence goes."""

    column: int
    """0-based column of the dashes."""
    offset: int
    """Index into the decoded text: the start of a line, or the end of a text that has no final newline."""


class _Node(NamedTuple):
    """A value in the text. Only numbers, because to keep the events of libyaml costs twice the time of making them."""

    key: int
    """Where its key begins; where it begins itself when it has none."""
    start: int
    end: int
    style: str
    """Of a scalar `|`, `>`, a quote or nothing, of a list or mapping `block` or `flow`."""
    entries: dict[str | int, _Node]
    """What lies inside, by key or index."""


_NOTHING: dict[str | int, _Node] = {}


# No slots: the outline is kept in the instance once it was asked for.
@dataclass(frozen=True, eq=False)
class Document:
    """A parsed file: its value and its bytes."""

    path: str
    """The file, relative to the root."""
    data: bytes
    """The bytes as they lie: UTF-8 without byte order mark."""
    content: InitVar[JsonValue]
    """The content as plain JSON: `value`."""
    events: list[Any] = field(repr=False)
    """What the YAML parser said; gone when the first position was asked for."""
    read: Callable[[bytes, str], Document] = field(repr=False)
    """Reads the bytes again, for a document that was forgotten."""

    def __post_init__(self, content: JsonValue) -> None:
        self.__dict__["value"] = content

    @cached_property
    def value(self) -> JsonValue:
        """The content as plain JSON; nobody may change it."""
        again = self.read(self.data, self.path)
        # The positions are mostly wanted next, and come from the same reading.
        self.events[:] = [] if "_root" in self.__dict__ else again.events
        return again.value

    def forget(self) -> None:
        """Let go of content and positions, which take more memory than the file; they are read again on demand."""
        self.events.clear()
        for name in ("value", "_root", "_lines", "_text"):
            self.__dict__.pop(name, None)

    def mark(self, pointer: Pointer) -> Location:
        """Where a value begins; for one that is not there, where the nearest value around it begins."""
        return self._location(self._find(pointer)[0].start)

    def key_mark(self, pointer: Pointer) -> Location:
        """Where the key of a value begins, or the item when it is one of a sequence; else as `mark`."""
        node, _, found = self._find(pointer)
        return self._location(node.key if found else node.start)

    def expression(self, pointer: Pointer) -> str:
        """The CEL source that a scalar holds. A block scalar keeps its lines as written, a folded one too.

        Raises:
            DocumentError: when there is no scalar.
        """
        node, value = self._scalar(pointer)
        if node.style in _BLOCK_STYLES:
            return "\n".join(self._block(node, value)[0]).rstrip("\n")
        return value

    def expression_location(self, pointer: Pointer, line: int, column: int) -> Location:
        """Where a 1-based position in the CEL source of a scalar stands in the file.

        It is the start of the scalar where blank lines hide the exact place.

        Raises:
            DocumentError: when there is no scalar.
        """
        node, value = self._scalar(pointer)
        if node.style in _BLOCK_STYLES:
            first = bisect_right(self._lines, node.start) + 1
            return Location(self.path, first + line - 1, self._block(node, value)[1] + column)
        quote = 1 if node.style else 0
        raw = self._text[node.start + quote : node.end - quote]
        parts = _CHARACTERS[node.style].findall(raw) if len(raw) <= _MAX_EXACT else []
        offset = sum(len(text) + 1 for text in value.split("\n")[: line - 1]) + column - 1
        exact = len(parts) == len(value)
        return self._location(node.start + quote + (len("".join(parts[:offset])) if exact else 0))

    def sequence_end(self, pointer: Pointer) -> SequenceEnd:
        """Where an item can be added to a block sequence without touching a byte of what is there.

        Raises:
            DocumentError: when there is no sequence, or it is written as `[…]`.
        """
        node, value, found = self._find(pointer)
        if not found or not isinstance(value, list) or node.style != "block":
            hint = "write it as a block, one `- ` per line"
            raise DocumentError("not a list that a line can be added to", hint=hint, location=self.mark(pointer))
        column = (self._location(node.start).column or 1) - 1
        while node.entries and node.style == "block":
            node = list(node.entries.values())[-1]
        offset = node.end
        if node.style not in _BLOCK_STYLES:
            offset = self._text.find("\n", offset) + 1 or len(self._text)
        # Comments that are indented deeper than the dashes belong to the last item.
        comment = re.compile(rf"(?: {{{column + 1},}}#[^\n]*(?:\n|\Z))*").match(self._text, offset)
        return SequenceEnd(column, comment.end() if comment else offset)

    @cached_property
    def _text(self) -> str:
        return self.data.decode()

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins."""
        return [0, *(match.end() for match in re.finditer("\n", self._text))]

    @cached_property
    def _root(self) -> _Node:
        top: dict[str | int, _Node] = {}
        entries, is_mapping, key, name = top, False, -1, ""
        stack: list[tuple[int, int, str, dict[str | int, _Node], bool, str]] = []
        event: Any
        for event in self.events or yaml.parse(self.data.decode(), yaml.CSafeLoader):
            kind = type(event)
            start = event.start_mark.index
            if kind is ScalarEvent and is_mapping and key < 0:
                key, name = start, event.value
            elif kind is ScalarEvent:
                node = _Node(start if key < 0 else key, start, event.end_mark.index, event.style or "", _NOTHING)
                entries[name if is_mapping else len(entries)] = node
                key = -1
            elif kind is SequenceStartEvent or kind is MappingStartEvent:
                style = "flow" if event.flow_style else "block"
                stack.append((start if key < 0 else key, start, style, entries, is_mapping, name))
                entries, is_mapping, key = {}, kind is MappingStartEvent, -1
            elif kind is SequenceEndEvent or kind is MappingEndEvent:
                inner = entries
                place, start, style, entries, is_mapping, name = stack.pop()
                node = _Node(place, start, event.end_mark.index, style, inner)
                entries[name if is_mapping else len(entries)] = node
        self.events.clear()
        return top[0]

    def _find(self, pointer: Pointer) -> tuple[_Node, JsonValue, bool]:
        """Follow a pointer as far as it leads: the node, its value, and whether it led to the end."""
        # The content first: what is read for it gives the positions too.
        value, node = self.value, self._root
        for part in pointer:
            if part not in node.entries:
                return node, value, False
            node, value = node.entries[part], cast("Any", value)[part]
        return node, value, True

    def _scalar(self, pointer: Pointer) -> tuple[_Node, str]:
        node, value, found = self._find(pointer)
        if not found or isinstance(value, (list, dict)):
            raise DocumentError("expected an expression", hint="write it as text", location=self._location(node.start))
        return node, value if isinstance(value, str) else self._text[node.start : node.end]

    def _block(self, node: _Node, value: str) -> tuple[list[str], int]:
        """Give the lines of a block scalar as they lie, without their indent, and the indent."""
        lines = self._text[node.start : node.end].replace("\r", "").split("\n")[1:]
        first = next((line for line in lines if line.strip()), "")
        content = value.lstrip("\n")
        indent = len(first) - len(first.lstrip(" ")) - (len(content) - len(content.lstrip(" ")))
        return [line[indent:] for line in lines], indent

    def _location(self, offset: int) -> Location:
        line = bisect_right(self._lines, offset)
        return Location(self.path, line, offset - self._lines[line - 1] + 1)
