"""The repository that a gate lies in, found from outside what a change can write, and its commits.

In: the folder of the gate. Out: the repository, its revisions, and the tree of a commit.

    repository = find_repository(root)
    head = repository.commit("HEAD")
    repository.tree(repository.merge_base("origin/main", head))

A change can commit a bare repository, a submodule or a link in the place of the gate's folder. So a repository is where
`.git` stands, which no commit can hold; and a folder that is a link or a submodule for a repository around it is
refused.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from runback_gate.canonical import is_git_id
from runback_gate.documents import nearest, quoted
from runback_gate.documents.repository import from_top
from runback_gate.errors import InputError, Location, PathError
from runback_gate.frozen import dataclass
from runback_gate.revision.git import Process, run
from runback_gate.revision.tree import MAX_FILES, Entry, Tree, find_folder, make_entry

NO_REPOSITORY: Final = "not in a git repository"
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,1024}")
_ENTRY: Final = re.compile(
    rb"(?P<mode>\d{6}) \w+ (?P<object>[0-9a-f]{40,64}) +(?P<size>-|BAD|\d+)\t(?P<path>.+)", re.DOTALL
)
_WHOLE: Final = "fetch the whole commit: a partial clone is not enough"
_DEEPER: Final = "fetch the history that both share: git fetch --unshallow"
_FETCH: Final = "fetch it first: a shallow clone holds the last commit only"


class Fork(NamedTuple):
    """Where a head and a base part."""

    commit: str
    """The state of the base from which the head was made."""
    behind: int
    """Commits that the base has gained since."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, and the folder in it that is looked at."""

    top: Path
    folder: str
    """Of the gate, from the top; empty for the top itself."""

    def commit(self, revision: str) -> str:
        """The full id of the commit that a revision names.

        Raises:
            InputError: no git, unknown, or ambiguous.
        """
        if not _NAME.fullmatch(revision):
            raise InputError(f"not a revision: {quoted(revision)}", hint="name a branch, a tag or a commit")
        found = run(self.top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        if "is ambiguous" in found.error:
            hint = "write refs/heads/…, or the commit id"
            raise InputError(f"the revision {quoted(revision)} is ambiguous", hint=hint)
        commit = found.out.decode("ascii", "replace").strip()
        if found.code or not is_git_id(commit):
            raise InputError(f"no revision is named {quoted(revision)}", hint=self._near(revision))
        return commit

    def fork(self, base: str, head: str) -> Fork:
        """Where the head began: the last commit of the base that the head holds.

        That is a state that the base once was at. A commit which came into the base by a merge may be a half-done one.

        Args:
            base: full id of a commit.
            head: full id of a commit.

        Raises:
            InputError: the two have no such commit here.
        """
        found = run(self.top, "merge-base", "--all", base, head)
        commits = found.out.decode("ascii", "replace").split()
        if found.code > 1:
            raise _refused(found.error, self.top)
        if len(commits) != 1:
            how = "more than one commit" if commits else "no commit here"
            hint = "merge the base into the change" if commits else _DEEPER
            raise InputError(f"{base[:7]} and {head[:7]} have {how} in common", hint=hint)
        (commit,) = commits
        answer = run(self.top, "rev-list", "--first-parent", "--parents", base, f"^{commit}")
        lines = answer.out.decode("ascii", "replace").splitlines()
        if answer.code or (lines and lines[-1].split()[1:2] != [commit]):
            message = f"{head[:7]} begins at {commit[:7]}, which was never the state of {base[:7]}"
            raise InputError(message, hint="merge the base into the change")
        return Fork(commit, len(lines))

    def tree(self, commit: str) -> Tree:
        """The files of a commit below the folder."""
        return GitTree(self.top, self.folder, commit)

    def untracked(self, folders: Sequence[str] | None, *, ignored: bool) -> list[str]:
        """Files that git does not keep, from the folder of the gate.

        Args:
            folders: where to look, from the folder of the gate; None for all of it.
            ignored: whether files that git is told to ignore are among them.
        """
        place = f"{self.folder}/" if self.folder else ""
        wanted = [self.folder] if folders is None else [from_top(self.folder, folder) for folder in folders]
        paths = [f":(top,literal){path}" for path in wanted]
        if not paths:
            return []
        unless = () if ignored else ("--exclude-standard",)
        # What a run writes is no change.
        own = f":(top,exclude,literal){place}.runback"
        found = run(self.top, "ls-files", "--others", *unless, "--full-name", "-z", "--", *paths, own)
        if found.code:
            raise _refused(found.error, self.top)
        names = filter(None, os.fsdecode(found.out).split("\0"))
        return [posixpath.relpath(f"/{name}", f"/{self.folder}") for name in names]

    def _near(self, revision: str) -> str:
        """A revision that may be meant: never one that is the change itself."""
        if is_folder(revision):
            return f"for the folder write ./{revision}"
        head = run(self.top, "rev-parse", "--verify", "HEAD^{commit}").out.decode("ascii", "replace").strip()
        own = run(self.top, "symbolic-ref", "--short", "-q", "HEAD").out.decode("utf-8", "replace").strip()
        form = "--format=%(refname:short)%00%(objectname)%00%(*objectname)%00%(symref)"
        listed = run(self.top, "for-each-ref", "--count=1000", form).out.decode("utf-8", "replace")
        names = [
            name
            for name, *commits, target in (line.split("\0") for line in listed.splitlines())
            if head not in commits and not target and own not in (name, name.partition("/")[2])
        ]
        close = next((name for name in names if name.endswith(f"/{revision}")), None) or nearest(revision, names)
        return f"did you mean {quoted(close)}?" if close else _FETCH


@dataclass(frozen=True, slots=True)
class GitTree:
    """The files of a commit, as git has them: no filter, attribute or index plays a part."""

    top: Path
    folder: str
    commit: str

    def entries(self) -> tuple[Entry, ...]:
        """Every file, link and submodule below the folder; see `Tree`."""
        tree = find_folder(self.commit, self.folder, self.listing)
        return () if tree is None else tuple(_listing(self.top, tree, "-r"))

    def listing(self, tree: str) -> list[Entry]:
        """What one tree holds; see `Tree`."""
        return _listing(self.top, tree)

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """The content of files and links, by one process; see `Tree`."""
        with tempfile.TemporaryFile() as names:
            names.writelines(f"{entry.object}\n".encode() for entry in entries)
            names.seek(0)
            with Process(self.top, ("cat-file", "--batch", "--buffer"), names) as git:
                for entry in entries:
                    header = git.out.readline(256).split()
                    data = git.out.read(int(header[2]) + 1)[:-1] if _is_blob(header, entry) else None
                    if data is None or len(data) != int(header[2]):
                        raise InputError(
                            "the content of this file is not here", hint=_WHOLE, location=Location(entry.path)
                        )
                    yield data


def find_repository(root: Path) -> Repository | None:
    """The repository that a folder lies in, None where there is none; git is not asked whether there is one.

    Raises:
        PathError: the folder is, or lies behind, a link or a submodule of a repository.
        InputError: git does not read what lies there, or refuses to.
    """
    here = Path(os.path.abspath(root))  # noqa: PTH100  a link in the path is looked at, not followed
    tops = [folder for folder in (here, *here.parents) if os.path.lexists(folder / ".git")]
    if not tops:
        if any(os.path.lexists(folder / ".git") for folder in (here.resolve(), *here.resolve().parents)):
            hint = "name the folder itself"
            raise PathError("lies behind a link into a repository", hint=hint, location=Location(root.as_posix()))
        return None
    top, *around = tops
    _check_top(top)
    for outer in around:
        _check_around(outer, top.relative_to(outer).as_posix())
    folder = here.relative_to(top).as_posix()
    return Repository(top, "" if folder == "." else folder)


def is_folder(name: str) -> bool:
    """Whether a name that somebody gave is that of a folder."""
    try:
        return bool(name) and Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _check_top(top: Path) -> None:
    """Refuse a repository that git does not take for that of this very folder."""
    if shutil.which("git") is None:
        raise InputError("git is not installed", hint="install it, or give a folder: ./NAME")
    found, own = run(top, "rev-parse", "--absolute-git-dir"), run(top, "rev-parse", "--resolve-git-dir", ".git")
    if found.code or own.code:
        raise _refused(found.error or own.error, top)
    if not (top / os.fsdecode(own.out[:-1])).samefile(os.fsdecode(found.out[:-1])):
        raise InputError("git finds another repository than the one here", location=Location(top.as_posix()))


def _check_around(outer: Path, path: str) -> None:
    """Refuse a repository that another one around it has an entry for: a change of the outer one put it there."""
    head = run(outer, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")
    if head.code:
        if "dubious ownership" in head.error:
            raise _refused(head.error, outer)
        return
    commit = head.out.decode("ascii", "replace").strip()
    if find_folder(commit, path, lambda tree: _listing(outer, tree)) is not None:
        place = Location(path)
        raise PathError(f"a repository inside of another, {outer.as_posix()}, that has these files", location=place)


def _listing(top: Path, tree: str, *options: str) -> list[Entry]:
    """What a tree or commit holds, without what lies in its folders; with `-r` all files and no folder."""
    found = run(top, "ls-tree", "-l", "-z", "--full-tree", *options, tree)
    if found.code:
        raise InputError(f"git: {found.error}", hint=_WHOLE)
    lines = found.out.split(b"\0")
    if lines.pop():
        raise _strange()
    if len(lines) > MAX_FILES:
        hint = "name the folder of the gate alone with --root"
        raise InputError(f"the commit has more than {MAX_FILES:,} files there", hint=hint)
    return [_entry(line) for line in lines]


def _is_blob(header: list[bytes], entry: Entry) -> bool:
    return len(header) == 3 and header[0] == entry.object.encode() and header[1] == b"blob" and header[2].isdigit()


def _entry(line: bytes) -> Entry:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise _strange()
    # An object that was not fetched has no size; to read it is an error.
    size = int(match["size"]) if match["size"].isdigit() else 0
    return make_entry(os.fsdecode(match["path"]), match["mode"].decode(), match["object"].decode(), size)


def _strange() -> InputError:
    return InputError("git lists files in a form that is not known", hint="update git")


def _refused(error: str, root: Path) -> InputError:
    """Git would not answer: a repository of somebody else, or a broken one."""
    place = Location(root.as_posix())
    if "dubious ownership" in error:
        hint = "if you trust it: git config --global --add safe.directory FOLDER"
        return InputError("the repository belongs to another user", hint=hint, location=place)
    return InputError(f"git: {error}", location=place)
