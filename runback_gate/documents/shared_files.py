"""Files of a folder that several processes read, append to and take from at once.

In: a folder, names in it. Out: sizes, lines, bytes; and whether what was appended counts.

    start = append_whole(path, b"line\n", new=True)
    next(lines_from(path, start, 64 << 20))                 # b"line\n"

Nobody locks: whoever takes a file away gives it another name first, and looks at it then; whoever writes looks at the
name once it has written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from runback_gate.documents.files import READING, temporary_file
from runback_gate.errors import Location, WriteError


def append_whole(path: Path, data: bytes, *, new: bool = False) -> int | None:
    """Append to a file, all of the data or nothing, and give the place where it begins; it does not wait for the disk.

    None where a file that is to be `new` is there already, where one that is not is missing or a link, and where the
    name led elsewhere once the data was written: whoever renames a file and then reads it loses nothing that counts.

    Raises:
        WriteError: the disk is full, the folder may not be written, or the like.
    """
    try:
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if new else 0)
        try:
            handle = os.open(path, flags, 0o666)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOENT, errno.ELOOP):
                return None
            raise
        try:
            start = os.lseek(handle, 0, os.SEEK_END)
            if os.write(handle, data) < len(data):
                os.ftruncate(handle, start)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            moved = not _leads_to(path, handle)
        finally:
            os.close(handle)
    except OSError as error:
        hint = "free some space, or check the permissions of the folder"
        reason = f"cannot be written: {error.strerror}"
        raise WriteError(reason, hint=hint, location=Location(path.as_posix())) from error
    return None if moved else start


def create_first(paths: Iterable[Path], data: bytes = b"") -> Path:
    """Make a file of this content under the first of endless names that nobody has.

    Raises:
        WriteError: as `append_whole`.
    """
    return next(path for path in paths if append_whole(path, data, new=True) is not None)


def _leads_to(path: Path, handle: int) -> bool:
    """Whether a name still is that of an open file."""
    try:
        named, opened = os.lstat(path), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


def remove_unless_new(path: Path, size: int, time: float) -> None:
    """Remove a file that still has this size and time of change; one that was written or touched since stays."""
    aside, handle = temporary_file(path.parent)
    os.close(handle)
    # Looked at under a name that nobody else has: what is written to the old name from here on is another file.
    with contextlib.suppress(FileNotFoundError):
        path.replace(aside)
        found = aside.lstat()
        if (found.st_size, found.st_mtime) != (size, time):
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(aside)
    aside.unlink(missing_ok=True)


def file_sizes(folder: Path) -> list[tuple[str, int]]:
    """The names and sizes of the files in a folder, by name; links and folders are passed over, a missing one has none.

    Raises:
        OSError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
            return sorted([(entry.name, entry.stat(follow_symlinks=False).st_size) for entry in files])
    except (FileNotFoundError, NotADirectoryError):
        return []


def lines_from(path: Path, start: int, longest: int) -> Iterator[bytes]:
    """The lines of a file from a place on, each with its line feed; nothing from one that is longer than `longest` on.

    A file that is missing, a link or not readable has none.
    """
    try:
        handle = os.open(path, READING)
    except OSError:
        return
    with os.fdopen(handle, "rb") as file:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            file.seek(start)
            while (line := file.readline(longest + 2)) and len(line) < longest + 2:
                yield line


def read_at(path: Path, start: int, size: int) -> bytes:
    """So many bytes of a file from a place on, fewer where it ends; none of what cannot be read, or is a link."""
    try:
        handle = os.open(path, READING)
    except OSError:
        return b""
    try:
        return os.pread(handle, size, start)
    except OSError:
        return b""
    finally:
        os.close(handle)


def is_there(folder: Path, name: str) -> bool:
    """Whether a folder has a file of this name; of a link whether it leads to one."""
    return os.access(f"{folder}/{name}", os.F_OK)


def set_time(path: Path, time: float | None = None) -> None:
    """Set the time of a file's last change: seconds since 1970, or None for now.

    Raises:
        OSError: it is missing, or may not be changed.
    """
    os.utime(path, None if time is None else (time, time))
