"""Files that a person named: read with a limit, read line by line, written whole.

    data = read_file(Path("report.json"), MAX_REPORT_BYTES)     # `-` is standard input
    write_file(Path("report.html"), data)

What a person types may lie anywhere; what a document names is read through `documents.files`, which stays below a root.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from runback_gate.documents.files import write_parts
from runback_gate.documents.names import nearest, quoted
from runback_gate.errors import InputError, Location, WriteError

STDIN = Path("-")
MAX_LINE_BYTES = 64 << 20
_FIRST = 1 << 20


def read_file(path: Path, limit: int, *, hint: str | None = None) -> bytes:
    """The bytes of a file; `-` is standard input.

    Raises:
        InputError: missing (with the hint), no file, unreadable, or larger than the limit.
    """
    place = Location(path.as_posix())
    try:
        with opened(path, hint) as file:
            # What is asked for is reserved, so of most files no more than they have.
            data = file.read(min(_FIRST, limit + 1))
            if len(data) == _FIRST:
                data += file.read(limit + 1 - _FIRST)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", location=place) from error
    if len(data) > limit:
        raise InputError(f"larger than {limit >> 20} MiB", location=place)
    return data


def read_if_there(path: Path, limit: int) -> bytes | None:
    """The bytes of a file; None where nothing has its name.

    Raises:
        InputError: as `read_file`, save that it is missing.
    """
    return read_file(path, limit) if path.exists() else None


@contextlib.contextmanager
def opened(path: Path, hint: str | None = None) -> Iterator[BinaryIO]:
    """A file to read from; `-` is standard input.

    Raises:
        InputError: missing (with the hint), no file, or it cannot be opened.
    """
    place = Location(path.as_posix())
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        # A pipe that lies in a folder would be waited for without end; those of a shell (`<(…)`) lie in /dev.
        if path.is_fifo() and not path.is_relative_to("/dev"):
            raise InputError("a pipe", hint="name a file", location=place)
        file = path.open("rb")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise InputError("no such file", hint=hint or _near(path), location=place) from error
        if error.errno == errno.EISDIR:
            raise InputError("a folder", hint="name a file", location=place) from error
        raise InputError(f"cannot be read: {error.strerror}", location=place) from error
    with file:
        yield file


def read_lines(path: Path, *, hint: str | None = None) -> Iterator[bytes]:
    """The lines of a file, each with its line end, one at a time; `-` is standard input.

    Raises:
        InputError: missing (with the hint), no file, unreadable, or a line is larger than 64 MiB.
    """
    place = Location(path.as_posix())
    try:
        with opened(path, hint) as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    message = f"a line of more than {MAX_LINE_BYTES >> 20} MiB"
                    raise InputError(message, location=Location(path.as_posix(), number))
                yield line
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", location=place) from error


def _near(path: Path) -> str | None:
    try:
        close = nearest(path.name, [item.name for item in path.parent.iterdir()])
    except OSError:
        return None
    return f"did you mean {quoted(close)}?" if close else None


def write_file(path: Path, data: bytes) -> None:
    """Write whole or not at all, making the folder.

    Raises:
        WriteError: something else stands in the way, or the disk says no.
    """
    write_lines(path, (data,))


def remove_file(path: Path) -> None:
    """Remove a file; one that is gone already is no error.

    Raises:
        WriteError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        place = Location(path.as_posix())
        raise WriteError(f"cannot be removed: {error.strerror}", location=place) from error


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """The same, line by line as they come; an error on the way leaves nothing behind.

    Raises:
        WriteError: as `write_file`.
    """
    # A wrong name is more frequent than a full disk, and the hint for that would mislead.
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            place = Location(folder.as_posix())
            raise WriteError("a file stands where a folder is needed", hint="name another folder", location=place)
    if path.exists() and not path.is_file():
        # To replace a device or a pipe by a file would break it for everybody.
        what = "a folder" if path.is_dir() else "something that is no file"
        raise WriteError(f"{what} stands where the file is to be", location=Location(path.as_posix()))
    write_parts(path, lines)


def remove_files(paths: Iterable[Path], failure: str) -> None:
    """Remove files and links; what is neither, or is not there, stays as it is. `failure` says what cannot be done.

    Raises:
        WriteError: one cannot be removed.
    """
    for path in paths:
        if path.is_file() or path.is_symlink():
            try:
                path.unlink()
            except OSError as error:
                raise WriteError(f"{failure}: {error.strerror}", location=Location(path.as_posix())) from error


def create_files(files: Mapping[Path, tuple[bytes, int]]) -> None:
    """Make new files, each with its bytes and its mode: all of them or none, and never over one that is there.

    Raises:
        WriteError: a file of the name is there already, or the disk says no.
    """
    made: list[Path] = []
    path = Path()
    try:
        for path, (data, mode) in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
                made.append(path)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except BaseException as error:
        for item in made:
            item.unlink(missing_ok=True)
        place = Location(path.as_posix())
        if isinstance(error, FileExistsError):
            hint = "an existing file is not overwritten: choose another name"
            raise WriteError("is there already", hint=hint, location=place) from error
        if isinstance(error, (OSError, ValueError)):
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            hint = "free some space, or check the permissions of the folder"
            raise WriteError(f"cannot be written: {reason}", hint=hint, location=place) from error
        raise
