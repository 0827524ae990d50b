"""Bytes of a file to JSON values: one JSON text, or one a line, whatever the file is called.

In: the bytes. Out: values with their places, and what is not JSON.

    records = read_records(data, "chats.jsonl")
    records.values[0].line, records.faults
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.capture.formats.archive import is_archive, read_archive
from runback_gate.capture.formats.model import Located
from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass

MAX_TRANSCRIPT_BYTES = 512 << 20
MAX_LINE_BYTES = 64 << 20
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_A_NUMBER = re.compile(rb"NaN|Infinity|\\u[dD][89a-fA-F]")


@dataclass(slots=True)
class Records:
    """The JSON values of a file."""

    values: list[Located] = field(default_factory=list)
    lines: bool = False
    """Whether each stands on a line of its own."""
    faults: list[DocumentError] = field(default_factory=list)
    """Of JSONL: the lines that are no JSON."""
    repaired: dict[str, int] = field(default_factory=dict)
    """What JSON has no form for and other programs write, by name: NaN, half of a surrogate pair."""


def read_records(data: bytes, path: str) -> Records:
    """Read a file.

    Raises:
        DocumentError: it is one JSON text, and that is wrong.
        InputError: a zip that is no log.
    """
    found = Records()
    if is_archive(data):
        found.values.append(Located("$", None, read_archive(data, path, MAX_TRANSCRIPT_BYTES)))
        return found
    data = data.removeprefix(_BOM)
    said = data.strip()
    if not said:
        return found
    end = said.find(b"\n")
    try:
        if end >= 0:
            _parse(said[:end], path, MAX_LINE_BYTES, Records())
    except DocumentError:
        end = -1
    if end < 0:
        before = data[: len(data) - len(data.lstrip())].count(b"\n")
        found.values.append(
            Located("$", before + 1 if before else None, _parse(data, path, MAX_TRANSCRIPT_BYTES, found))
        )
        return found
    found.lines = True
    for number, line in enumerate(_lines(data), 1):
        if not line.strip():
            continue
        try:
            found.values.append(Located("$", number, _parse(line, path, MAX_LINE_BYTES, found)))
        except DocumentError as error:
            column = error.location.column if error.location else None
            place = Location(path, number, column)
            found.faults.append(DocumentError(error.message, hint="write one JSON value per line", location=place))
    return found


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines without their ends, one at a time: `split` looks at each byte on its own and copies the whole file."""
    start = 0
    while start <= len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield data[start:end]
        start = end + 1


def _parse(data: bytes, path: str, limit: int, found: Records) -> Any:
    """A JSON text, also one that Python or JavaScript wrote a little beyond it.

    NaN and the infinities are nothing, half of a surrogate pair is U+FFFD, and both are counted.
    """
    try:
        return parse_json(data, path=path, max_bytes=limit)
    except DocumentError as error:
        if not _NOT_A_NUMBER.search(data) or len(data) > limit:
            raise
        repaired: dict[str, int] = {}
        try:
            value = json.loads(data, parse_constant=lambda name: _count(repaired, name))
            text = json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError):
            raise error from None
        text, halves = _SURROGATE.subn("\ufffd", text)
        # Read again, strictly: duplicate keys, depth and numbers have their limits here as well.
        value = parse_json(text, path=path, max_bytes=limit)
        if len(repaired) + halves == 0 or _has_duplicates(data):
            raise error from None
        for name, count in (*repaired.items(), ("lone surrogate", halves)):
            if count:
                found.repaired[name] = found.repaired.get(name, 0) + count
        return value


def _count(repaired: dict[str, int], name: str) -> None:
    repaired[name] = repaired.get(name, 0) + 1


def _has_duplicates(data: bytes) -> bool:
    """Whether an object holds a key twice, of which readers keep different ones."""
    twice = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        found = dict(items)
        twice = twice or len(found) < len(items)
        return found

    json.loads(data, object_pairs_hook=pairs)
    return twice
