"""The files of a tree in a temporary folder, as the commit has them.

In: a `Tree`. Out: the folder of its gate, in a copy of the repository that lives as long as the `with`.

    with laid_out(tree) as folder:
        load_plan(folder, day=day)

Links stay links and are not followed: `documents.safe_read` refuses those that lead out. A file above 16 MiB is there
without content but of its size, so that its reader says that it is too large. A submodule is a link that cannot be
followed, because its files must not be taken for absent.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from runback_gate.errors import InputError, Location, PathError
from runback_gate.revision.selection import select
from runback_gate.revision.tree import Entry, Tree

MAX_BYTES: Final = 1 << 30
"""Of all files that are laid out."""


@contextlib.contextmanager
def laid_out(tree: Tree, entries: Sequence[Entry] | None = None) -> Iterator[Path]:
    """The given entries of a commit, or what its gate can name, in a folder of its own.

    Args:
        tree: the commit.
        entries: what to lay out; see `select`.

    Raises:
        InputError: too large, or it cannot be laid out.
    """
    chosen = select(tree).entries if entries is None else entries
    if sum(entry.size for entry in chosen) > MAX_BYTES:
        raise InputError(
            f"commit {tree.commit[:7]} has more than {MAX_BYTES >> 20:,} MiB for the gate",
            hint="name the folder of the gate alone with --root or the input `root`",
        )
    with tempfile.TemporaryDirectory(prefix="runback-") as temporary:
        top = Path(temporary).resolve()
        folder = Path(f"{top}/{tree.folder}")
        if ".." in folder.parts:
            raise PathError("leads out of the repository", location=Location(tree.folder))
        try:
            # What marks the top of a repository marks it here too: a file above the folder may be named, none outside.
            (top / ".git").mkdir()
            folder.mkdir(parents=True, exist_ok=True)
            _write(tree, folder, chosen)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"the commit cannot be laid out: {reason}"
            raise InputError(message, hint="check the temporary folder") from error
        yield folder


def _write(tree: Tree, folder: Path, entries: Sequence[Entry]) -> None:
    for parent in {(folder / entry.path).parent for entry in entries}:
        parent.mkdir(parents=True, exist_ok=True)
    links = []
    read = [entry for entry in entries if entry.is_read]
    for entry, data in zip(read, tree.read(read), strict=True):
        if entry.kind == "link":
            links.append((entry.path, os.fsdecode(data)))
        else:
            with (folder / entry.path).open("xb") as file:
                file.write(data)
    for entry in entries:
        if entry.kind == "submodule":
            links.append((entry.path, PurePosixPath(entry.path).name))
        elif not entry.is_read:
            with (folder / entry.path).open("xb") as file:
                file.truncate(entry.size)
    # Links come last: nothing is ever written through one.
    for path, target in links:
        (folder / path).symlink_to(target)
