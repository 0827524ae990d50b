"""The files of a commit, read through the API: nothing is checked out, and nothing that a change brings is run.

In: a commit and the folder of the gate. Out: a `Tree`.

    with laid_out(GitHubTree(api, sides.base, "services/support", workspace)) as folder:
        load_plan(folder, day=day)

A file that lies in the workspace with the same bytes is taken from there, so that a pull request costs as many requests
as it changes files. Whatever else lies there plays no part.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from runback_gate.canonical import git_blob_id
from runback_gate.documents import safe_read
from runback_gate.documents.repository import from_top
from runback_gate.errors import DocumentError, GitHubError, InputError
from runback_gate.frozen import dataclass
from runback_gate.github.api import Api, Fields, fields, number, words
from runback_gate.revision.tree import Entry, find_folder, make_entry

MAX_FETCHED: Final = 900
"""Files that are fetched one by one. A job's token has 1,000 requests an hour for a repository."""


@dataclass(frozen=True, slots=True)
class GitHubTree:
    """The files of a commit that GitHub holds."""

    api: Api
    commit: str
    folder: str = ""
    """Of the gate, from the root of the repository; empty for the root itself."""
    workspace: Path | None = None
    """Where the job's checkout lies; None without one."""
    _fetched: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """What was fetched, by object: agents are read to learn what they name, and again to be laid out."""

    def entries(self) -> tuple[Entry, ...]:
        """Every file, link and submodule below the folder; see `Tree`.

        Raises:
            GitHubError: the commit is not there, or GitHub does not list all of it.
        """
        tree = find_folder(self.commit, self.folder, self.listing)
        if tree is None:
            return ()
        listed = fields(self.api.get(f"git/trees/{tree}", recursive=1), "git/trees")
        if listed.get("truncated") is not False:
            hint = "put the gate into a folder of its own, and name it with the input `root`"
            raise GitHubError(f"commit {self.commit[:7]} has more files than GitHub lists", hint=hint)
        return tuple(entry for entry in map(_entry, _items(listed)) if entry.kind != "folder")

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """The content of files and links; see `Tree`.

        Raises:
            GitHubError: not there, not what was asked for, or too many requests.
        """
        missing = sum(self._local(entry) is None for entry in entries)
        if missing > MAX_FETCHED:
            hint = "check out the commit in the workspace, so that only changed files are fetched"
            raise GitHubError(f"{missing:,} files of {self.commit[:7]} would be fetched", hint=hint)
        for entry in entries:
            data = self._local(entry)
            yield self._fetch(entry) if data is None else data

    def listing(self, tree: str) -> list[Entry]:
        """What one tree holds; see `Tree`."""
        return [_entry(item) for item in _items(fields(self.api.get(f"git/trees/{tree}"), "git/trees"))]

    def _local(self, entry: Entry) -> bytes | None:
        """The bytes of a file, where the workspace has them."""
        if self.workspace is None or entry.kind != "file":
            return None
        try:
            data = safe_read(self.workspace, from_top(self.folder, entry.path), entry.size)
        except (InputError, DocumentError):
            return None
        return data if git_blob_id(data, like=entry.object) == entry.object else None

    def _fetch(self, entry: Entry) -> bytes:
        if entry.object in self._fetched:
            return self._fetched.pop(entry.object)
        value = fields(self.api.get(f"git/blobs/{entry.object}"), "git/blobs")
        try:
            # The lines of the answer end after 60 characters.
            data = base64.b64decode(words(value, "content").replace("\n", ""), validate=True)
        except ValueError as error:
            raise GitHubError(f"{entry.path}: its content came in another form") from error
        if words(value, "encoding") != "base64" or git_blob_id(data, like=entry.object) != entry.object:
            raise GitHubError(f"{entry.path}: other bytes came than were asked for")
        self._fetched[entry.object] = data
        return data


def _items(value: Fields) -> list[Fields]:
    items = value.get("tree")
    if not isinstance(items, list):
        raise GitHubError("git/trees: no list came back")
    return [fields(item, "git/trees") for item in items]


def _entry(item: Fields) -> Entry:
    size = number(item, "size") if words(item, "type") == "blob" else 0
    return make_entry(words(item, "path"), words(item, "mode"), words(item, "sha"), size)
