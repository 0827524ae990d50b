"""What was there before: a folder, or the files of a git revision laid out in a temporary folder.

In: the folder of the gate, and what somebody gave as `--base`. Out: a `Snapshot` that lives as long as the `with`.

    with folder_of(root, "origin/main") as base:
        load_gate(base.path)
        base.commit             # "4be1f02…", or None for a folder

In a repository a plain name is a revision and never a folder: a change could bring a folder of that name. A folder is
written `./NAME`, `../NAME`, `/NAME` or `NAME/`. The working tree, the index and the refs stay as they are, and nothing
that the repository configures is run: no hook, filter, text conversion, pager, file monitor or fetch.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple, Self, cast

from runback_gate.canonical import git_blob_id
from runback_gate.documents import nearest, quoted
from runback_gate.errors import InputError, Location, PathError

MAX_FILES = 200_000
"""Files, links and submodules of a revision."""
MAX_BYTES = 1 << 30
"""Bytes of all files that are laid out."""
MAX_FILE_BYTES = 16 << 20
"""Bytes of one file; no file of a gate may be larger than half of it."""
MAX_SECONDS = 120
"""How long one call of git may take."""
MAX_LISTING = 256 * MAX_FILES
"""Bytes of a list of files."""
_CHUNK = 1 << 16
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,1024}")
_FOLDER = re.compile(r"\.{0,2}/.*|.*/|\.{1,2}", re.DOTALL)
_ENTRY = re.compile(rb"(?P<mode>\d{6}) \w+ (?P<object>[0-9a-f]{40,64}) +(?P<size>-|BAD|\d+)\t(?P<path>.+)", re.DOTALL)
_NONE = "not a git repository"
_WHOLE = "fetch the whole commit: a partial clone is not enough"
_OURS = ":(exclude).runback"
"""What a run writes is no change."""
_OPTIONS = ("--no-pager", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
# A hook runs with these, and each would show another repository or another state of this one.
_FOREIGN = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NAMESPACE "
    "GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE GIT_WORK_TREE".split()
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # An object that is not here would be fetched by a command that the configuration of the repository names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # Else `refs/replace` could put another tree behind the commit that is named.
    "GIT_NO_REPLACE_OBJECTS": "1",
}


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


Kind = Literal["file", "link", "large", "submodule", "missing"]


class _Entry(NamedTuple):
    kind: Kind
    object: str
    size: int
    name: str


@contextlib.contextmanager
def folder_of(root: Path, given: str, *, only: Sequence[str] = ()) -> Iterator[Snapshot]:
    """The files that a folder or a revision has; those of a revision for the folder `root` of its repository.

    `only` names files and folders below `root`, and nothing else of a revision is laid out. A revision that has no
    such folder gives an empty one.

    Links are kept as links and not followed: `documents.safe_read` refuses those that lead out. A file above 16 MiB is
    laid out without content but of its size, so that its reader says that it is too large. A submodule becomes a link
    that cannot be listed, because its files are not in this repository and must not be taken for absent.

    Raises:
        InputError: neither a folder nor a revision, no git, too large, or objects that were not fetched.
    """
    if _FOLDER.fullmatch(given) or not _in_repository(root):
        yield Snapshot(_folder(given), given, None)
        return
    commit = commit_of(root, given)
    with tempfile.TemporaryDirectory(prefix="runback-") as temporary:
        folder = Path(temporary).resolve()
        entries = [item for item in _entries(root, commit) if not only or _concerns(item.name, only)]
        _lay_out(root, folder, entries)
        yield Snapshot(folder, given, commit)


def commit_of(root: Path, revision: str = "HEAD") -> str:
    """The full id of the commit that a revision names in the repository of `root`.

    Raises:
        InputError: no git, no repository, unknown, or ambiguous.
    """
    if not _NAME.fullmatch(revision):
        raise InputError(f"not a revision: {quoted(revision)}", hint="name a branch, a tag or a commit")
    found = _git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    if "is ambiguous" in found.error:
        raise InputError(f"the revision {quoted(revision)} is ambiguous", hint="write refs/heads/…, or the commit id")
    commit = found.out.decode("ascii", "replace").strip()
    if found.code == 0 and re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return commit
    if not _in_repository(root):
        raise _refused(_NONE, root)
    raise InputError(f"no revision is named {quoted(revision)}", hint=_near(root, revision))


def clean_commit(root: Path) -> str | None:
    """The commit that the folder `root` is at, or None when a file there differs from it, or when there is none.

    Files are held against the commit by their bytes: `git status` would run the filters that a repository configures,
    and one of these could call a changed file unchanged. What git ignores, and `.runback`, may lie there beside it.
    """
    try:
        if shutil.which("git") is None or not _in_repository(root):
            return None
    except InputError:
        # A repository of somebody else: that is no reason not to judge the files.
        return None
    found = _git(root, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")
    commit = found.out.decode("ascii", "replace").strip()
    if found.code or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None
    others = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".", _OURS)
    staged = _git(root, "diff-index", "--cached", "--quiet", "--no-ext-diff", commit, "--", ".")
    if others.code or others.out or staged.code:
        return None
    return commit if all(_as_committed(root, item) for item in _entries(root, commit)) else None


def _as_committed(root: Path, entry: _Entry) -> bool:
    """Whether a file of the working tree has the bytes that its commit has."""
    path = root / entry.name
    try:
        if entry.kind == "link":
            data = os.fsencode(path.readlink())
        elif entry.kind == "file" and not path.is_symlink() and path.stat().st_size == entry.size:
            data = path.read_bytes()
        else:
            return False
    except (OSError, ValueError):
        return False
    return git_blob_id(data, like=entry.object) == entry.object


def _folder(given: str) -> Path:
    if not _is_folder(given):
        raise InputError(f"no such folder: {quoted(given)}", hint="give a folder, or in a repository a git revision")
    return Path(given)


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _in_repository(root: Path) -> bool:
    """Whether a plain name is a revision."""
    if shutil.which("git") is None and not any(
        (folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents)
    ):
        return False
    found = _git(root, "rev-parse", "--git-dir")
    if found.code and _NONE not in found.error:
        raise _refused(found.error, root)
    return not found.code


def _near(root: Path, revision: str) -> str:
    if _is_folder(revision):
        return f"for the folder write ./{revision}"
    listed = _git(root, "for-each-ref", "--count=1000", "--format=%(refname:short)")
    names = listed.out.decode("utf-8", "replace").splitlines()
    remote = next((name for name in names if name.endswith(f"/{revision}")), None)
    close = remote or nearest(revision, names)
    return f"did you mean {quoted(close)}?" if close else "fetch it first: a shallow clone holds the last commit only"


def _concerns(name: str, only: Sequence[str]) -> bool:
    return any(name == item or name.startswith(f"{item}/") for item in only)


def _entries(root: Path, commit: str) -> list[_Entry]:
    """All files, links and submodules that a commit has for the folder `root`."""
    prefix = os.fsdecode(_listed(root, "rev-parse", "--show-prefix").removesuffix(b"\n")).rstrip("/")
    # An object that is missing is an error; a folder that is not listed was not there.
    if prefix and b" tree " not in _listed(root, "ls-tree", "-z", "--full-tree", commit, "--", prefix)[:12]:
        return []
    lines = _listed(root, "ls-tree", "-r", "-l", "-z", "--full-tree", f"{commit}:{prefix}").split(b"\0")
    if lines.pop():
        raise _strange()
    if len(lines) > MAX_FILES:
        raise _too_large(f"more than {MAX_FILES:,} files")
    return [_entry(line) for line in lines]


def _listed(root: Path, *arguments: str) -> bytes:
    found = _git(root, *arguments)
    if found.code:
        raise InputError(f"git: {found.error}", hint=_WHOLE)
    return found.out


def _entry(line: bytes) -> _Entry:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise _strange()
    mode, name, path = match["mode"], match["object"].decode(), os.fsdecode(match["path"])
    size = int(match["size"]) if match["size"].isdigit() else 0
    # Git writes no such name into a tree, but it reads what another program wrote.
    if path.startswith("/") or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise PathError("a file of the revision leads out of its folder", location=Location(quoted(path)))
    kind: Kind = "file"
    if mode == b"160000":
        kind = "submodule"
    elif match["size"] == b"BAD":
        kind = "missing"
    elif size > MAX_FILE_BYTES:
        kind = "large"
    elif mode == b"120000":
        kind = "link"
    return _Entry(kind, name, size, path)


def _lay_out(root: Path, folder: Path, entries: Sequence[_Entry]) -> None:
    missing = next((item for item in entries if item.kind == "missing"), None)
    if missing:
        raise _absent(missing)
    read = [item for item in entries if item.kind in ("file", "link")]
    if sum(item.size for item in read) > MAX_BYTES:
        raise _too_large(f"more than {MAX_BYTES >> 20:,} MiB")
    try:
        for parent in {(folder / item.name).parent for item in entries}:
            parent.mkdir(parents=True, exist_ok=True)
        links = _write_files(root, folder, read)
        for item in entries:
            if item.kind == "large":
                with (folder / item.name).open("xb") as file:
                    file.truncate(item.size)
            elif item.kind == "submodule":
                links.append((item.name, item.name.rpartition("/")[2]))
        # Links come last: nothing is ever written through one.
        for name, target in links:
            (folder / name).symlink_to(target)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"the revision cannot be laid out: {reason}", hint="check the temporary folder") from error


def _write_files(root: Path, folder: Path, entries: Sequence[_Entry]) -> list[tuple[str, str]]:
    """Write the files among the entries; give each link with its target, to be made later."""
    links = []
    with tempfile.TemporaryFile() as names:
        names.writelines(f"{item.object}\n".encode() for item in entries)
        names.seek(0)
        with _Git(root, ("cat-file", "--batch", "--buffer"), names) as git:
            for item in entries:
                header = git.out.readline(256).split()
                data = git.out.read(item.size + 1)[:-1] if len(header) == 3 else b""
                if header[:1] != [item.object.encode()] or len(header) != 3 or len(data) != item.size:
                    raise _absent(item)
                if item.kind == "link":
                    links.append((item.name, os.fsdecode(data)))
                else:
                    with (folder / item.name).open("xb") as file:
                        file.write(data)
    return links


class _Git:
    """One process of git: `out` is its output; after the `with` it has ended, with `code` and `error`."""

    def __init__(self, root: Path, arguments: Sequence[str], given: IO[bytes] | None = None) -> None:
        program = shutil.which("git")
        if program is None:
            raise InputError("git is not installed", hint="install it, or give a folder: ./NAME")
        environment = {key: value for key, value in os.environ.items() if key not in _FOREIGN} | _ENVIRONMENT
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        process = subprocess.Popen(  # noqa: S603  no shell; what was given stands behind --end-of-options
            [program, *_OPTIONS, "-C", os.path.abspath(root), *arguments],  # noqa: PTH100  links are git's to follow
            stdin=subprocess.DEVNULL if given is None else given,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        self._process = process
        self._timer = threading.Timer(MAX_SECONDS, process.kill)
        self._timer.start()
        self.out = cast("IO[bytes]", process.stdout)
        self.code = -1
        self.error = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        self.out.close()
        self.code = self._process.wait()
        self._timer.cancel()
        self._errors.seek(0)
        text = self._errors.read(2000).decode("utf-8", "replace")
        self._errors.close()
        late = self.code == -signal.SIGKILL
        self.error = f"it took too long ({MAX_SECONDS} s)" if late else " ".join(text.split())[:300]


class _Answer(NamedTuple):
    code: int
    out: bytes
    error: str


def _git(root: Path, *arguments: str) -> _Answer:
    """What one call of git answers."""
    out = bytearray()
    with _Git(root, arguments) as git:
        while part := git.out.read(_CHUNK):
            out += part
            if len(out) > MAX_LISTING:
                raise _too_large(f"more than {MAX_FILES:,} files")
    return _Answer(git.code, bytes(out), git.error)


def _absent(entry: _Entry) -> InputError:
    return InputError("the content of this file is not here", hint=_WHOLE, location=Location(entry.name))


def _strange() -> InputError:
    return InputError("git lists files in a form that is not known", hint="update git")


def _too_large(what: str) -> InputError:
    return InputError(f"the revision has {what} there", hint="name the folder of the gate alone with --root")


def _refused(error: str, root: Path) -> InputError:
    """Git would not answer: a repository of somebody else, a broken one, or none."""
    place = Location(root.as_posix())
    if "dubious ownership" in error:
        hint = "if you trust it: git config --global --add safe.directory FOLDER"
        return InputError("the repository belongs to another user", hint=hint, location=place)
    if _NONE in error:
        return InputError("not in a git repository", hint="give a folder instead of a revision", location=place)
    return InputError(f"git: {error}", location=place)
