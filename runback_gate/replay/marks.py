"""Marks: when the answers in segments of a response cache were last used.

In: the folder, and the answers that a run used. Out: for each answer the time of its last use.

    marks = Marks(folder)
    marks.add("sha256:…", 0)
    marks.write()                               # at the end of a run: one small file
    marks.times()[mark("sha256:…", 0)]          # seconds since 1970

A file of marks names answers, and its time is when they were used. Its name is the SHA-256 of its content, so runs that
use the same answers share one file, which each of them touches.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Container
from itertools import count
from pathlib import Path

from runback_gate.canonical import digest_bytes
from runback_gate.documents import write_atomic
from runback_gate.documents.named_files import remove_file
from runback_gate.documents.shared_files import create_first, file_sizes, lines_from, set_time
from runback_gate.errors import RunbackError

_DAY = 86_400.0
_NAME = re.compile(r"[0-9a-f]{16}(-[0-9]{1,9})?\.used")
_MARK = re.compile(rb"[0-9a-f]{16}\.[0-9]{1,9}\n")
_TRIES = 3
_LONGEST = 32
"""Bytes of a line; nothing behind a longer one is read."""


def mark(request: str, trial: int) -> str:
    """How a file of marks names an answer: 16 digits of the digest of its request, and its trial."""
    return f"{request.removeprefix('sha256:')[:16]}.{trial}"


class Marks:
    """The marks of one folder, which may be missing, and those that this process adds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._added: set[str] = set()

    def add(self, request: str, trial: int) -> None:
        """An answer was used."""
        self._added.add(mark(request, trial))

    def write(self) -> None:
        """Write what was added. A folder that may only be read stays without marks."""
        added, self._added = self._added, set()
        if added:
            with contextlib.suppress(OSError, RunbackError):
                self._write(added)

    def _write(self, names: set[str]) -> None:
        stem, data = _content(names)
        path = self._folder / f"{stem}.used"
        # Whoever merges files takes the name away before it looks at the time: then it is written anew.
        for _ in range(_TRIES):
            try:
                set_time(path)
            except FileNotFoundError:
                write_atomic(path, data, durable=False)
            if path.exists():
                return

    def times(self) -> dict[str, float]:
        """When each answer was last used; nothing of one that has no mark."""
        found: dict[str, float] = {}
        for path in self._files():
            self._read(path, found)
        return found

    def merge(self, known: Container[str]) -> None:
        """Keep the last mark of each answer that is known, a file for each day, whose time is its latest.

        A run that marks meanwhile loses nothing: see `_write`. A file that was set aside counts until it is merged.
        """
        found: dict[str, float] = {}
        aside = [moved for path in self._files() if (moved := _set_aside(path)) is not None]
        for path in aside:
            self._read(path, found)
        days: dict[int, set[str]] = {}
        for name, time in found.items():
            if name in known:
                days.setdefault(int(time // _DAY), set()).add(name)
        for day, names in days.items():
            stem, data = _content(names)
            last = max(found[name] for name in names)
            path = self._folder / f"{stem}-{day}.used"
            write_atomic(path, data, durable=False)
            set_time(path, last)
            aside = [item for item in aside if item != path]
        for path in aside:
            remove_file(path)

    def _read(self, path: Path, found: dict[str, float]) -> None:
        try:
            time = path.lstat().st_mtime
        except FileNotFoundError:
            return
        for line in lines_from(path, 0, _LONGEST):
            if _MARK.fullmatch(line):
                name = line[:-1].decode()
                found[name] = max(time, found.get(name, 0.0))

    def _files(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return [self._folder / name for name, _ in file_sizes(self._folder) if _NAME.fullmatch(name)]
        return []


def _content(names: set[str]) -> tuple[str, bytes]:
    """How a file of these marks is named, and what it holds."""
    data = "".join(f"{name}\n" for name in sorted(names)).encode()
    return digest_bytes(data)[7:23], data


def _set_aside(path: Path) -> Path | None:
    """The new name of a file of marks, which no run writes; None where another process took it."""
    if "-" in path.name:
        return path
    names = (path.with_name(f"{path.stem}-{number}.used") for number in count())
    free = create_first(names)
    try:
        path.rename(free)
    except FileNotFoundError:
        remove_file(free)
        return None
    return free
