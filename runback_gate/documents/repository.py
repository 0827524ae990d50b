"""Files of the repository around a root folder: what a gate names may lie above its own folder, never outside both.

In: a root folder, and names relative to it that may begin with `..`. Out: bytes, with the name in its shortest form.

    read_in_repository(Path("services/support"), "../app/prompt.md")    # ("../app/prompt.md", b"You are …")

The repository's top is where `.git` stands, which no commit can hold. Above the root no link is followed and no other
repository entered: a commit is laid out without them, and both readings are to agree.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from runback_gate.documents.files import safe_read
from runback_gate.errors import Location, PathError


def repository_top(folder: Path) -> Path:
    """The nearest folder upward that `.git` stands in; the folder itself outside of a repository."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100  a link in the path is looked at, not followed
    return next((each for each in (here, *here.parents) if os.path.lexists(each / ".git")), here)


def folder_in_repository(folder: Path) -> str:
    """A folder from the top of its repository; empty for the top itself."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100  as above
    path = here.relative_to(repository_top(here)).as_posix()
    return "" if path == "." else path


def shortest(folder: str, name: str) -> str | None:
    """A name as it is shortest from `folder`, which is given from the top; None where it leads out of the repository.

    `../support/a.md` is `a.md` for the folder `support`.
    """
    path = from_top(folder, name)
    if path.startswith("/") or path.split("/", 1)[0] == "..":
        return None
    return posixpath.relpath(f"/{path}", f"/{folder}")


def from_top(folder: str, name: str) -> str:
    """A name relative to `folder` as a name from the top; one that leads out of the repository stays one that does."""
    return posixpath.normpath(posixpath.join(folder, name))


def read_in_repository(root: Path, name: str, max_bytes: int) -> tuple[str, bytes]:
    """Read a file anywhere in the repository around `root`; its shortest name, and its content.

    Raises:
        PathError: the name leads out of the repository or, above the root, to or through a link or a repository.
        InputError, DocumentError: as `safe_read`.
    """
    folder = folder_in_repository(root)
    known = shortest(folder, name)
    if known is None or not known.startswith(".."):
        return known or name, safe_read(root, known or name, max_bytes)
    top, path = repository_top(root), from_top(folder, name)
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        here = top.joinpath(*parts[:end])
        if os.path.islink(here):  # noqa: PTH114  a name with a NUL is no link
            raise PathError(f"{'/'.join(parts[:end])} is a link", hint="name the file itself", location=Location(known))
        if os.path.lexists(here / ".git"):
            message = f"{'/'.join(parts[:end])} is another repository"
            raise PathError(message, hint="keep the files of a gate in its own", location=Location(known))
    return known, safe_read(top, path, max_bytes)
