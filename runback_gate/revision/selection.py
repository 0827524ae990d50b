"""The files of a commit that a gate can name: nothing else is laid out, fetched or compared.

In: a `Tree`. Out: its entries that matter, and the folders where they lie.

    select(tree).entries                    # runback.yaml, agents/…, datasets/…, policies/…

`runback.yaml` is a file. A link, a submodule or a folder of that name is refused and not taken for a gate that is
missing: the next change would be held against nothing.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from runback_gate.agent.config import referred_files
from runback_gate.documents import parse_document
from runback_gate.documents.repository import repository_top, shortest
from runback_gate.errors import Location, PathError, RunbackError
from runback_gate.gate.config import GATE_FILE
from runback_gate.revision.tree import Entry, Tree, find_above

FIELDS: Final = ("agents", "datasets", "policies", "waivers")
"""Fields of `spec` that hold patterns."""
_WILD: Final = frozenset("*?[")


class Selection(NamedTuple):
    """What a gate can name."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...] | None
    """Where its files lie, from the folder of the gate; None where all folders may be meant."""
    names: tuple[str, ...] = ()
    """The patterns and names of its files, where `folders` is None; empty where they cannot be read either."""

    def may_name(self, path: str) -> bool:
        """Whether a file that the commit lacks would be the gate's, were it there."""
        return self.folders is not None or not self.names or any(_may_name(name, path) for name in self.names)


def select(tree: Tree, *, also: str | None = None, fields: Sequence[str] = FIELDS) -> Selection:
    """What the gate of a tree can name; nothing where it has no gate.

    Args:
        tree: the commit.
        also: path of another file that will be asked for.
        fields: the lists of patterns that count.

    Raises:
        PathError: `runback.yaml` is no file, or a pattern of it leads into a submodule.
    """
    entries = tuple(tree.entries())
    gate = next((entry for entry in entries if concerns(entry.path, (GATE_FILE,))), None)
    if gate is None:
        return Selection((), ())
    if gate.path != GATE_FILE or gate.kind != "file":
        raise _no_file("folder" if gate.path != GATE_FILE else gate.kind)
    if not gate.is_read:
        return Selection((gate,), ())
    patterns = _patterns(next(tree.read([gate])), fields)
    if patterns is None:
        return Selection(entries, None)
    listed = [pattern for named in patterns.values() for pattern in named]
    _refuse_submodules(entries, listed)
    named = _named_by_agents(tree, entries, [*patterns.get("agents", ()), *((also,) if also else ())])
    above = tuple(entry for name in named if name.startswith("..") and (entry := find_above(tree, name)))
    folders = _folders(listed)
    if folders is not None and also:
        folders.append(PurePosixPath(also).parent.as_posix())
    if folders is None or "." in folders:
        return Selection((*entries, *above), None, (GATE_FILE, *listed, *named, *((also,) if also else ())))
    folders += named
    found = tuple(entry for entry in entries if concerns(entry.path, (GATE_FILE, *folders)))
    # Where a link leads is not known before it is followed, be it in a folder or on the way to one.
    links = [entry.path for entry in entries if entry.kind == "link"]
    followed = any(concerns(path, folders) for path in links) or any(concerns(folder, links) for folder in folders)
    return Selection((*(entries if followed else found), *above), tuple(folders))


def nearest_gate(folder: Path = Path()) -> Path:
    """The folder of the gate that somebody in `folder` works on: the nearest one upward, below the repository's top.

    Outside of a repository, and where there is no gate, it is `folder` itself: whoever may write above a repository
    decides nothing in it. Anything of the name counts, a link too, and is refused when it is read.
    """
    here = Path(os.path.abspath(folder))  # noqa: PTH100  a link in the path is not followed
    above = (here, *here.parents)
    top = above.index(repository_top(here))
    found = next((index for index in range(top + 1) if os.path.lexists(above[index] / GATE_FILE)), 0)
    return folder.joinpath(*[".."] * found)


def check_gate_file(folder: Path) -> bool:
    """Whether a folder has a gate, by the rule that holds for commits.

    Raises:
        PathError: `runback.yaml` is no file.
    """
    path = folder / GATE_FILE
    if path.is_symlink() or path.is_dir():
        raise _no_file("link" if path.is_symlink() else "folder")
    return path.exists()


def _no_file(kind: str) -> PathError:
    """What is said of something else than a file in the place of `runback.yaml`."""
    hint = "put the file itself there: a change could choose what the link points to"
    return PathError(f"a {kind}, not a file", hint=hint, location=Location(GATE_FILE))


def concerns(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is, or lies below, one of the folders."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _patterns(data: bytes, fields: Sequence[str]) -> dict[str, list[str]] | None:
    """The patterns of a gate by field; None where it cannot be read. Faults are told when it is judged."""
    try:
        spec = parse_document(data, GATE_FILE).value
    except RunbackError:
        return None
    spec = spec.get("spec") if isinstance(spec, dict) else None
    if not isinstance(spec, dict):
        return None
    found = {field: spec.get(field) for field in fields}
    return {field: [str(item) for item in items] for field, items in found.items() if isinstance(items, list)}


def _named_by_agents(tree: Tree, entries: Sequence[Entry], patterns: Sequence[str]) -> list[str]:
    """The prompt and tool files that agents name, which may lie anywhere in the repository."""
    agents = [
        entry
        for entry in entries
        if entry.kind == "file" and entry.is_read and any(_may_name(pattern, entry.path) for pattern in patterns)
    ]
    named = (
        path for entry, data in zip(agents, tree.read(agents), strict=True) for path in referred_files(data, entry.path)
    )
    # What leads out of the repository is refused when the agent is read.
    return sorted({path for name in named if (path := shortest(tree.folder, name))})


def _may_name(pattern: str, path: str) -> bool:
    """Whether a pattern may name a file: by its folders before the first wild part, and its last part."""
    folder, last, hides = _read_pattern(pattern)
    # The last part first: of a whole working tree most files have another.
    if not fnmatch.fnmatchcase(path.rpartition("/")[2], last) or not path.startswith(folder):
        return False
    return not (hides and "/." in f"/{path[len(folder) :]}")


@lru_cache(maxsize=1024)
def _read_pattern(pattern: str) -> tuple[str, str, bool]:
    """The folder that a pattern begins with, its last part, and whether it passes over hidden names."""
    parts = PurePosixPath(pattern).parts
    fixed = [part for part in parts[:-1] if _WILD.isdisjoint(part)]
    fixed = fixed if parts[: len(fixed)] == tuple(fixed) else []
    hides = not any(part.startswith(".") for part in parts[len(fixed) :])
    last = parts[-1] if parts and parts[-1] != "**" else "*"
    return "".join(f"{part}/" for part in fixed), last, hides


def _folders(patterns: Sequence[str]) -> list[str] | None:
    """The folders that patterns name before their first wild part; None where all may be meant."""
    folders = []
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        fixed = [part for part in parts[:-1] if _WILD.isdisjoint(part)]
        if not fixed or parts[: len(fixed)] != tuple(fixed):
            return None
        folders.append("/".join(fixed))
    return folders


def _refuse_submodules(entries: Sequence[Entry], patterns: Sequence[str]) -> None:
    """The files of a submodule are in another repository: they must not be taken for absent."""
    for entry in entries:
        if entry.kind == "submodule" and any(_leads_into(pattern, entry.path) for pattern in patterns):
            hint = "keep the files of a gate in its own repository"
            raise PathError("a submodule: its files are not in this commit", hint=hint, location=Location(entry.path))


def _leads_into(pattern: str, folder: str) -> bool:
    """Whether a pattern may name something below a folder."""
    wild, names = PurePosixPath(pattern).parts, PurePosixPath(folder).parts
    for index, name in enumerate(names):
        if index >= len(wild) - 1:
            # What is left stands for files; `**` stands for folders too.
            return index == len(wild) - 1 and wild[index] == "**"
        if wild[index] == "**":
            return True
        if not fnmatch.fnmatchcase(name, wild[index]) or (name.startswith(".") and not wild[index].startswith(".")):
            return False
    return True
