"""Where a gate lies in its repository: behind a link, in a submodule or another repository it is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.app.sides import open_sides
from runback_gate.errors import InputError, PathError
from runback_gate.revision.repository import GitTree, find_repository
from tests.cli.conftest import write
from tests.github.repository import Repository
from tests.revision.gates import FILES, GATE

Work = Callable[[Repository, str], object]

PLACES = ["services", "services/support"]


def _as_link(repository: Repository, place: str) -> None:
    (repository.path / place).rename(repository.path / "moved")
    (repository.path / place).symlink_to(os.path.relpath(repository.path / "moved", (repository.path / place).parent))


def _as_absolute_link(repository: Repository, place: str) -> None:
    (repository.path / place).rename(repository.path.parent / f"outside-{place.replace('/', '-')}")
    (repository.path / place).symlink_to(repository.path.parent / f"outside-{place.replace('/', '-')}")


def _as_submodule(repository: Repository, place: str) -> None:
    repository.git("rm", "-rq", place)
    other = Repository(repository.path / place)
    for name, text in FILES.items():
        write(other.path / "support" / name, text)
        write(other.path / name, text)
    other.commit("weak")


def _as_file(repository: Repository, place: str) -> None:
    repository.git("rm", "-rq", place)
    write(repository.path / place, "a file")


KINDS: dict[str, tuple[Work, str]] = {
    "link": (_as_link, "a link in this commit"),
    "absolute link": (_as_absolute_link, "a link in this commit"),
    "submodule": (_as_submodule, "a submodule in this commit"),
    "file": (_as_file, "a file in this commit"),
}


@pytest.fixture
def services(tmp_path: Path) -> Repository:
    """A repository with a gate in `services/support`, tagged `base`."""
    repository = Repository(tmp_path / "repository")
    for name, text in FILES.items():
        write(repository.path / "services/support" / name, text)
    repository.commit("base")
    repository.git("tag", "base")
    return repository


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_root_that_is_no_folder_is_refused_on_either_side(services: Repository, kind: str, place: str) -> None:
    """A link, a submodule or a file on the way to the gate: refused as head and, one change later, as base."""
    make, words = KINDS[kind]
    make(services, place)
    commit = services.commit("something else")
    root = services.path / "services/support"
    with pytest.raises(PathError, match=words), open_sides(root, base="base"):
        pass
    with pytest.raises(InputError), open_sides(root, base="base", head=commit):
        pass
    with pytest.raises(PathError, match=words):
        GitTree(services.path, "services/support", commit).entries()


@pytest.mark.integration
def test_a_bare_repository_that_a_change_brings(services: Repository, tmp_path: Path) -> None:
    """Files that look like a repository do not answer for the one that holds them, wherever they lie."""
    own = Repository(tmp_path / "own")
    own.commit("weak")
    own.git("tag", "base")
    subprocess.run(["git", "clone", "-q", "--bare", str(own.path), str(tmp_path / "bare")], check=True)
    for place in ("services/support", "services", "."):
        for path in sorted((tmp_path / "bare").rglob("*")):
            if path.is_file():
                write(services.path / place / path.relative_to(tmp_path / "bare"), path.read_bytes())
        for name in ("refs/heads", "refs/tags", "objects"):
            write(services.path / place / name / ".keep", "")
    head = services.commit("tidy up")
    found = find_repository(services.path / "services/support")
    assert found is not None
    assert (found.top, found.folder) == (services.path, "services/support")
    assert found.commit("HEAD") == head
    assert found.commit("base") == services.git("rev-parse", "base")


def test_a_repository_around_another(services: Repository) -> None:
    """A repository that lies untracked inside of another is its own; one that the other has files of is refused."""
    inner = Repository(services.path / "clone")
    write(inner.path / "runback.yaml", GATE)
    inner.commit("mine")
    found = find_repository(inner.path)
    assert found is not None
    assert found.top == inner.path
    Repository(services.path / "services/support").commit("inside")
    with pytest.raises(PathError, match="a repository inside of another"):
        find_repository(services.path / "services/support")


def test_a_link_from_outside(services: Repository, tmp_path: Path) -> None:
    """A link of one's own into a repository is no way to name the gate: it could be anything's."""
    (tmp_path / "mine").symlink_to(services.path / "services/support")
    with pytest.raises(PathError, match="lies behind a link"):
        find_repository(tmp_path / "mine")


def test_a_working_tree_of_its_own(services: Repository, tmp_path: Path) -> None:
    """`git worktree` has a file in the place of `.git`: it is a repository like any other."""
    services.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "base")
    found = find_repository(tmp_path / "tree/services/support")
    assert found is not None
    assert (found.top, found.commit("HEAD")) == (tmp_path / "tree", services.git("rev-parse", "base"))
