"""`action` in a job: the exit code is the verdict, and the check, the comment, the summary and the log say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.report.model import read_report
from tests.cli.action.conftest import Job, summary
from tests.cli.conftest import change
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository
from tests.github.state import READER

pytestmark = pytest.mark.integration


def test_green(
    job: Job, gate: Path, hub: FakeGitHub, repository: Repository, outputs: Callable[[], dict[str, str]]
) -> None:
    """A pull request that passes: exit 0, a green check, a summary, report files, and no comment."""
    result = job()
    assert (result.code, result.err) == (0, "")
    (check,) = hub.checks.values()
    assert (check["conclusion"], check["head_sha"]) == ("success", repository.git("rev-parse", "HEAD"))
    assert hub.comments == {}
    assert summary(gate).startswith("### ✓ Runback gate")
    assert read_report((gate / ".runback/report.json").read_bytes()).exit_code == 0
    assert (gate / ".runback/report.sarif").is_file()
    url = check["html_url"]
    assert outputs() == {"verdict": "PASS", "report": ".runback/report.json", "check-url": url, "bundle": ""}
    # The check carries the annotations; commands would show each twice.
    assert "::error" not in result.out
    assert "::warning" not in result.out


def test_red(
    job: Job, gate: Path, hub: FakeGitHub, repository: Repository, outputs: Callable[[], dict[str, str]]
) -> None:
    """A changed case that fails: exit 1, a red check with an annotation, a comment that names the head."""
    change(gate / "datasets/support.yaml", "checks:", "checks:\n        - contains: no such words")
    assert job().code == 1
    (check,) = hub.checks.values()
    assert check["conclusion"] == "failure"
    assert hub.annotations[check["id"]]
    (comment,) = hub.comments.values()
    assert f"head={repository.git('rev-parse', 'HEAD')}" in comment["body"]
    assert f"[all rows]({check['html_url']})" in comment["body"]
    assert outputs()["verdict"] == "FAIL"


def test_a_fork(job: Job, gate: Path, hub: FakeGitHub, outputs: Callable[[], dict[str, str]]) -> None:
    """With a token that may only read: the same exit code, the summary, annotations as commands, and why."""
    change(gate / "datasets/support.yaml", "checks:", "checks:\n        - contains: no such words")
    result = job("eve/agent", token=READER)
    assert result.code == 1
    assert (hub.checks, hub.comments) == ({}, {})
    assert "::error file=datasets/support.yaml" in result.out
    assert result.out.count("::warning title=Runback gate::No check run: the token of a pull request from a fork") == 1
    assert "> No comment: the token of a pull request from a fork may only read." in summary(gate)
    assert outputs() == {"verdict": "FAIL", "report": ".runback/report.json", "check-url": "", "bundle": ""}


def test_neither_check_nor_comment(job: Job, hub: FakeGitHub) -> None:
    """What the workflow does not want is not made."""
    assert job(check="false", comment="false").code == 0
    assert (hub.checks, hub.comments) == ({}, {})


def test_a_gate_in_a_folder(job: Job, gate: Path, hub: FakeGitHub) -> None:
    """A gate below the root has paths from the root in its annotations, a name and a check of its own."""
    inner = gate / "services/support"
    inner.mkdir(parents=True)
    for name in ("agents", "datasets", "policies", "runback.yaml"):
        (gate / name).rename(inner / name)
    change(inner / "datasets/support.yaml", "checks:", "checks:\n        - contains: no such words")
    assert job(root="services/support", name="Support gate").code == 1
    (check,) = hub.checks.values()
    assert (check["name"], check["external_id"]) == ("Support gate", "runback-gate:support-gate:7")
    paths = {item["path"] for item in hub.annotations[check["id"]]}
    names = ("datasets/support.yaml", "policies/refunds.yaml", "runback.yaml")
    assert paths == {f"services/support/{name}" for name in names}


def test_the_log_holds_no_command_of_a_model(job: Job) -> None:
    """The table stands between marks that a model cannot guess."""
    first, second = (job().out.splitlines()[0] for _ in range(2))
    assert first.startswith("::stop-commands::")
    assert first != second
    lines = job().out.splitlines()
    assert f"::{lines[0].removeprefix('::stop-commands::')}::" in lines[1:]
