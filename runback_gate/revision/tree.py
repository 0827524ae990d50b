"""What a commit holds for the folder of a gate, whoever holds the commit.

In: what git or GitHub lists. Out: a `Tree`, whose entries have one form and one set of rules.

    tree.entries()                          # (Entry("runback.yaml", "file", "f2ba8f8…", 412), …)
    next(tree.read(tree.entries()[:1]))     # b"apiVersion: …"

A folder that is looked for is gone down to part by part. Where a link, a submodule or a file stands on the way the
folder is refused: what lies behind it is not what this commit says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

from runback_gate.canonical import is_git_id
from runback_gate.documents import quoted
from runback_gate.documents.repository import from_top
from runback_gate.errors import InputError, Location, PathError
from runback_gate.frozen import dataclass

MAX_FILES: Final = 200_000
"""Files, links and submodules of a tree."""
MAX_FILE_BYTES: Final = 16 << 20
"""Of one file; no file of a gate may be larger than half of it."""

Kind = Literal["file", "link", "submodule", "folder"]

_KINDS: Final[dict[str, Kind]] = {
    "100644": "file",
    "100755": "file",
    # Written by git long ago, and still read.
    "100664": "file",
    "120000": "link",
    "160000": "submodule",
    "040000": "folder",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a tree holds."""

    path: str
    """From the folder that was listed; `../…` for what a gate names above its own."""
    kind: Kind
    object: str
    """The name that git gives to its content: hexadecimal, 40 or 64 digits."""
    size: int
    """Bytes; 0 for a submodule or a folder."""

    @property
    def is_read(self) -> bool:
        """Whether its content is laid out. That of a larger file is not: its reader says that it is too large."""
        return self.kind in ("file", "link") and self.size <= MAX_FILE_BYTES


class Tree(Protocol):
    """The files of one commit below the folder of a gate."""

    @property
    def commit(self) -> str:
        """Full id of the commit."""

    @property
    def folder(self) -> str:
        """The folder of the gate, from the top; empty for the top itself."""

    def listing(self, tree: str) -> Sequence[Entry]:
        """What one tree of the commit, or the commit itself, holds; nothing of what lies in its folders."""

    def entries(self) -> Sequence[Entry]:
        """Every file, link and submodule below the folder; none where the commit has no such folder.

        Raises:
            PathError: the folder is, or lies behind, a link, a submodule or a file; or a name leads out of it.
        """

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """The content of files and links, in their order, held against the names that git gives them."""


def make_entry(path: str, mode: str, name: str, size: int) -> Entry:
    """An entry as it is listed; `mode` is git's, six octal digits.

    Raises:
        PathError: git writes no such name into a tree, but it reads what another program wrote.
        InputError: of a kind that is not known, or without a name.
    """
    if not path or not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path:
        raise PathError("a file of the commit leads out of its folder", location=Location(quoted(path)))
    kind = _KINDS.get(mode)
    if kind is None:
        raise InputError("neither a file, a link nor a submodule", location=Location(path))
    if not is_git_id(name) or size < 0:
        raise InputError("an entry of the commit has no name or no size", location=Location(path))
    return Entry(path, kind, name, size if kind in ("file", "link") else 0)


def find_above(tree: Tree, name: str) -> Entry | None:
    """What a commit has for a name that leads above the folder of the gate, such as `../app/prompt.md`.

    Where a link, a submodule or a file stands on the way it is that: the reader of the name refuses it.
    """
    here, gone = tree.commit, ""
    for part in from_top(tree.folder, name).split("/"):
        gone = f"{gone}/{part}" if gone else part
        found = _only(tree.listing(here), part, gone)
        if found is None:
            return None
        if found.kind != "folder":
            return replace(found, path=posixpath.relpath(f"/{gone}", f"/{tree.folder}"))
        here = found.object
    return None


def find_folder(top: str, folder: str, listing: Callable[[str], Iterable[Entry]]) -> str | None:
    """The object of a folder below the tree `top`, None where there is nothing of that name.

    Args:
        top: object or commit to begin at.
        folder: names with slashes between them; empty for `top` itself.
        listing: what one tree holds, without what lies in its folders.

    Raises:
        PathError: something else than a folder stands on the way.
    """
    tree, gone = top, ""
    for part in filter(None, folder.split("/")):
        gone = f"{gone}/{part}" if gone else part
        found = _only(listing(tree), part, gone)
        if found is None:
            return None
        if found.kind != "folder":
            hint = "name the folder where the files of the gate are, with --root or the input `root`"
            raise PathError(f"a {found.kind} in this commit, not a folder", hint=hint, location=Location(gone))
        tree = found.object
    return tree


def _only(entries: Iterable[Entry], name: str, path: str) -> Entry | None:
    """The entry of a name. Git writes no name twice into a tree, but it reads what another program wrote."""
    found = [entry for entry in entries if entry.path == name]
    if len(found) > 1:
        raise InputError(
            "two entries of that name in this commit", hint="create the commit again with git", location=Location(path)
        )
    return found[0] if found else None
