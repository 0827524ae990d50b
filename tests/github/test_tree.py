"""The files of a commit through the API: listed whole, read as they are, or refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from runback_gate.errors import GitHubError, PathError, RunbackError
from runback_gate.github.api import Api
from runback_gate.github.tree import Entry, list_tree, read_blob
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository

BLOB = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"
"""What git calls the three bytes `abc`."""


@pytest.fixture
def repository(tmp_path: Path, hub: FakeGitHub) -> Repository:
    """A repository that the fake GitHub holds."""
    hub.git = tmp_path / "repository"
    return Repository(hub.git)


def listed(hub: FakeGitHub, *entries: dict[str, object], **more: object) -> None:
    """Let the next answer be a tree of these entries."""
    hub.raw = json.dumps({"sha": "x", "tree": list(entries), "truncated": False, **more}).encode()


def test_a_commit(api: Api, repository: Repository) -> None:
    """Files, links and submodules are listed with their bytes' names, below any folder."""
    inner = repository.path / "a/b"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"abc")
    (inner / "run.sh").write_bytes(b"")
    (inner / "run.sh").chmod(0o755)
    (inner / "link").symlink_to("file")
    commit = repository.commit()
    entries = {entry.path: entry for entry in list_tree(api, commit, "a/b")}
    assert entries["file"] == Entry("file", "file", BLOB, 3)
    assert {path: entry.kind for path, entry in entries.items()} == {"file": "file", "link": "link", "run.sh": "file"}
    assert read_blob(api, entries["file"]) == b"abc"
    assert read_blob(api, entries["link"]) == b"file"
    assert [entry.path for entry in list_tree(api, commit)] == ["a/b/file", "a/b/link", "a/b/run.sh"]


def test_no_such_folder(api: Api, repository: Repository) -> None:
    """A folder that the commit does not have, or that is a file there, has nothing in it."""
    (repository.path / "a").write_text("")
    commit = repository.commit()
    assert list_tree(api, commit, "b") == list_tree(api, commit, "a") == ()


def test_no_such_commit(api: Api, repository: Repository) -> None:
    """A commit that GitHub does not know is an error."""
    repository.commit()
    with pytest.raises(GitHubError, match="404"):
        list_tree(api, "1" * 40)


def test_a_list_that_is_cut(api: Api, hub: FakeGitHub, repository: Repository) -> None:
    """A list that is not whole could lack the policy that matters."""
    commit = repository.commit()
    hub.truncated = True
    with pytest.raises(GitHubError, match="more files than GitHub lists"):
        list_tree(api, commit)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "a/./b", "a/../b", "", "a\0b"])
def test_names_that_lead_out(api: Api, hub: FakeGitHub, path: str) -> None:
    """No name leads out of the folder."""
    listed(hub, {"path": path, "mode": "100644", "type": "blob", "sha": BLOB, "size": 1})
    with pytest.raises(PathError, match="leads out"):
        list_tree(api, "1" * 40)


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "a", "mode": "777", "type": "blob", "sha": BLOB, "size": 1},
        {"path": "a", "mode": "100644", "type": "blob", "sha": "x", "size": 1},
        {"path": "a", "mode": "100644", "type": "blob", "sha": "z" * 40, "size": 1},
        {"path": "a", "mode": "100644", "type": "blob", "sha": BLOB},
    ],
)
def test_entries_that_are_none(api: Api, hub: FakeGitHub, entry: dict[str, object]) -> None:
    """An entry of a kind that is not known, or without a name or a size, is an error."""
    listed(hub, entry)
    with pytest.raises(RunbackError):
        list_tree(api, "1" * 40)


def test_an_answer_that_is_none(api: Api, hub: FakeGitHub) -> None:
    """An answer without a list is an error."""
    hub.raw = b'{"truncated": false}'
    with pytest.raises(GitHubError, match="no list"):
        list_tree(api, "1" * 40)


def test_a_submodule(api: Api, hub: FakeGitHub) -> None:
    """A submodule has no size and no bytes here."""
    listed(hub, {"path": "lib", "mode": "160000", "type": "commit", "sha": "1" * 40})
    assert list_tree(api, "1" * 40) == (Entry("lib", "submodule", "1" * 40, 0),)


@pytest.mark.parametrize(
    ("content", "encoding"), [(base64.b64encode(b"abd").decode(), "base64"), ("abc", "utf-8"), ("a\u00e9?", "base64")]
)
def test_other_bytes(api: Api, hub: FakeGitHub, content: str, encoding: str) -> None:
    """Bytes that are not those of the name are not taken for them."""
    hub.raw = json.dumps({"content": content, "encoding": encoding}).encode()
    with pytest.raises(GitHubError, match="file: "):
        read_blob(api, Entry("file", "file", BLOB, 3))
