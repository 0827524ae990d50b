"""The files of a commit, read through the API: nothing is checked out, and nothing that a change brings is run.

In: a commit, the folder of the gate. Out: what is there, and the bytes of one file.

    for entry in list_tree(api, event.base, "services/support"):
        data = read_blob(api, entry)
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final, Literal

from runback_gate.canonical import git_blob_id
from runback_gate.errors import GitHubError, InputError, Location, PathError
from runback_gate.github.api import Api, Fields, fields, number, words

MAX_FILE_BYTES: Final = 16 << 20
"""Of one file; no file of a gate may be larger than half of it."""

_KINDS: Final[dict[str, Literal["file", "link", "submodule"]]] = {
    "100644": "file",
    "100755": "file",
    # Written by git long ago, and still read.
    "100664": "file",
    "120000": "link",
    "160000": "submodule",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, link or submodule of a commit."""

    path: str
    """From the folder that was listed."""
    kind: Literal["file", "link", "submodule"]
    blob: str
    """The name that git gives to its bytes."""
    size: int
    """Bytes; 0 for a submodule."""


def list_tree(api: Api, commit: str, folder: str = "") -> tuple[Entry, ...]:
    """Everything below a folder of a commit; nothing where the commit has no such folder.

    Raises:
        GitHubError: the commit is not there, or GitHub does not list all of it.
        PathError: a name that would lead out of the folder.
    """
    tree = commit
    for part in filter(None, folder.split("/")):
        below = fields(api.get(f"git/trees/{tree}"), "git/trees")
        found = next((item for item in _items(below) if words(item, "path") == part), None)
        if found is None or words(found, "type") != "tree":
            return ()
        tree = _name(found)
    listed = fields(api.get(f"git/trees/{tree}", recursive=1), "git/trees")
    if listed.get("truncated") is not False:
        hint = "put the gate into a folder of its own, and name it with the input `root`"
        raise GitHubError(f"commit {commit[:7]} has more files than GitHub lists", hint=hint)
    return tuple(_entry(item) for item in _items(listed) if words(item, "type") != "tree")


def read_blob(api: Api, entry: Entry) -> bytes:
    """The bytes of a file or link, held against the name that git gives them.

    Raises:
        GitHubError: not there, or not what was asked for.
    """
    value = fields(api.get(f"git/blobs/{entry.blob}"), "git/blobs")
    try:
        # The lines of the answer end after 60 characters.
        data = base64.b64decode(words(value, "content").replace("\n", ""), validate=True)
    except ValueError as error:
        raise GitHubError(f"{entry.path}: its content came in another form") from error
    if words(value, "encoding") != "base64" or git_blob_id(data, like=entry.blob) != entry.blob:
        raise GitHubError(f"{entry.path}: other bytes came than were asked for")
    return data


def _items(value: Fields) -> list[Fields]:
    items = value.get("tree")
    if not isinstance(items, list):
        raise GitHubError("git/trees: no list came back")
    return [fields(item, "git/trees") for item in items]


def _entry(item: Fields) -> Entry:
    path = words(item, "path")
    # Git writes no such name into a tree, but it reads what another program wrote.
    if not path or not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path:
        raise PathError("a file of the commit leads out of its folder", location=Location(repr(path)[:200]))
    kind = _KINDS.get(words(item, "mode"))
    if kind is None:
        raise InputError("neither a file, a link nor a submodule", location=Location(path))
    return Entry(path, kind, _name(item), 0 if kind == "submodule" else number(item, "size"))


def _name(item: Fields) -> str:
    name = words(item, "sha")
    if len(name) not in (40, 64) or not set(name) <= set("0123456789abcdef"):
        raise GitHubError("git/trees: an entry has no name")
    return name
