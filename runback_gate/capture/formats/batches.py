"""Batches, whose requests lie in one file and whose results in another: the lines of both, joined by their ids.

In: files. Out: for each file of results its lines, each with its request beside it, as `envelopes.batch` reads them.

    joined = join_batches({"in.jsonl": requests, "out.jsonl": results, "errors.jsonl": failed})
    joined["out.jsonl"].data            # b'{"batch_request": {…}, "batch_result": {…}}\n…'

Nothing is read here but ids: every byte of both lines is in the joined one. A result without a request, or with two
that differ, stays as it is, and the envelope refuses it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final, Literal

from runback_gate.capture.formats.envelopes.batch import identity, part_of
from runback_gate.frozen import dataclass

ANSWERED: Final = "a request whose result is in another file"
UNANSWERED: Final = "a request without a result in these files"
_LOOKED_AT: Final = 64 << 10


@dataclass(slots=True)
class JoinedFile:
    """What became of a file of a batch."""

    data: bytes | None
    """Its results with their requests; None for a file of requests alone."""
    counted: Counter[str] = field(default_factory=Counter)
    """Of a file of requests: how many were answered."""


def batch_part(data: bytes) -> Literal["requests", "results"] | None:
    """Which half of a batch a file is, by its first line; None for any other file."""
    first = data[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0]
    if not any(name in first for name in (b'"custom_id"', b'"key"')):
        return None
    value = _json(data.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0])
    return None if value is None else part_of(value)


def join_batches(files: Mapping[str, bytes]) -> dict[str, JoinedFile]:
    """The files that are halves of batches, joined; files that lack their other half are left out."""
    parts = {name: batch_part(data) for name, data in files.items()}
    if not {"requests", "results"} <= set(parts.values()):
        return {}
    requests: dict[str, bytes | None] = {}
    for name in (name for name, part in parts.items() if part == "requests"):
        for key, line in _lines(files[name]):
            # Two requests of one id, that differ: nobody knows whose result it is.
            requests[key] = line if requests.get(key, line) == line else None
    answered: set[str] = set()
    found = {
        name: JoinedFile(b"\n".join(_joined(data, requests, answered)))
        for name, data in files.items()
        if parts[name] == "results"
    }
    for name in (name for name, part in parts.items() if part == "requests"):
        counts = Counter(ANSWERED if key in answered else UNANSWERED for key, _ in _lines(files[name]))
        found[name] = JoinedFile(None, counts)
    return found


def _joined(data: bytes, requests: Mapping[str, bytes | None], answered: set[str]) -> Iterator[bytes]:
    """The lines of results, in their order and number."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        key = identity(_json(line))
        request = None if key is None else requests.get(key)
        if key is None or request is None:
            yield line
            continue
        answered.add(key)
        yield b'{"batch_request":%b,"batch_result":%b}' % (request, line.strip())


def _lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Id and text of each request."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        value = _json(line)
        key = identity(value)
        if key is not None and part_of(value) == "requests":
            yield key, line.strip()


def _json(line: bytes) -> Any:
    try:
        return json.loads(line) if line.strip() else None
    except (ValueError, RecursionError):
        return None
