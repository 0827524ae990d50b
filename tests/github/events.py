"""Events of a runner, as files and variables say them."""

from __future__ import annotations

import json
from typing import Any

from runback_gate.github.event import Event, read_event

MERGE, HEAD, BASE = "1" * 40, "9ac3e11" + "0" * 33, "4be1f02" + "0" * 33
ENVIRON = {
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REPOSITORY": "acme/agent",
    "GITHUB_SHA": MERGE,
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_API_URL": "https://ghe.example/api/v3/",
    "GITHUB_SERVER_URL": "https://ghe.example",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
}


def pull_request(source: str | None = "acme/agent", **changes: Any) -> dict[str, Any]:
    """The event of a pull request."""
    repo = {"full_name": source} if source else None
    head = {"sha": HEAD, "ref": "topic", "repo": repo}
    base = {"sha": BASE, "ref": "main", "repo": {"full_name": "acme/agent"}}
    pull = {"number": 7, "head": head, "base": base, **changes}
    return {"action": "opened", "pull_request": pull, "repository": {"full_name": "acme/agent", "private": False}}


def read(value: object, **environ: str) -> Event:
    """An event from its value, with some variables changed."""
    return read_event(json.dumps(value).encode(), {**ENVIRON, **environ})
