"""Where the files of a verb go, and how they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.app.paths import below, slug
from runback_gate.errors import PathError


@pytest.mark.parametrize(
    ("name", "expected"), [("Shop Agent!", "shop-agent"), ("..", "agent"), ("é", "agent"), ("a" * 99, "a" * 64)]
)
def test_slugs(name: str, expected: str) -> None:
    """File names are made of letters, digits and dashes."""
    assert slug(name) == expected


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "out/a"])
def test_files_stay_below(tmp_path: Path, name: str) -> None:
    """A name that leads out of the folder, by its text or by a link, names no file."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    assert below(root, "a/b.yaml") == root / "a/b.yaml"
    with pytest.raises(PathError):
        below(root, name)
