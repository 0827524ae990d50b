"""The versions of one file in git.

In: a file, and a range of commits. Out: its content at each commit that changed it, the oldest first.

    for path, commit, title, data in file_history(Path("agents/support.md"), "v1.0..HEAD"): ...

The state at the beginning of the range comes first, where the file was there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from runback_gate.errors import InputError, Location
from runback_gate.revision.git import run
from runback_gate.revision.repository import find_repository

MAX_VERSIONS: Final = 1000


def file_history(path: Path, revisions: str) -> Iterator[tuple[str, str, str, bytes]]:
    """Name, commit, first line of its message, and content of each version.

    Args:
        path: the file, which may be gone by now; its folder is not.
        revisions: `A..B`, or `A` for `A..HEAD`.

    Raises:
        InputError: not in a repository, a revision that is none, or no version there.
    """
    repository = find_repository(path.parent)
    if repository is None:
        raise InputError("not in a git repository", location=Location(path.as_posix()))
    begin, dots, end = revisions.partition("..")
    first, last = repository.commit(begin), repository.commit(end if dots and end else "HEAD")
    name = f"{repository.folder}/{path.name}" if repository.folder else path.name
    listed = run(
        repository.top,
        "log",
        "--first-parent",
        "--reverse",
        "--format=%H%x00%s",
        f"{first}..{last}",
        "--",
        f":(top,literal){name}",
    )
    if listed.code:
        raise InputError(f"git cannot list {revisions}: {listed.error}")
    lines = listed.out.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_VERSIONS:
        raise InputError(
            f"{revisions} has more than {MAX_VERSIONS:,} versions of it", location=Location(path.as_posix())
        )
    found = 0
    for line in (f"{first}\0{begin}", *lines):
        commit, _, title = line.partition("\0")
        content = run(repository.top, "cat-file", "blob", f"{commit}:{name}")
        if content.code == 0:
            found += 1
            yield name, commit, title, content.out
    if not found:
        raise InputError(f"no commit in {revisions} changed it", location=Location(path.as_posix()))
