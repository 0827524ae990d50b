"""What `action` judges: the commit of the event against its base, whatever lies in the workspace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.judge import JudgeOptions
from tests.cli.action.conftest import Job, summary
from tests.cli.conftest import change
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository

pytestmark = pytest.mark.integration


def test_no_token(job: Job, hub: FakeGitHub) -> None:
    """Without a token nothing is asked of GitHub, so no commit can be read and nothing is judged."""
    for event in ("push", "pull_request"):
        result = job(token="", GITHUB_EVENT_NAME=event)
        assert result.code == 2
        assert "No token was given" in result.out
        assert "without a token the commit cannot be read" in result.out
    assert hub.log == []


def test_the_default_branch(job: Job, gate: Path) -> None:
    """A push to the default branch is judged by its own rules."""
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    assert job(GITHUB_EVENT_NAME="push").code == 0


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "deployment", "create"])
def test_another_branch(job: Job, gate: Path, hub: FakeGitHub, repository: Repository, event: str) -> None:
    """Any other branch is held against the default branch: its check would stand on the head of a pull request."""
    repository.git("checkout", "--quiet", "-b", "topic")
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    result = job(GITHUB_EVENT_NAME=event, GITHUB_REF="refs/heads/topic")
    assert result.code == 1
    (check,) = hub.checks.values()
    assert check["output"]["title"].startswith("1 weakening")


@pytest.mark.parametrize("what", ["another commit", "files that are edited", "nothing", "no repository", "packed refs"])
def test_the_commit_is_judged_whatever_lies_in_the_workspace(
    job: Job, gate: Path, hub: FakeGitHub, repository: Repository, tmp_path: Path, what: str
) -> None:
    """A checkout saves requests and decides nothing."""
    base = repository.git("rev-parse", "HEAD")
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    head = repository.commit("head")
    shutil.copytree(gate, tmp_path / "kept")
    hub.git = tmp_path / "kept"
    if what == "another commit":
        repository.checkout(base)
    elif what == "files that are edited":
        change(gate / "policies/refunds.yaml", "limit: 500", "limit: 100")
    elif what == "nothing":
        for name in ("agents", "datasets", "policies", ".git"):
            shutil.rmtree(gate / name)
    elif what == "no repository":
        shutil.rmtree(gate / ".git")
    else:
        repository.git("checkout", "--quiet", "-b", "topic")
        repository.git("pack-refs", "--all")
    assert job(head=head).code == 1
    (check,) = hub.checks.values()
    assert check["output"]["title"].startswith("1 weakening")


def test_earlier_answers(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are read below HOME, which no file of the repository reaches; models are asked on request."""
    seen: list[Any] = []

    def judge(_root: Path, options: JudgeOptions, **_: object) -> None:
        seen.append((options.cache, options.live.live))
        raise SystemExit(0)

    monkeypatch.setattr("runback_gate.app.pull_request.judge", judge)
    job(cache="answers", HOME="/github/home")
    job(HOME="/github/home", live="true")
    assert seen == [(Path("/github/home/answers"), False), (None, True)]


def test_a_head_that_is_data(job: Job, gate: Path, hub: FakeGitHub, repository: Repository) -> None:
    """A job with the rights of the base judges the head from the API, whatever lies in the workspace."""
    base = repository.git("rev-parse", "HEAD")
    change(gate / "datasets/support.yaml", "checks:", "checks:\n        - contains: no such words")
    head = repository.commit("head")
    merge = repository.merge(base, head)
    repository.checkout(base)
    hub.before = lambda _method, _path: hub.pulls[7].update(merge_commit_sha=merge)
    assert job(head=head, GITHUB_EVENT_NAME="pull_request_target", GITHUB_SHA=base).code == 1
    (check,) = hub.checks.values()
    assert (check["head_sha"], check["conclusion"]) == (head, "failure")
    assert len(hub.comments) == 1
    result = job(head=head, merge="parts", GITHUB_EVENT_NAME="pull_request_target", GITHUB_SHA=base)
    assert result.code == 2
    assert "reports of other jobs are not trusted" in result.out


def test_approval(job: Job, gate: Path, hub: FakeGitHub, repository: Repository) -> None:
    """A weakening passes with an approval of this head; one of another head counts for nothing, and that is said."""
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    head = repository.commit("head")
    assert job(head=head, approve="1" * 40).code == 1
    assert "not approved: the approval names 1111111" in summary(gate)
    assert job(head=head, approve=head).code == 0
    (check,) = hub.checks.values()
    assert check["conclusion"] == "success"


def test_parts(job: Job, gate: Path, hub: FakeGitHub) -> None:
    """Parts say nothing to GitHub; the job that joins them does, with or without a base."""
    for name in ("push", "pull_request"):
        hub.checks.clear()
        head = ""
        for part in ("1/2", "2/2"):
            assert job(head=head, GITHUB_EVENT_NAME=name, shard=part, report=f"parts/{part[0]}").code in (0, 2)
            head = json.loads((gate / "parts/1/report.json").read_bytes())["head"]["commit"]
        assert (hub.checks, hub.comments) == ({}, {})
        result = job(head=head, GITHUB_EVENT_NAME=name, merge="parts")
        assert result.code == 0, result
        assert [check["conclusion"] for check in hub.checks.values()] == ["success"]


def test_parts_of_another_commit(job: Job, gate: Path, repository: Repository) -> None:
    """Parts of another commit are not joined in this one's name; nor is a folder without any."""
    assert job(report="parts/1", GITHUB_EVENT_NAME="push").code == 0
    assert "not a part of a run" in job(merge="parts", GITHUB_EVENT_NAME="push").out
    head = repository.commit("another")
    for part in ("1/2", "2/2"):
        job(head=head, GITHUB_EVENT_NAME="push", shard=part, report=f"parts/{part[0]}")
    result = job(GITHUB_EVENT_NAME="push", merge="parts")
    assert result.code == 2
    assert "the parts are of" in result.out
    for part in ("1", "2"):
        (gate / f"parts/{part}/report.json").unlink()
    assert "not a part of a run" in job(merge="parts", GITHUB_EVENT_NAME="push").out


def test_a_merge_queue(job: Job, gate: Path, hub: FakeGitHub) -> None:
    """A group of a merge queue is judged by the base that it is queued on: a check run on it, and no comment."""
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    assert job(GITHUB_EVENT_NAME="merge_group").code == 1
    (check,) = hub.checks.values()
    assert (check["external_id"], check["conclusion"]) == ("runback-gate:runback-gate:merge_group", "failure")
    assert check["output"]["title"].startswith("1 weakening")
    assert hub.comments == {}
