"""`action` where something fails: everything but the verdict may fail alone, and no verdict is red."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runback_gate.errors import WriteError
from tests.cli.action.conftest import Job, summary
from tests.cli.conftest import change
from tests.github.fake import FakeGitHub, Fault
from tests.github.repository import Repository

pytestmark = pytest.mark.integration


def test_an_outage_does_not_change_the_verdict(
    job: Job, gate: Path, hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where GitHub answers nothing, the exit code is the verdict all the same, and what is missing is said."""
    monkeypatch.setattr("time.sleep", hub.sleep)
    hub.faults = [Fault("GET", path, 503) for path in ("check-runs", "pulls") for _ in range(4)]
    assert job().code == 0
    assert "No check run: GET commits/" in summary(gate)
    assert "No comment: GET pulls/7: 503" in summary(gate)
    hub.faults = [Fault("PATCH", "", 503) for _ in range(4)]
    result = job()
    assert result.code == 0
    assert "No check run: PATCH check-runs/" in summary(gate)


def test_no_verdict(job: Job, gate: Path, hub: FakeGitHub, outputs: Callable[[], dict[str, str]]) -> None:
    """A gate that cannot be read: exit 2, a red check that says that there is no verdict, and where the fault is."""
    change(gate / "runback.yaml", "kind: Gate", "kind: Gat")
    result = job()
    assert result.code == 2
    (check,) = hub.checks.values()
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith("No verdict: runback.yaml:")
    (comment,) = hub.comments.values()
    assert "Nothing was judged" in comment["body"]
    assert outputs()["verdict"] == "UNDECIDED"
    assert outputs()["report"] == ""
    assert not (gate / ".runback/report.json").exists()
    # And without a check the error is an annotation.
    assert "::error file=runback.yaml,line=" in job(check="false").out


def test_a_crash(job: Job, hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash is told like any other lack of a verdict; the trace only on request."""

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("runback_gate.app.pull_request.judge", crash)
    result = job()
    assert (result.code, result.err) == (2, "")
    (check,) = hub.checks.values()
    assert check["output"]["title"].startswith("No verdict: internal error: ZeroDivisionError: by zero")
    assert "Traceback" in job(RUNBACK_DEBUG="1").err


def test_an_old_report_is_not_todays(job: Job, gate: Path) -> None:
    """A report of an earlier run, or one that the change brings, is gone when there is no verdict."""
    assert job().code == 0
    change(gate / "runback.yaml", "kind: Gate", "kind: Gat")
    assert job().code == 2
    assert not (gate / ".runback/report.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_cancelled(job: Job, hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A job that is cancelled ends its check run as cancelled and exits 2."""

    def interrupt(*_: object, **__: object) -> None:
        # In this very thread: another one of the process could take it, and this one would wait.
        signal.raise_signal(number)

    monkeypatch.setattr("runback_gate.app.pull_request.judge", interrupt)
    # Whoever starts the tests in the background of a shell has SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = job()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.code, result.error) == (2, "interrupted")
    (check,) = hub.checks.values()
    assert check["conclusion"] == "cancelled"
    assert job(check="false").code == 2


def test_killed_and_run_again(
    job: Job, hub: FakeGitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was killed after its check was made, and runs again, leaves one check and one comment."""

    def killed(*_: object, **__: object) -> None:
        raise SystemExit(137)

    head = repository.commit("head")
    with monkeypatch.context() as patch:
        patch.setattr("runback_gate.app.pull_request.judge", killed)
        assert job(head=head).code == 137
    assert [check["status"] for check in hub.checks.values()] == ["in_progress"]
    assert job(head=head, GITHUB_RUN_ATTEMPT="3").code == 0
    assert [check["conclusion"] for check in hub.checks.values()] == ["success"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"GITHUB_EVENT_PATH": ""}, "GITHUB_EVENT_PATH is not set"),
        ({"GITHUB_EVENT_PATH": "none.json"}, "no such file"),
        ({"GITHUB_SHA": ""}, "GITHUB_SHA is not set"),
        ({"check": "maybe"}, "input check"),
        ({"root": ".."}, "input root"),
    ],
)
def test_not_in_a_job(job: Job, settings: dict[str, Any], words: str) -> None:
    """Without what a runner gives, or with an input that cannot be meant, it is exit 2 and one line."""
    result = job(**settings)
    assert result.code == 2
    assert words in result.error


def test_a_full_disk(
    job: Job, hub: FakeGitHub, outputs: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the report files cannot be written, the verdict and the check stand, and that is said."""

    def full(*_: object) -> None:
        raise WriteError("cannot be written: No space left on device")

    monkeypatch.setattr("runback_gate.app.outputs.write_lines", full)
    result = job()
    assert result.code == 0
    assert "No report files: cannot be written: No space left on device" in result.out
    assert outputs()["report"] == ""
    assert [check["conclusion"] for check in hub.checks.values()] == ["success"]
