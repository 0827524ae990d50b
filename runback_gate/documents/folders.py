"""Files that a person named by a folder or a pattern.

In: paths as they were typed. Out: the files, each once, in the order of their names; hidden ones are left out.

    named_files(("logs/*.json", "chats"))
    list(files_in(Path("chats")))
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from runback_gate.documents.named_files import STDIN
from runback_gate.errors import InputError, Location


def named_files(paths: Sequence[str]) -> dict[Path, bool]:
    """The files of files, folders and patterns (`-` is standard input); true for those that lie in a folder.

    Raises:
        InputError: a path names nothing, or a folder cannot be listed.
    """
    files: dict[Path, bool] = {}
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found = dict.fromkeys(files_in(path), True)
        elif path != STDIN and not path.exists() and glob.has_magic(name):
            matches = sorted(Path(path.anchor).glob(name.removeprefix(path.anchor)))
            found = dict.fromkeys((item for item in matches if item.is_file()), False)
        else:
            found = {path: False}
        if not found:
            raise InputError(f"{name}: no file is there")
        files |= {path: in_folder and files.get(path, True) for path, in_folder in found.items()}
    return files


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and of those in it, save through links to folders.

    Raises:
        InputError: a folder cannot be listed.
    """
    for entry in entries(folder):
        if entry.name.startswith(".") or (entry.is_symlink() and entry.is_dir()):
            continue
        if entry.is_dir():
            yield from files_in(entry)
        else:
            yield entry


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot be listed: {error.strerror}", location=Location(folder.as_posix())) from error


def begins_as_json(file: Path) -> bool:
    """Whether a file may hold JSON or an archive; also true of what cannot be read: its reader says why."""
    try:
        with file.open("rb") as opened:
            start = opened.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return True
    return start[:1] in (b"{", b"[", b"") or start.startswith(b"PK\x03\x04")
