"""The gate's files of a commit, laid out in a temporary folder: read through GitHub's API, never checked out.

In: a commit and the workspace. Out: a folder that lives as long as the `with`.

    with snapshot(api, sides.base, "services/support", workspace) as root:
        load_plan(root, day=day)

Of a commit only those files are fetched that a gate can name; a file that lies in the workspace with the same bytes is
copied from there, so that a pull request costs as many requests as it changes files.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from runback_gate.canonical import git_blob_id
from runback_gate.documents import parse_document, safe_read
from runback_gate.errors import DocumentError, GitHubError, InputError, RunbackError

if TYPE_CHECKING:
    from runback_gate.github.api import Api
    from runback_gate.github.tree import Entry

MAX_FETCHED: Final = 900
"""Files that are fetched one by one. A job's token has 1,000 requests an hour for a repository."""
MAX_BYTES: Final = 1 << 30
"""Of all files that are laid out."""
_GATE: Final = "runback.yaml"
_WILD: Final = frozenset("*?[")


@contextlib.contextmanager
def snapshot(api: Api, commit: str, folder: str, workspace: Path, *, also: str | None = None) -> Iterator[Path]:
    """The files that the gate in `folder` has at a commit. `also` is the path of another file that will be asked for.

    Raises:
        GitHubError: GitHub does not give them.
        InputError: too many, too large, or they cannot be laid out.
    """
    from runback_gate.github.tree import list_tree, read_blob  # noqa: PLC0415  loads PyGithub

    entries = list_tree(api, commit, folder)
    local = workspace / folder
    wanted = _wanted(api, local, entries, also)
    if sum(entry.size for entry in wanted) > MAX_BYTES:
        raise InputError(f"commit {commit[:7]} has more than {MAX_BYTES >> 20:,} MiB for the gate")
    contents = {entry.path: _content(local, entry) for entry in wanted}
    missing = [entry for entry in wanted if contents[entry.path] is None and _is_read(entry)]
    if len(missing) > MAX_FETCHED:
        hint = "check out the base or the merge in the workspace, so that what is alike is not fetched"
        raise GitHubError(f"{len(missing):,} files of {commit[:7]} would be fetched", hint=hint)
    with tempfile.TemporaryDirectory(prefix="runback-") as temporary:
        root = Path(temporary).resolve()
        links = []
        for entry in wanted:
            data = contents.pop(entry.path)
            if data is None and _is_read(entry):
                data = read_blob(api, entry)
            if entry.kind == "file":
                _write(root / entry.path, data, entry.size)
            else:
                # A submodule is a link that cannot be followed: its files must not be taken for absent.
                target = os.fsdecode(data) if data is not None else PurePosixPath(entry.path).name
                links.append((root / entry.path, target))
        # Links come last: nothing is ever written through one.
        for path, target in links:
            _link(path, target)
        yield root


def _wanted(api: Api, local: Path, entries: Sequence[Entry], also: str | None) -> list[Entry]:
    """The entries that the gate can name."""
    from runback_gate.github.tree import read_blob  # noqa: PLC0415

    gate = next((entry for entry in entries if entry.path == _GATE and entry.kind == "file"), None)
    if gate is None or not _is_read(gate):
        return [entry for entry in entries if entry.path == _GATE]
    folders = _folders(_content(local, gate) or read_blob(api, gate))
    if folders is not None and also:
        folders.append(PurePosixPath(also).parent.as_posix())
    if folders is None or "." in folders:
        return list(entries)
    found = [entry for entry in entries if entry.path == _GATE or _concerns(entry.path, folders)]
    # Where a link leads is not known before it is followed.
    return list(entries) if any(entry.kind == "link" for entry in found) else found


def _folders(data: bytes) -> list[str] | None:
    """The folders that the patterns of a gate name; None where all may be meant. Faults are told later."""
    try:
        spec = parse_document(data, _GATE).value
    except RunbackError:
        return None
    spec = spec.get("spec") if isinstance(spec, dict) else None
    if not isinstance(spec, dict):
        return None
    folders = []
    for field in ("agents", "datasets", "policies", "waivers"):
        patterns = spec.get(field)
        for pattern in patterns if isinstance(patterns, list) else []:
            parts = PurePosixPath(str(pattern)).parts
            fixed = [part for part in parts[:-1] if _WILD.isdisjoint(part)]
            if not fixed or parts[: len(fixed)] != tuple(fixed):
                return None
            folders.append("/".join(fixed))
    return folders


def _concerns(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _is_read(entry: Entry) -> bool:
    from runback_gate.github.tree import MAX_FILE_BYTES  # noqa: PLC0415

    return entry.kind != "submodule" and entry.size <= MAX_FILE_BYTES


def _content(local: Path, entry: Entry) -> bytes | None:
    """The bytes of a file, where the workspace has them."""
    if entry.kind != "file" or not _is_read(entry):
        return None
    try:
        data = safe_read(local, entry.path, entry.size)
    except (InputError, DocumentError):
        return None
    return data if git_blob_id(data, like=entry.blob) == entry.blob else None


def _write(path: Path, data: bytes | None, size: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            # Too large to be read: it is there with its size, so that its reader says so.
            file.truncate(size) if data is None else file.write(data)
    except (OSError, ValueError) as error:
        raise _refused(error) from error


def _link(path: Path, target: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    except (OSError, ValueError) as error:
        raise _refused(error) from error


def _refused(error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(f"a commit cannot be laid out: {reason}", hint="check the temporary folder")
