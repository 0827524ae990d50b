"""Where the gate is looked for when nobody names its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.revision.selection import nearest_gate


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder three levels below the top of a repository, where somebody works."""
    (tmp_path / "repo/.git").mkdir(parents=True)
    folder = tmp_path / "repo/a/b/c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(("place", "found"), [("a/b/c", "."), ("a/b", ".."), ("a", "../.."), (".", "../../..")])
def test_the_nearest_gate_upward(deep: Path, tmp_path: Path, place: str, found: str) -> None:
    """It is found in each folder from here to the top of the repository; the nearest counts."""
    (tmp_path / "repo" / place / "runback.yaml").touch()
    assert nearest_gate() == Path(found)
    (deep / "runback.yaml").touch()
    assert nearest_gate() == Path()


@pytest.mark.usefixtures("deep")
def test_nothing_above_the_repository_counts(tmp_path: Path) -> None:
    """A gate beside or above the repository is not found."""
    (tmp_path / "runback.yaml").touch()
    assert nearest_gate() == Path()


def test_outside_of_a_repository_nothing_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the folder itself counts."""
    (tmp_path / "runback.yaml").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert nearest_gate() == Path()


def test_a_nested_repository_ends_the_search(deep: Path, tmp_path: Path) -> None:
    """The top is that of the repository in which somebody stands, be its `.git` a folder, a file or a link."""
    (tmp_path / "repo/runback.yaml").touch()
    (deep.parent / ".git").write_text("gitdir: elsewhere")
    assert nearest_gate() == Path()


def test_a_link_is_found(deep: Path) -> None:
    """A dangling link of the name is the gate, which reading refuses; one further up is not taken in its place."""
    (deep.parent / "runback.yaml").symlink_to("nowhere")
    (deep.parent.parent / "runback.yaml").touch()
    assert nearest_gate() == Path("..")
