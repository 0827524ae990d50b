"""The gate's files of a commit: what is laid out, what is fetched, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.cli import snapshot as module
from runback_gate.cli.snapshot import snapshot
from runback_gate.documents import expand, safe_read
from runback_gate.errors import DocumentError, GitHubError, InputError
from runback_gate.github.api import Api
from runback_gate.testing import sample_call, sample_case, sample_step, write_gate
from tests.cli.conftest import tree, write
from tests.github.fake import BOT, FakeGitHub
from tests.github.repository import Repository


@pytest.fixture
def hub() -> Iterator[FakeGitHub]:
    """A GitHub."""
    with FakeGitHub() as found:
        yield found
    assert found.broken == []


@pytest.fixture
def api(hub: FakeGitHub) -> Api:
    """The API as a job sees it."""
    return Api(hub.url, hub.repository, BOT, sleep=hub.sleep)


@pytest.fixture
def repository(tmp_path: Path, hub: FakeGitHub) -> Repository:
    """A repository with a gate."""
    hub.git = tmp_path / "repository"
    found = Repository(hub.git)
    write_gate(hub.git, [sample_case("one", sample_step(sample_call("escalate")))])
    return found


def fetched(hub: FakeGitHub) -> int:
    """How many files were fetched."""
    return hub.count("GET", "/git/blobs/")


def test_only_what_a_gate_can_name(api: Api, hub: FakeGitHub, repository: Repository, tmp_path: Path) -> None:
    """The folders that the patterns name are laid out, byte by byte; the rest of the repository is not."""
    gate = {path: data for path, data in tree(repository.path).items() if not path.startswith(".git") and data}
    write(repository.path / "src/main.py", "print()")
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path / "nowhere") as root:
        assert {path: data for path, data in tree(root).items() if data} == gate
    assert not root.exists()
    assert fetched(hub) == len(gate) + 1


def test_what_the_workspace_has_is_not_fetched(api: Api, hub: FakeGitHub, repository: Repository) -> None:
    """A pull request costs as many requests as it changes files."""
    commit = repository.commit()
    write(repository.path / "policies/refunds.yaml", "changed")
    with snapshot(api, commit, "", repository.path) as root:
        assert safe_read(root, "policies/refunds.yaml") != b"changed"
    assert fetched(hub) == 1


def test_a_gate_in_a_folder(api: Api, hub: FakeGitHub, tmp_path: Path) -> None:
    """Of a repository with many things only the folder of the gate is listed and compared."""
    hub.git = tmp_path / "repository"
    repository = Repository(hub.git)
    write_gate(hub.git / "services/support", [])
    commit = repository.commit()
    with snapshot(api, commit, "services/support", repository.path) as root:
        assert (root / "runback.yaml").is_file()
    assert fetched(hub) == 0


def test_no_gate(api: Api, repository: Repository, tmp_path: Path) -> None:
    """A commit without a gate gives an empty folder: what that means is for others to say."""
    (repository.path / "runback.yaml").unlink()
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert tree(root) == {}


@pytest.mark.parametrize(
    "spec", ["{", "spec: 1", "spec: {agents: ['*.yaml']}", "spec: {agents: ['a/*/b/c.yaml']}", "a: &a [*a]"]
)
def test_patterns_that_name_no_folder(api: Api, repository: Repository, tmp_path: Path, spec: str) -> None:
    """Where the patterns may mean any file, or cannot be read, all files are there, so that the fault is told later."""
    write(repository.path / "runback.yaml", spec)
    write(repository.path / "x/y/z.txt", "z")
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert (root / "x/y/z.txt").read_text() == "z"


def test_another_file_that_is_asked_for(api: Api, repository: Repository, tmp_path: Path) -> None:
    """An agent file outside of the patterns comes with its folder."""
    write(repository.path / "trial/agent.yaml", "a: 1")
    write(repository.path / "trial/prompt.md", "p")
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path, also="trial/agent.yaml") as root:
        assert expand(root, ["trial/*"]) == ("trial/agent.yaml", "trial/prompt.md")
    with snapshot(api, commit, "", tmp_path, also="agent.yaml") as root:
        assert (root / "trial").is_dir()


def test_links(api: Api, repository: Repository, tmp_path: Path) -> None:
    """Links stay links, and are not followed out; where one stands, all files are there for it to lead to."""
    write(repository.path / "shared/common.yaml", "c")
    (repository.path / "policies/in.yaml").symlink_to("../shared/common.yaml")
    (repository.path / "policies/out.yaml").symlink_to("/etc/passwd")
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert safe_read(root, "policies/in.yaml") == b"c"
        with pytest.raises(InputError, match="leads out of the root through a symbolic link"):
            safe_read(root, "policies/out.yaml")


def test_a_link_in_the_workspace_is_not_followed(api: Api, repository: Repository, tmp_path: Path) -> None:
    """A workspace in which a change put a link in place of a policy gives nothing of what it leads to."""
    commit = repository.commit()
    copy = write(tmp_path / "copy", (repository.path / "policies/refunds.yaml").read_bytes())
    (repository.path / "policies/refunds.yaml").unlink()
    (repository.path / "policies/refunds.yaml").symlink_to(copy)
    with snapshot(api, commit, "", repository.path) as root:
        assert not (root / "policies/refunds.yaml").is_symlink()


def test_large_files(api: Api, hub: FakeGitHub, repository: Repository, tmp_path: Path) -> None:
    """A file that nobody reads is not fetched; it is there with its size, so that its reader says so."""
    write(repository.path / "policies/huge.yaml", b"#" * ((16 << 20) + 1))
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        with pytest.raises(DocumentError, match="larger than"):
            safe_read(root, "policies/huge.yaml")
        assert (root / "policies/huge.yaml").stat().st_blocks == 0
    names = [entry.split()[2] for entry in repository.git("ls-tree", "-r", "HEAD").splitlines() if "huge" in entry]
    assert hub.count("GET", names[0]) == 0


def test_a_gate_file_that_is_too_large(api: Api, repository: Repository, tmp_path: Path) -> None:
    """A runback.yaml of that size is there alone, to be refused."""
    write(repository.path / "runback.yaml", b"#" * ((16 << 20) + 1))
    commit = repository.commit()
    with snapshot(api, commit, "", tmp_path) as root:
        assert list(tree(root)) == ["runback.yaml"]


def test_too_much(api: Api, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files to fetch, or too many bytes to hold, are refused before the first is fetched."""
    commit = repository.commit()
    monkeypatch.setattr(module, "MAX_FETCHED", 3)
    with pytest.raises(GitHubError, match=r"files of .* would be fetched"), snapshot(api, commit, "", tmp_path):
        pass
    with snapshot(api, commit, "", repository.path):
        pass
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="has more than 0 MiB"), snapshot(api, commit, "", repository.path):
        pass


def entry(path: str, mode: str = "120000") -> dict[str, object]:
    """An entry of a tree that git would not write."""
    return {"path": path, "mode": mode, "type": "blob", "sha": "1" * 40, "size": 1}


def test_a_submodule(api: Api, hub: FakeGitHub, tmp_path: Path) -> None:
    """A submodule cannot be listed: its policies must not be taken for absent."""
    gate = write(tmp_path / "runback.yaml", "spec: {policies: ['policies/*.yaml']}").read_bytes()
    blob = Repository(tmp_path / "r").git("hash-object", "-w", str(tmp_path / "runback.yaml"))
    listed = [
        {**entry("runback.yaml", "100644"), "sha": blob, "size": len(gate)},
        {"path": "policies", "mode": "160000", "type": "commit", "sha": "1" * 40},
    ]
    hub.raw = json.dumps({"tree": listed, "truncated": False}).encode()
    with snapshot(api, "1" * 40, "", tmp_path) as root:
        assert (root / "policies").readlink() == Path("policies")
        with pytest.raises(InputError):
            safe_read(root, "policies/a.yaml")


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
