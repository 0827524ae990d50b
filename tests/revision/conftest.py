"""What the tests of a commit's files share."""

from __future__ import annotations

from tests.cli.conftest import git, here

__all__ = ["git", "here"]
