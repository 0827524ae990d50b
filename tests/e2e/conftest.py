"""A pull request from end to end: a git repository, a GitHub, and a runner that starts the action as GitHub does.

The action runs as a process of this checkout. With RUNBACK_CONTAINER, a command that runs a container, and
RUNBACK_IMAGE it runs in the built image, with the folders and variables that GitHub gives a container.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.github.fake import FakeGitHub
from tests.github.repository import Repository
from tests.github.state import BOT

ROOT = Path(__file__).resolve().parent.parent.parent
NUMBER = 7
CONTAINER = os.environ.get("RUNBACK_CONTAINER")


@dataclass(frozen=True)
class Done:
    """What a job left behind."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]


@dataclass
class PullRequest:
    """One pull request, and the runner that its jobs run on."""

    hub: FakeGitHub
    repository: Repository
    runner: Path
    base: str
    source: str = "acme/agent"
    runs: int = 0
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Files that an earlier step of each job lays into its workspace."""

    @property
    def path(self) -> Path:
        """The working folder of the author."""
        return self.repository.path

    @property
    def home(self) -> Path:
        """The home folder of the container."""
        return self.runner / "home"

    def push(self, message: str = "change") -> str:
        """Commit what lies in the working folder and push it; gives the new head."""
        return self.repository.commit(message)

    def run(self, head: str, *, event: str = "pull_request", **inputs: str) -> Done:
        """Run the job of a head to its end."""
        process, files = self.start(head, event=event, **inputs)
        log, _ = process.communicate(timeout=120)
        outputs = dict(line.split("=", 1) for line in files["output"].read_text("utf-8").splitlines())
        return Done(process.returncode, log, files["summary"].read_text("utf-8"), outputs)

    def start(
        self, head: str, *, event: str = "pull_request", **inputs: str
    ) -> tuple[subprocess.Popen[str], dict[str, Path]]:
        """Start the job of a head."""
        self.runs += 1
        run = self.runner / str(self.runs)
        workspace, sha = self._check_out(run, head, event)
        files = {name: run / "file_commands" / name for name in ("output", "summary")}
        for file in (*files.values(), run / "workflow" / "event.json"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        (run / "workflow/event.json").write_text(json.dumps(self._event(head)), "utf-8")
        for name, data in self.artifacts.items():
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).write_bytes(data)
        self.home.mkdir(exist_ok=True)
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REPOSITORY": self.hub.repository,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": sha,
            **{f"INPUT_{key.upper()}": value for key, value in {"token": BOT, **inputs}.items()},
        }
        folders = {
            "/github/workspace": workspace,
            "/github/home": self.home,
            "/github/workflow": run / "workflow",
            "/github/file_commands": run / "file_commands",
        }
        paths = {
            "HOME": "/github/home",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_OUTPUT": "/github/file_commands/output",
            "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
            "GITHUB_WORKSPACE": "/github/workspace",
        }
        return _start(variables, folders, paths), files

    def _check_out(self, run: Path, head: str, event: str) -> tuple[Path, str]:
        """The workspace as actions/checkout leaves it: a merge of one commit, or for a trusted job the base."""
        sha = self.base
        if event == "pull_request":
            sha = self.repository.merge(self.base, head)
            self.repository.checkout(head)
        workspace = run / "workspace"
        clone = Repository(workspace)
        clone.git("fetch", "--quiet", "--depth=1", f"file://{self.path}", sha)
        clone.checkout("FETCH_HEAD")
        self.hub.add_pull(NUMBER, head, source=self.source, base=self.base, merge_commit_sha=sha)
        return workspace, sha

    def _event(self, head: str) -> dict[str, Any]:
        base = {"sha": self.base, "ref": "main", "repo": {"full_name": self.hub.repository}}
        source = {"sha": head, "ref": "topic", "repo": {"full_name": self.source}}
        pull = {"number": NUMBER, "head": source, "base": base}
        return {"pull_request": pull, "repository": {"full_name": self.hub.repository, "private": False}}

    def report(self, folder: str = ".runback") -> bytes:
        """The report that the last job wrote."""
        return (self.runner / str(self.runs) / "workspace" / folder / "report.json").read_bytes()

    def checks(self, head: str) -> list[dict[str, Any]]:
        """The check runs of a head."""
        return [check for check in self.hub.checks.values() if check["head_sha"] == head]


def _start(variables: dict[str, str], folders: dict[str, Path], paths: dict[str, str]) -> subprocess.Popen[str]:
    """Start what action.yml says, in the image or, without one, as a process that finds the same files elsewhere."""
    arguments = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["args"]
    if CONTAINER:
        words = shlex.split(CONTAINER)
        for place, folder in folders.items():
            # The runner's user owns them.
            for path in (folder, *folder.rglob("*")):
                os.chown(path, 1001, 127, follow_symlinks=False)
            words += ["--volume", f"{folder}:{place}"]
        words += ["--workdir", "/github/workspace"]
        for name, value in {**variables, **paths}.items():
            words += ["--env", f"{name}={value}"]
        words += [os.environ["RUNBACK_IMAGE"], *arguments]
        environment = dict(os.environ)
    else:
        here = {name: _moved(place, folders) for name, place in paths.items()}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables, **here}
        words = [sys.executable, "-m", "runback_gate", *(arguments if os.geteuid() else arguments[:1])]
    return subprocess.Popen(
        words,
        cwd=folders["/github/workspace"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def _moved(place: str, folders: dict[str, Path]) -> str:
    root = next(root for root in folders if place == root or place.startswith(f"{root}/"))
    return str(folders[root]) + place.removeprefix(root)


def kill(process: subprocess.Popen[str]) -> None:
    """End a job as a runner does that has no more patience."""
    if CONTAINER:
        podman = shlex.split(CONTAINER.partition(" run ")[0])
        ids = subprocess.run([*podman, "ps", "--quiet"], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run([*podman, "kill", "--signal", "KILL", *ids], capture_output=True, check=True)
    else:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.fixture
def hub() -> Iterator[FakeGitHub]:
    """A GitHub; at the end all that it answered was as GitHub describes it."""
    with FakeGitHub() as found:
        yield found
    assert found.broken == []


Open = Callable[..., PullRequest]


@pytest.fixture
def open_pull_request(hub: FakeGitHub, tmp_path: Path) -> Open:
    """Opens a pull request on a repository whose base `make` writes; left out, it is the demo."""
    tmp_path.chmod(0o755)

    def open_(make: Callable[[Path], None] | None = None, source: str = "acme/agent") -> PullRequest:
        repository = Repository(tmp_path / "repository")
        (make or _demo)(repository.path)
        base = repository.commit("base")
        repository.git("checkout", "--quiet", "-b", "topic")
        repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
        hub.git = repository.path
        runner = tmp_path / "runner"
        runner.mkdir()
        return PullRequest(hub, repository, runner, base, source)

    return open_


def _demo(path: Path) -> None:
    for name in ("agents", "datasets", "policies"):
        shutil.copytree(ROOT / name, path / name)
    shutil.copy(ROOT / "runback.yaml", path / "runback.yaml")
