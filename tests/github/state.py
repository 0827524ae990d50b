"""What a GitHub keeps: checks, comments, pull requests, attestations, and a git repository where files are read."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.github.contract import Contract

BOT, READER, PERSON = "token-of-the-job", "token-of-a-fork", "token-of-ada"
SHA = "9ac3e11" + "0" * 33
NOW = "2026-11-23T07:40:12Z"


@dataclass(frozen=True)
class Identity:
    """Who a token stands for."""

    login: str
    kind: str = "Bot"
    writes: bool = True


IDENTITIES = {
    BOT: Identity("github-actions[bot]"),
    READER: Identity("github-actions[bot]", writes=False),
    PERSON: Identity("ada", "User"),
}


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, errors: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        if errors is not None:
            self.body |= {"errors": [{"resource": "X", "code": "custom", "message": item} for item in errors]}  # type: ignore[dict-item]


class State:
    """Whatever requests read and change."""

    url: str

    def __init__(self, repository: str, git: Path | None) -> None:
        self.repository, self.git = repository, git
        self.contract = Contract()
        self.checks: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, list[dict[str, Any]]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.attestations: dict[int, dict[str, Any]] = {}
        self.truncated = False
        self.default_branch = "main"
        self._next = 1000

    def next_id(self) -> int:
        """An id that nothing has yet."""
        self._next += 1
        return self._next

    def at(self, path: str) -> str:
        """The address of a part of the repository."""
        return f"{self.url}/repos/{self.repository}/{path}"

    def user(self, identity: Identity) -> dict[str, Any]:
        """How an identity is shown."""
        base: dict[str, Any] = self.contract.example("issue-comment", self.url).get("user", {})
        return {**base, "login": identity.login, "type": identity.kind}

    def read_git(self, *words: str) -> bytes:
        """What git says of the repository; what it does not know is not found."""
        if self.git is None:
            raise RefusedError(404, "Not Found")
        done = subprocess.run(["git", "-C", str(self.git), *words], capture_output=True, check=False)
        if done.returncode:
            raise RefusedError(404, "Not Found")
        return done.stdout


def found_in(items: dict[int, dict[str, Any]], key: str) -> dict[str, Any]:
    """What has this id."""
    if int(key) not in items:
        raise RefusedError(404, "Not Found")
    return items[int(key)]
