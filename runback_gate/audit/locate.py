"""Where a record was changed: the lines of one block against the index line that stands for them.

In: the lines since the last index line, and the index line. Out: the first line that differs, and how.

    found = differing([item.entry for item in block], entries_of(index).lines)

An index line holds one entry for each line of its block, so a changed line is found as that line, and a missing one at
the line that took its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from runback_gate.audit.frame import BLOCK, INDEX, line_entry
from runback_gate.canonical import parse_canonical
from runback_gate.errors import DocumentError
from runback_gate.frozen import dataclass

Kind = Literal["changed", "missing", "inserted", "reordered", "truncated", "head replaced", "signature"]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place at which a record breaks."""

    kind: Kind
    """`changed`, `missing` (before this line), `inserted`, `reordered`, `truncated` (after this line), `head replaced`
    (the lines agree with each other, and not with the checkpoint), `signature`."""
    line: int
    """1-based number of the line."""
    start: int
    """Offset of the first byte that is meant, from 0."""
    end: int
    """Offset behind the last one; equal to `start` where bytes are missing."""
    message: str
    """The same in a sentence."""
    event: str | None = None
    """`RUN:N`, and what the event is, where the line is event N of a run."""


class Item(NamedTuple):
    """A line of a block."""

    number: int
    """1-based number in the file."""
    start: int
    """Offset of its first byte."""
    end: int
    """Offset behind its last one."""
    line: bytes
    """Its bytes, or the first of them: as much as is needed to say what it is."""
    entry: str
    """What stands for it in the index."""
    run: str | None
    """Of an event line the run."""
    event: int
    """Its number in the run, from 0."""

    def fault(self, kind: Kind, message: str) -> Fault:
        """A fault of this line."""
        end = self.start if kind == "missing" else self.end
        event = None if self.run is None else named_event(f"{self.run}:{self.event}", self.line)
        return Fault(kind, self.number, self.start, end, message, event)


@dataclass(frozen=True, slots=True)
class Index:
    """What an index line says."""

    block: int
    lines: tuple[str, ...]
    erased: dict[str, str]


def read_index(line: bytes) -> Index | None:
    """Read an index line; None when it is none."""
    try:
        value = cast("dict[str, Any]", parse_canonical(line[:-1]))
        found = Index(value["block"], tuple(value["lines"]), dict(value.get("erased", {})))
    except (DocumentError, KeyError, TypeError, ValueError):
        return None
    texts = all(isinstance(text, str) for text in (*found.lines, *found.erased.values()))
    return found if texts and type(found.block) is int and line.startswith(INDEX) else None


def differing(found: Sequence[str], expected: Sequence[str]) -> tuple[Kind, int] | None:
    """How the entries of a block differ from those of its index line, and at which of them; None when they are equal.

    The place may be one behind the last entry: then lines are missing at the end of the block.
    """
    first = next((n for n, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
    if first is None:
        shared = min(len(found), len(expected))
        return None if len(found) == len(expected) else ("missing" if len(expected) > shared else "inserted", shared)
    same = 0
    while same < min(len(found), len(expected)) - first and found[-1 - same] == expected[-1 - same]:
        same += 1
    ours, theirs = found[first : len(found) - same], expected[first : len(expected) - same]
    if not ours:
        return "missing", first
    if not theirs:
        return "inserted", first
    if len(ours) == len(theirs) and sorted(ours) == sorted(theirs):
        return "reordered", first
    return "changed", first


def block_fault(items: Sequence[Item], index: Index, expected: int) -> Fault | None:
    """The first line of a block that its index line does not stand for; None when there is none.

    `expected` is the number of the block, counted by the index lines so far.
    """
    entries = [item.entry for item in items]
    if index.block == expected + 1 and len(items) >= BLOCK:
        return _without_index(items, index)
    if index.block > expected and items:
        known = frozenset(index.lines)
        place = next((n for n, entry in enumerate(entries) if entry in known), None)
        return None if place is None else items[place].fault("missing", "lines before it are gone")
    found = differing(entries, index.lines)
    if found is None:
        return _tombstone_fault(items, index)
    kind, place = found
    if place == len(items):
        return None
    words = {"missing": "lines before it are gone", "inserted": "it does not belong here"}
    return items[place].fault(kind, words.get(kind, f"the line was {kind}"))


def _without_index(items: Sequence[Item], index: Index) -> Fault | None:
    """An index line was to follow the first lines of a block."""
    last = items[BLOCK - 1]
    if INDEX in last.line[1:]:
        return last.fault("changed", "the line was joined with the next one")
    place = items[min(BLOCK, len(items) - 1)]
    if len(items) - BLOCK == len(index.lines) + 1:
        return place.fault("changed", "it is not the index line that was written")
    if len(items) == BLOCK and not {item.entry for item in items}.intersection(index.lines):
        return None
    return place.fault("missing", "the index line before it is gone")


def _tombstone_fault(items: Sequence[Item], index: Index) -> Fault | None:
    """A tombstone that was written before the record was made is kept to the byte."""
    for place, digest in index.erased.items():
        number = int(place) if place.isdecimal() else len(items)
        if number < len(items) and line_entry(items[number].line) != digest:
            return items[number].fault("changed", "the tombstone was changed after signing")
    return None


def byte_range(found: bytes, expected: bytes) -> tuple[int, int]:
    """The part of `found` that differs from `expected`, as offsets."""
    first = next((n for n, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), None)
    if first is None:
        return min(len(found), len(expected)), len(found)
    same = 0
    while same < min(len(found), len(expected)) - first and found[-1 - same] == expected[-1 - same]:
        same += 1
    return first, len(found) - same


def named_event(name: str, line: bytes) -> str:
    """`RUN:N (model gpt-4o)`: the event and what it is, as far as its line can be read."""
    try:
        value = parse_canonical(line[:-1])
    except DocumentError:
        value = None
    if not isinstance(value, dict):
        return name
    words = [value[key] for key in ("type", "name", "model") if isinstance(value.get(key), str)]
    return f"{name} ({' '.join(str(word) for word in words)})" if words else name
