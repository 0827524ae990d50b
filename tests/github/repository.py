"""A git repository in a temporary folder, as GitHub and its runner would hold it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repository:
    """A checkout: commits are made of what lies in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        # What the gate writes is no part of a change.
        (path / ".git/info/exclude").write_text(".runback/\n", "utf-8")

    def git(self, *words: str) -> str:
        """Run git, with an identity and a clock of its own and without anybody's configuration."""
        made = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY.items()},
        }
        done = subprocess.run(
            ["git", "-C", str(self.path), *words],
            env={**os.environ, **made},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, message: str = "change") -> str:
        """Commit everything that lies here."""
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def merge(self, base: str, head: str) -> str:
        """What GitHub does for a pull request: a merge of the head into the base, checked out alone."""
        self.git("checkout", "--quiet", "--detach", base)
        self.git("merge", "--quiet", "--no-ff", "--message", "merge", head)
        return self.git("rev-parse", "HEAD")

    def checkout(self, commit: str) -> None:
        """Lay a commit out."""
        self.git("checkout", "--quiet", "--force", "--detach", commit)
        self.git("clean", "-fdxq")


_IDENTITY = {"NAME": "Ada", "EMAIL": "ada@example.com", "DATE": "2026-11-23T07:40:12Z"}
