"""Segments of a response cache: files that one process each appends to, an entry a line.

In: a folder. Out: where entries lie, and their bytes.

    segments = Segments(folder)
    segments.append([request_line, answer_line])
    segments.answer("sha256:…", 0)                          # the line of the answer
    segments.request("sha256:…")                            # the line of the request

A line counts from its line feed on: whoever is killed leaves whole lines, and perhaps one that nobody reads. What other
processes append is found when it is asked for. A line that begins and ends as an answer does is one until it is
opened; any other line is taken for a request, whose name is its SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import count
from pathlib import Path

from runback_gate.canonical import digest_bytes
from runback_gate.documents.files import write_parts
from runback_gate.documents.named_files import remove_file
from runback_gate.documents.shared_files import append_whole, create_first, file_sizes, lines_from, read_at, set_time
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass

MAX_LINE = 64 << 20
"""Bytes of the longest line that is read; nothing behind a longer one is."""

_NAME = re.compile(r"[0-9a-f]{16}(-[0-9]{1,9})?\.jsonl")
_HEAD = re.compile(
    rb'\{"digest":"sha256:[0-9a-f]{64}","format":"runback\.response/v1","request":"(sha256:[0-9a-f]{64})",'
)
_TAIL = re.compile(rb',"trial":(0|[1-9][0-9]{0,8})\}\Z')
_LAST = 32
"""Bytes in which the trial stands."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a segment."""

    path: Path
    offset: int
    size: int
    """Without its line feed."""
    key: tuple[str, int] | None = field(default=None)
    """Request and trial of an answer; None for any other line."""
    whole: bool = True
    """Whether its line feed is there."""


class Segments:
    """The segments of one folder, which may be missing. What one process appends goes into one of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own: Path | None = None
        self._forget()

    def _forget(self) -> None:
        self._answers: dict[tuple[str, int], Line] = {}
        self._requests: dict[str, Line] = {}
        self._unnamed: list[Line] = []
        self._ends: dict[str, int] = {}
        """How far each segment was read, by name."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines, all of them or none; the last one names the segment if it is the first that is added.

        Raises:
            WriteError: the disk is full, or the folder may not be written.
        """
        data = b"".join([line + b"\n" for line in lines])
        start = None if self._own is None else append_whole(self._own, data)
        if self._own is None or start is None:
            stem = digest_bytes(lines[-1])[7:23]
            names = (self.folder / f"{stem}{f'-{number}' if number else ''}.jsonl" for number in count())
            # Somebody else's of this name is passed over: only its own process appends to a segment.
            self._own = create_first(names, data)
            start = 0
        for line in lines:
            self._learn(Line(self._own, start, len(line), _key(line)))
            start += len(line) + 1

    def answer(self, request: str, trial: int) -> tuple[Path, bytes] | None:
        """The segment and the line of an answer; None where there is none."""
        for _ in range(2):
            line = self._answers.get((request, trial))
            if line is None:
                self._look()
                line = self._answers.get((request, trial))
            if line is None:
                return None
            data = self.read(line)
            if data is not None and _key(data) == line.key:
                return line.path, data
            # Somebody wrote the segment anew: lines lie elsewhere.
            self._forget()
        return None

    def request(self, name: str) -> bytes | None:
        """The line of a request; None where there is none."""
        self._look()
        while self._unnamed:
            line = self._unnamed.pop()
            if (data := self.read(line)) is not None:
                self._requests[digest_bytes(data)] = line
        line_of = self._requests.get(name)
        return None if line_of is None else self.read(line_of)

    def has_request(self, name: str) -> bool:
        """Whether an answer to a request is here, or the request."""
        return self.request(name) is not None or any(request == name for request, _ in self._answers)

    def read(self, line: Line) -> bytes | None:
        """What a line holds; None where the segment went away or was cut."""
        data = read_at(line.path, line.offset, line.size + 1)
        return data[:-1] if data.endswith(b"\n") and len(data) == line.size + 1 else None

    def lines(self) -> Iterator[Line]:
        """Every line of every segment, by name and place; of one that was not written to its end what there is.

        Raises:
            InputError: the folder cannot be listed.
        """
        for path, size in self._files({}):
            end = 0
            for line in _lines(path, 0):
                yield line
                end = line.offset + line.size + line.whole
            if end < size:
                # Longer than any line of ours, or it cannot be read.
                yield Line(path, end, size - end, whole=False)

    def remove(self, lines: Iterable[Line]) -> None:
        """Take lines out. A process that appends meanwhile begins another segment.

        Nothing is lost that it appends: it looks at the name of its segment once it has written, and what was written
        before the name went is read here.

        Raises:
            WriteError: a segment could not be written anew; it is as it was.
        """
        gone: dict[Path, set[int]] = {}
        for line in lines:
            gone.setdefault(line.path, set()).add(line.offset)
        for path, offsets in gone.items():
            if not path.exists():
                continue
            names = (path.with_name(f"{path.stem[:16]}-{number}.jsonl") for number in count(1))
            # Made before it is replaced, so that it is nobody else's.
            aside = create_first(names)
            path.rename(aside)
            kept = [line for line in _lines(aside, 0) if line.offset not in offsets and line.whole]
            last = aside.stat().st_mtime
            if kept:
                write_parts(aside, (b"%b\n" % data for line in kept if (data := self.read(line)) is not None))
                set_time(aside, last)
            else:
                remove_file(aside)
        self._forget()

    def _look(self) -> None:
        """Take in what was appended since, by whomever."""
        for path, _ in self._files(self._ends):
            for line in _lines(path, self._ends.get(path.name, 0)):
                if not line.whole:
                    break
                self._learn(line)

    def _learn(self, line: Line) -> None:
        self._ends[line.path.name] = line.offset + line.size + 1
        if line.key is None:
            self._unnamed.append(line)
        else:
            self._answers.setdefault(line.key, line)

    def _files(self, ends: Mapping[str, int]) -> list[tuple[Path, int]]:
        """The segments that are longer than these ends, and their sizes, by name."""
        try:
            found = file_sizes(self.folder)
        except OSError as error:
            place = Location(self.folder.as_posix())
            raise InputError(f"cannot be listed: {error.strerror}", location=place) from error
        grown = [item for item in found if item[1] > ends.get(item[0], -1)]
        return [(self.folder / name, size) for name, size in grown if _NAME.fullmatch(name)]


def _lines(path: Path, start: int) -> Iterator[Line]:
    for data in lines_from(path, start, MAX_LINE):
        whole = data.endswith(b"\n")
        bare = data[:-1] if whole else data
        yield Line(path, start, len(bare), _key(bare) if whole else None, whole)
        start += len(data)


def _key(line: bytes) -> tuple[str, int] | None:
    """Request and trial of what begins and ends as an answer does."""
    head, tail = _HEAD.match(line), _TAIL.search(line[-_LAST:])
    return (head[1].decode(), int(tail[1])) if head and tail else None
