"""The versions of a file in git: each commit that changed it, and the state that the range begins with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runback_gate.errors import InputError
from runback_gate.revision.history import file_history


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A prompt that was written, changed, removed and written again, with other commits in between."""

    def git(*arguments: str) -> None:
        own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *own, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    path = tmp_path / "prompts" / "a b.md"
    path.parent.mkdir()
    for number, text in enumerate(("", "one", "one", "two", None, "three")):
        if text is None:
            path.unlink()
        elif text:
            path.write_text(text)
        (tmp_path / "other").write_text(str(number))
        git("add", "-A")
        git("commit", "-qm", f"commit {number}")
    return tmp_path


def texts(repository: Path, revisions: str) -> list[tuple[str, bytes]]:
    found = file_history(repository / "prompts" / "a b.md", revisions)
    return [(title, data) for _, _, title, data in found]


def test_each_change_is_a_version(repository: Path) -> None:
    """The oldest first; commits that leave it alone or remove it are none."""
    assert texts(repository, "HEAD~5..HEAD") == [("commit 1", b"one"), ("commit 3", b"two"), ("commit 5", b"three")]
    assert texts(repository, "HEAD~3..HEAD~1") == [("HEAD~3", b"one"), ("commit 3", b"two")]
    assert texts(repository, "HEAD~2") == [("HEAD~2", b"two"), ("commit 5", b"three")]


@pytest.mark.parametrize("revisions", ["gone..HEAD", "--all", "..", "HEAD~99"])
def test_what_is_no_range_is_refused(repository: Path, revisions: str) -> None:
    """A name that git does not know, and one that would be an option."""
    with pytest.raises(InputError):
        texts(repository, revisions)


def test_a_file_that_never_was_is_refused(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In the repository, and outside of every one."""
    with pytest.raises(InputError, match="no commit in"):
        list(file_history(repository / "prompts" / "gone.md", "HEAD~1..HEAD"))
    with pytest.raises(InputError, match="not in a git repository"):
        list(file_history(tmp_path_factory.mktemp("bare") / "a.md", "HEAD"))
