"""Which commit is a base: one that both histories have, and that the base branch once was."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.app.sides import open_sides
from runback_gate.errors import InputError
from tests.cli.conftest import write
from tests.github.repository import Repository
from tests.revision.gates import GATE


def test_histories_without_a_common_commit(tmp_path: Path) -> None:
    """A shallow clone, or another history, has nothing to be held against: refused, with the way out."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", GATE)
    repository.commit("base")
    repository.git("tag", "base")
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit("another history")
    with (
        pytest.raises(InputError, match=r"no commit here in common .*--unshallow"),
        open_sides(repository.path, base="base"),
    ):
        pass


def test_a_half_done_commit_is_no_base(tmp_path: Path) -> None:
    """A change that begins in the middle of a branch that was merged would choose a state that the base never had."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", GATE)
    start = repository.commit("base")
    write(repository.path / "runback.yaml", GATE + "# loosened, for a moment\n")
    middle = repository.commit("half done")
    write(repository.path / "runback.yaml", GATE)
    done = repository.commit("done")
    main = repository.merge(start, done)
    repository.git("checkout", "--quiet", "-B", "main", main)
    repository.git("checkout", "--quiet", "-b", "topic", middle)
    write(repository.path / "README.md", "x")
    repository.commit("topic")
    with pytest.raises(InputError, match="was never the state of"), open_sides(repository.path, base="main"):
        pass
    repository.git("merge", "--quiet", "-m", "merge", "main")
    with open_sides(repository.path, base="main") as sides:
        assert sides.against.base is not None
        assert sides.against.base.commit == main
