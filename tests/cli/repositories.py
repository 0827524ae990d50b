"""The demo as a repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def git(*arguments: str) -> str:
    """What git says, here."""
    words = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def demo(here: Path) -> Path:
    """The demo's gate as the first commit of a repository, tagged `base`."""
    for name in ("agents", "datasets", "policies"):
        shutil.copytree(ROOT / name, here / name)
    shutil.copy(ROOT / "runback.yaml", here)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "base")
    git("tag", "base")
    return here
