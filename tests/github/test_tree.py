"""The files of a commit through the API: listed whole, read as they are, or refused."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.documents import expand, safe_read
from runback_gate.errors import DocumentError, GitHubError, InputError, PathError, RunbackError
from runback_gate.github import tree as module
from runback_gate.github.api import Api
from runback_gate.github.tree import GitHubTree
from runback_gate.revision.layout import laid_out
from runback_gate.revision.selection import select
from runback_gate.revision.tree import Entry
from runback_gate.testing import sample_call, sample_case, sample_step, write_gate
from tests.cli.conftest import tree, write
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository

BLOB = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"
"""What git calls the three bytes `abc`."""


@pytest.fixture
def repository(tmp_path: Path, hub: FakeGitHub) -> Repository:
    """A repository that the fake GitHub holds."""
    hub.git = tmp_path / "repository"
    return Repository(hub.git)


def list_tree(api: Api, commit: str, folder: str = "") -> tuple[Entry, ...]:
    """What a commit has below a folder."""
    return GitHubTree(api, commit, folder).entries()


def read_blob(api: Api, entry: Entry) -> bytes:
    """The content of a file."""
    return next(GitHubTree(api, "1" * 40).read([entry]))


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
    """A folder that the commit does not have has nothing in it; something else in its place is refused."""
    (repository.path / "a").write_text("")
    (repository.path / "link").symlink_to("a")
    commit = repository.commit()
    assert list_tree(api, commit, "b") == ()
    for name, kind in (("a", "file"), ("a/b", "file"), ("link", "link"), ("link/b", "link")):
        with pytest.raises(PathError, match=f"a {kind} in this commit, not a folder"):
            list_tree(api, commit, name)


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


@pytest.fixture
def gated(tmp_path: Path, hub: FakeGitHub) -> Repository:
    """A repository with a gate."""
    hub.git = tmp_path / "repository"
    found = Repository(hub.git)
    write_gate(hub.git, [sample_case("one", sample_step(sample_call("escalate")))])
    return found


@contextlib.contextmanager
def snapshot(api: Api, commit: str, folder: str, workspace: Path, *, also: str | None = None) -> Iterator[Path]:
    """What the gate of a commit can name, laid out."""
    tree = GitHubTree(api, commit, folder, workspace)
    with laid_out(tree, select(tree, also=also).entries) as root:
        yield root


def fetched(hub: FakeGitHub) -> int:
    """How many files were fetched."""
    return hub.count("GET", "/git/blobs/")


def test_only_what_a_gate_can_name(api: Api, hub: FakeGitHub, gated: Repository, tmp_path: Path) -> None:
    """The folders that the patterns name are laid out, byte by byte; the rest of the repository is not."""
    gate = {path: data for path, data in tree(gated.path).items() if not path.startswith(".git") and data}
    write(gated.path / "src/main.py", "print()")
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path / "nowhere") as root:
        assert {path: data for path, data in tree(root).items() if data} == gate
    assert not root.exists()
    assert fetched(hub) == len(gate)


def test_what_the_workspace_has_is_not_fetched(api: Api, hub: FakeGitHub, gated: Repository) -> None:
    """A pull request costs as many requests as it changes files."""
    commit = gated.commit()
    write(gated.path / "policies/refunds.yaml", "changed")
    with snapshot(api, commit, "", gated.path) as root:
        assert safe_read(root, "policies/refunds.yaml") != b"changed"
    assert fetched(hub) == 1


def test_a_gate_in_a_folder(api: Api, hub: FakeGitHub, tmp_path: Path) -> None:
    """Of a repository with many things only the folder of the gate is listed and compared."""
    hub.git = tmp_path / "repository"
    gated = Repository(hub.git)
    write_gate(hub.git / "services/support", [])
    commit = gated.commit()
    with snapshot(api, commit, "services/support", gated.path) as root:
        assert (root / "runback.yaml").is_file()
    assert fetched(hub) == 0


def test_no_gate(api: Api, gated: Repository, tmp_path: Path) -> None:
    """A commit without a gate gives an empty folder: what that means is for others to say."""
    (gated.path / "runback.yaml").unlink()
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert tree(root) == {}


@pytest.mark.parametrize(
    "spec", ["{", "spec: 1", "spec: {agents: ['*.yaml']}", "spec: {agents: ['a/*/b/c.yaml']}", "a: &a [*a]"]
)
def test_patterns_that_name_no_folder(api: Api, gated: Repository, tmp_path: Path, spec: str) -> None:
    """Where the patterns may mean any file, or cannot be read, all files are there, so that the fault is told later."""
    write(gated.path / "runback.yaml", spec)
    write(gated.path / "x/y/z.txt", "z")
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert (root / "x/y/z.txt").read_text() == "z"


def test_another_file_that_is_asked_for(api: Api, gated: Repository, tmp_path: Path) -> None:
    """An agent file outside of the patterns comes with its folder."""
    write(gated.path / "trial/agent.yaml", "a: 1")
    write(gated.path / "trial/prompt.md", "p")
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path, also="trial/agent.yaml") as root:
        assert expand(root, ["trial/*"]) == ("trial/agent.yaml", "trial/prompt.md")
    with snapshot(api, commit, "", tmp_path, also="agent.yaml") as root:
        assert (root / "trial").is_dir()


def test_links(api: Api, gated: Repository, tmp_path: Path) -> None:
    """Links stay links, and are not followed out; where one stands, all files are there for it to lead to."""
    write(gated.path / "shared/common.yaml", "c")
    (gated.path / "policies/in.yaml").symlink_to("../shared/common.yaml")
    (gated.path / "policies/out.yaml").symlink_to("/etc/passwd")
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert safe_read(root, "policies/in.yaml") == b"c"
        with pytest.raises(InputError, match="leads out of the root through a symbolic link"):
            safe_read(root, "policies/out.yaml")


def test_a_link_in_the_workspace_is_not_followed(api: Api, gated: Repository, tmp_path: Path) -> None:
    """A workspace in which a change put a link in place of a policy gives nothing of what it leads to."""
    commit = gated.commit()
    copy = write(tmp_path / "copy", (gated.path / "policies/refunds.yaml").read_bytes())
    (gated.path / "policies/refunds.yaml").unlink()
    (gated.path / "policies/refunds.yaml").symlink_to(copy)
    with snapshot(api, commit, "", gated.path) as root:
        assert not (root / "policies/refunds.yaml").is_symlink()


def test_large_files(api: Api, hub: FakeGitHub, gated: Repository, tmp_path: Path) -> None:
    """A file that nobody reads is not fetched; it is there with its size, so that its reader says so."""
    write(gated.path / "policies/huge.yaml", b"#" * ((16 << 20) + 1))
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        with pytest.raises(DocumentError, match="larger than"):
            safe_read(root, "policies/huge.yaml")
        assert (root / "policies/huge.yaml").stat().st_blocks == 0
    names = [entry.split()[2] for entry in gated.git("ls-tree", "-r", "HEAD").splitlines() if "huge" in entry]
    assert hub.count("GET", names[0]) == 0


def test_a_gate_file_that_is_too_large(api: Api, gated: Repository, tmp_path: Path) -> None:
    """A runback.yaml of that size is there alone, to be refused."""
    write(gated.path / "runback.yaml", b"#" * ((16 << 20) + 1))
    commit = gated.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert list(tree(root)) == ["runback.yaml"]


def test_too_much(api: Api, gated: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files to fetch, or too many bytes to hold, are refused before the first is fetched."""
    commit = gated.commit()
    monkeypatch.setattr(module, "MAX_FETCHED", 3)
    with pytest.raises(GitHubError, match=r"files of .* would be fetched"), snapshot(api, commit, "", tmp_path):
        pass
    with snapshot(api, commit, "", gated.path):
        pass
    monkeypatch.setattr("runback_gate.revision.layout.MAX_BYTES", 10)
    with pytest.raises(InputError, match="has more than 0 MiB"), snapshot(api, commit, "", gated.path):
        pass


def entry(path: str, mode: str = "120000") -> dict[str, object]:
    """An entry of a tree that git would not write."""
    return {"path": path, "mode": mode, "type": "blob", "sha": "1" * 40, "size": 1}


def test_a_submodule_of_policies(api: Api, hub: FakeGitHub, tmp_path: Path) -> None:
    """A submodule cannot be listed: its policies must not be taken for absent."""
    gate = write(tmp_path / "runback.yaml", "spec: {policies: ['policies/*.yaml']}").read_bytes()
    blob = Repository(tmp_path / "r").git("hash-object", "-w", str(tmp_path / "runback.yaml"))
    listed = [
        {**entry("runback.yaml", "100644"), "sha": blob, "size": len(gate)},
        {"path": "policies", "mode": "160000", "type": "commit", "sha": "1" * 40},
    ]
    hub.raw = json.dumps({"tree": listed, "truncated": False}).encode()
    with pytest.raises(PathError, match="policies: a submodule"), snapshot(api, "1" * 40, "", tmp_path):
        pass


def test_a_tree_that_cannot_be(api: Api, hub: FakeGitHub, tmp_path: Path) -> None:
    """A name that is a file and a folder at once cannot be laid out."""
    write(tmp_path / "a", "x")
    blob = Repository(tmp_path / "r").git("hash-object", "-w", str(tmp_path / "a"))
    same = {**entry("runback.yaml/a", "100644"), "sha": blob}
    for mode, second in (("100644", "runback.yaml/b"), ("120000", "runback.yaml/b")):
        listed = [{**same, "path": "runback.yaml", "size": 1}, {**entry(second, mode), "sha": blob}]
        hub.raw = json.dumps({"tree": listed, "truncated": False}).encode()
        hub.git = tmp_path / "r"
        with pytest.raises(InputError, match="cannot be laid out"), snapshot(api, "1" * 40, "", tmp_path / "none"):
            pass
