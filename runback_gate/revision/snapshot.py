"""What was there before: a folder, or the files of a git revision laid out in a temporary folder.

In: the folder of the gate, and what someone gave as `--base`. Out: a `Snapshot` that lives as long as the `with`.

    with folder_of(root, "origin/main") as base:
        load_gate(base.path)
        base.commit             # "4be1f02…", or None for a folder

In a repository a plain name is a revision and never a folder: a change could bring a folder of that name. A folder is
written `./NAME`, `../NAME`, `/NAME` or `NAME/`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from runback_gate.canonical import git_blob_id
from runback_gate.documents import quoted
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.revision.layout import laid_out
from runback_gate.revision.repository import Repository, find_repository, is_folder
from runback_gate.revision.selection import FIELDS, Selection, select
from runback_gate.revision.tree import Entry

_FOLDER: Final = re.compile(r"\.{0,2}/.*|.*/|\.{1,2}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a folder as they were."""

    path: Path
    """The folder. That of a revision is gone after the `with`."""
    name: str
    """As it was given."""
    commit: str | None
    """Id of the commit; None for a folder that was given."""

    @property
    def title(self) -> str:
        """What to call it in a report: the beginning of the commit id, else the name."""
        return self.name if self.commit is None else self.commit[:7]


@contextlib.contextmanager
def folder_of(root: Path, given: str, *, fields: Sequence[str] = FIELDS) -> Iterator[Snapshot]:
    """The files of a folder, or those that the gate in `root` can name at a revision.

    A revision that has no such folder gives an empty one.

    Args:
        root: the folder of the gate, in the working tree.
        given: a folder or a revision.
        fields: the lists of patterns whose files are needed.

    Raises:
        InputError: neither a folder nor a revision, no git, too large, or objects that were not fetched.
    """
    repository = revision_in(root, given)
    if repository is None:
        yield Snapshot(Path(given), given, None)
        return
    commit = repository.commit(given)
    tree = repository.tree(commit)
    with laid_out(tree, select(tree, fields=fields).entries) as folder:
        yield Snapshot(folder, given, commit)


def revision_in(root: Path, given: str) -> Repository | None:
    """The repository in which a name is to be looked up; None where it is that of a folder.

    Raises:
        InputError: no such folder, or a repository that git does not read.
    """
    repository = None if _FOLDER.fullmatch(given) else find_repository(root)
    if repository is None and not is_folder(given):
        raise InputError(f"no such folder: {quoted(given)}", hint="give a folder, or in a repository a git revision")
    return repository


def differences(root: Path, repository: Repository, selection: Selection) -> list[str]:
    """Files below `root` that are not as a commit has them, and files that it does not have; sorted.

    Bytes are compared: `git status` would run the filters that a repository configures, and believe the flags of its
    index.

    Args:
        root: the folder of the gate, in the working tree.
        repository: where it lies.
        selection: what the gate of the commit can name.
    """
    changed = [entry.path for entry in selection.entries if not _as_committed(root, entry)]
    known = bool(selection.names) or selection.folders is not None
    beside = repository.untracked(selection.folders, ignored=known)
    return sorted({*changed, *filter(selection.may_name, beside)})


def _as_committed(root: Path, entry: Entry) -> bool:
    """Whether a file of the working tree has the bytes that its commit has."""
    path = root / entry.path
    try:
        if entry.kind == "link":
            data = os.fsencode(path.readlink())
        elif entry.kind == "file" and not path.is_symlink() and path.stat().st_size == entry.size:
            data = path.read_bytes()
        else:
            # What a submodule holds is no part of the commit.
            return entry.kind == "submodule"
    except (OSError, ValueError):
        return False
    return git_blob_id(data, like=entry.object) == entry.object
