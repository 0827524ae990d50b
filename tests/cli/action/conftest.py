"""A job of GitHub Actions that runs `action`: a GitHub, a repository, the event, and what the job shows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Result
from tests.github.events import ENVIRON, pull_request
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository
from tests.github.state import BOT

Job = Callable[..., Result]


@pytest.fixture
def hub() -> Iterator[FakeGitHub]:
    """A GitHub."""
    with FakeGitHub() as found:
        yield found
    assert found.broken == []


@pytest.fixture
def repository(gate: Path, hub: FakeGitHub) -> Repository:
    """The start that `init` writes, committed as the base."""
    hub.git = gate
    found = Repository(gate)
    found.commit("base")
    return found


@pytest.fixture
def job(gate: Path, command: Command, hub: FakeGitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Runs the action on a pull request of what lies in the folder; keywords are inputs, upper-case ones variables."""
    runner = gate.parent / f"{gate.name}-runner"
    runner.mkdir()
    base = repository.git("rev-parse", "HEAD")

    def run(source: str = "acme/agent", *, head: str = "", **settings: str) -> Result:
        head = head or repository.commit("head")
        hub.add_pull(7, head, source=source, base=base)
        event = pull_request(source, head={"sha": head, "ref": "topic", "repo": {"full_name": source}})
        event["pull_request"]["base"]["sha"] = base
        event["merge_group"] = {"head_sha": head, "base_sha": base, "base_ref": "refs/heads/main"}
        (runner / "event.json").write_text(json.dumps(event))
        for name in ("out", "summary"):
            (runner / name).unlink(missing_ok=True)
        variables = {
            **ENVIRON,
            "GITHUB_SHA": head,
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_API_URL": hub.url,
            "GITHUB_EVENT_PATH": str(runner / "event.json"),
            "GITHUB_WORKSPACE": str(gate),
            "GITHUB_OUTPUT": str(runner / "out"),
            "GITHUB_STEP_SUMMARY": str(runner / "summary"),
            "INPUT_TOKEN": BOT,
        }
        variables |= {key if key.isupper() else f"INPUT_{key.upper()}": value for key, value in settings.items()}
        for key in [key for key in os.environ if key.startswith("INPUT_")]:
            monkeypatch.delenv(key)
        for key, value in variables.items():
            monkeypatch.setenv(key, value)
        return command("action")

    return run


@pytest.fixture
def outputs(gate: Path) -> Callable[[], dict[str, str]]:
    """What the step hands to the next ones."""

    def read() -> dict[str, str]:
        lines = (gate.parent / f"{gate.name}-runner" / "out").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    return read


def summary(gate: Path) -> str:
    """What the page of the job shows."""
    return (gate.parent / f"{gate.name}-runner" / "summary").read_text("utf-8")
