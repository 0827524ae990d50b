"""Files below a root folder: read, found, written whole.

In: a root folder and names relative to it, from people or documents, so not trusted. Out: bytes, documents, names.

    data = safe_read(root, "prompts/support.md")
    for name in expand(root, ["policies/*.yaml"]):
        document = read_document(root, name)

No name leads out of the root: no absolute path, no `..`, no symbolic link to the outside.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from runback_gate.documents.document import Document
from runback_gate.documents.names import nearest, quoted
from runback_gate.documents.parser import parse_document
from runback_gate.errors import DocumentError, InputError, Location, PathError, WriteError

_GLOB = re.compile(r"[*?[]")
READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, with the addresses that it had before
_LFS_POINTERS = tuple(
    f"version {address}\n".encode()
    for address in (
        "https://git-lfs.github.com/spec/v1",
        "https://hawser.github.com/spec/v1",
        "http://git-media.io/v/2",
    )
)
# What the file systems of macOS overlook in a name, as git has it (utf8.c, is_hfs_dotgit).
_OVERLOOKED = dict.fromkeys((*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def read_document(root: Path, name: str) -> Document:
    """Read and parse a YAML file below `root`; errors as `safe_read` and `parse_document`."""
    return parse_document(safe_read(root, name), PurePosixPath(name).as_posix())


def safe_read(root: Path, name: str, max_bytes: int = 1 << 20) -> bytes:
    """Read a regular file below `root`, of at most `max_bytes`.

    Raises:
        PathError: the name leads out of the root, or to something that is no regular file.
        InputError: missing, or not readable.
        DocumentError: larger than `max_bytes`, or a pointer of Git LFS.
    """
    path = _inside(root, name)
    try:
        # Not blocking, because to open a pipe would wait for somebody to write.
        handle = os.open(path, READING)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise PathError("not a regular file", hint="name a file", location=_place(name))
            data = _content(handle, found.st_size, max_bytes + 1)
        finally:
            os.close(handle)
    except OSError as error:
        place = _place(name)
        if error.errno in _NO_FILE:
            raise _missing(Path(path), place) from error
        if error.errno in (errno.ENXIO, errno.ELOOP):
            raise PathError("not a regular file", hint="name a file", location=place) from error
        raise InputError(f"cannot be read: {error.strerror}", hint="check its permissions", location=place) from error
    if len(data) > max_bytes:
        raise DocumentError(f"larger than {max_bytes:,} bytes", hint="split the file", location=_place(name))
    if data.startswith(_LFS_POINTERS):
        hint = "fetch it with `git lfs pull` or `lfs: true` in actions/checkout, or keep the files of a gate out of LFS"
        raise DocumentError("a pointer of Git LFS, not the file itself", hint=hint, location=_place(name))
    return data


def _content(handle: int, size: int, limit: int) -> bytes:
    """At most `limit` bytes of a file; memory is taken for what it holds, not for what it may hold."""
    parts: list[bytes] = []
    wanted = min(size + 1, limit)
    while limit > 0 and (part := os.read(handle, min(wanted, limit))):
        parts.append(part)
        limit -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def expand(root: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Give the files below `root` that the patterns name, relative to it, sorted, each once.

    `*`, `?` and `[…]` stand for characters of one name, `**` for any folders. As in a shell they match no name that
    begins with a dot; they follow no link to a folder. A pattern may match nothing; a plain name must be there.

    Raises:
        PathError: a pattern or a file that it names leads out of the root.
        InputError: a plain name is missing or a folder, or a folder cannot be listed.
    """
    names: set[str] = set()
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        path = Path(_inside(root, pattern))
        if any(map(_GLOB.search, parts)):
            names.update(_matches(root, parts))
            continue
        name = PurePosixPath(pattern).as_posix()
        if path.is_dir():
            raise InputError("a folder", hint=f"name its files: {name}/*.yaml", location=Location(name))
        if not path.exists():
            raise _missing(path, Location(name))
        names.add(name)
    for name in names:
        _inside(root, name)
    return tuple(sorted(names))


def files_below(root: Path) -> Iterator[str]:
    """Give the files below `root`, relative to it.

    Hidden folders and links to folders are left out; what cannot be listed holds nothing.
    """
    waiting = [""]
    while waiting:
        try:
            entries = sorted(_entries(root, waiting.pop(), "*"))
        except InputError:
            continue
        waiting += [name for name, is_folder in entries if is_folder]
        yield from (name for name, is_folder in entries if not is_folder)


def same_files(root: Path, data: bytes) -> Iterator[str]:
    """Give the files below `root`, relative to it, that hold these very bytes; what cannot be read holds nothing."""
    for name in files_below(root):
        with contextlib.suppress(OSError, InputError):
            if (root / name).stat().st_size == len(data) and safe_read(root, name, len(data)) == data:
                yield name


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all, and its folder if need be. What was there stays until the new file is on disk.

    What is not `durable` does not wait for the disk: after a power cut the file may be cut.

    Raises:
        WriteError: the disk is full, the folder may not be written, or the like; no part of a file is left behind.
    """
    write_parts(path, (data,), durable=durable)


def write_parts(path: Path, parts: Iterable[bytes], *, durable: bool = True) -> None:
    """The same for a file that is larger than the memory: its parts are written as they come.

    An error that comes from the parts is passed on, and leaves no part of a file behind either.

    Raises:
        WriteError: as `write_atomic`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, handle = temporary_file(path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "free some space, or check the permissions of the folder"
        raise WriteError(f"cannot be written: {reason}", hint=hint, location=Location(path.as_posix())) from error


def temporary_file(folder: Path) -> tuple[Path, int]:
    """Make a new file with the mode that the user's mask gives; the library's temporary files are private instead."""
    for number in range(1000):
        path = folder / f".runback-{os.getpid()}-{number}.tmp"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            continue
    raise FileExistsError(errno.EEXIST, "the folder is full of temporary files")


def _inside(root: Path, name: str) -> str:
    """Give the real path of a name, which must lie below the root."""
    if name.startswith("/") or ".." in name.split("/"):
        raise _refused(name, "leads out of the root", "name a file below it, without `..`")
    try:
        # A name of undecodable bytes could not be written into any report.
        name.encode()
        base = _real(os.path.abspath(root))  # noqa: PTH100  links are followed below
        path = _followed(base, name)
    except (OSError, ValueError) as error:
        raise _refused(name, "not a file name", "use printable UTF-8") from error
    if path != base and not path.startswith(base.rstrip("/") + "/"):
        raise _refused(name, "leads out of the root through a symbolic link", "copy what it points to")
    # What git keeps there is no file of a commit, and may hold the token of a job.
    if ".git" in path.removeprefix(base).translate(_OVERLOOKED).casefold().split("/"):
        raise _refused(name, "leads into .git", "name a file that is part of a commit")
    return path


def _refused(name: str, message: str, hint: str) -> PathError:
    return PathError(message, hint=hint, location=Location(name or "." if name.isprintable() else quoted(name)))


def _followed(base: str, name: str) -> str:
    """The real path of a name below a real folder; only where a link stands on the way is every part looked up."""
    path = base
    for part in name.split("/"):
        if part and part != ".":
            path = f"{path}/{part}"
            try:
                if stat.S_ISLNK(os.lstat(path).st_mode):
                    break
            except OSError:
                break
    else:
        return path
    return os.path.realpath(f"{base}/{name}")


@lru_cache(maxsize=64)
def _real(root: str) -> str:
    return os.path.realpath(root)


def _place(name: str) -> Location:
    return Location(PurePosixPath(name).as_posix())


def _missing(path: Path, place: Location) -> InputError:
    try:
        close = nearest(path.name, [item.name for item in path.parent.iterdir()])
    except OSError:
        close = None
    return InputError("no such file", hint=f"did you mean {quoted(close)}?" if close else None, location=place)


def _matches(root: Path, parts: tuple[str, ...]) -> Iterator[str]:
    """Go down part by part; sets of folders, so that many `**` do not multiply."""
    folders = {""}
    for part in parts[:-1]:
        if part == "**":
            folders = {below for folder in folders for below in _tree(root, folder)}
        elif _GLOB.search(part):
            folders = {name for folder in folders for name, is_folder in _entries(root, folder, part) if is_folder}
        else:
            folders = {folder + part + "/" for folder in folders}
    last = parts[-1]
    if last == "**":
        folders, last = {below for folder in folders for below in _tree(root, folder)}, "*"
    for folder in folders:
        for name, is_folder in _entries(root, folder, last):
            if not is_folder:
                yield name


def _tree(root: Path, folder: str) -> Iterator[str]:
    """Give a folder and all folders below it."""
    waiting = [folder]
    while waiting:
        yield (here := waiting.pop())
        waiting += [name for name, is_folder in _entries(root, here, "*") if is_folder]


def _entries(root: Path, folder: str, pattern: str) -> list[tuple[str, bool]]:
    """Give what matches in a folder: names, those of folders with a final slash, and whether each is a folder."""
    found = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not pattern.startswith(".")
                if hidden or not fnmatch.fnmatchcase(entry.name, pattern):
                    continue
                # Anything else counts as a file, a broken link too: to read it is an error, to pass over it a silence.
                if not entry.is_dir():
                    found.append((folder + entry.name, False))
                elif not entry.is_symlink():
                    found.append((folder + entry.name + "/", True))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        message = f"cannot be listed: {error.strerror}"
        raise InputError(message, hint="check its permissions", location=Location(folder or ".")) from error
    return found
