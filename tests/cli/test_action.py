"""`action` in a job of GitHub Actions: the verdict is the exit code, and everything else may fail alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.judge import JudgeOptions
from runback_gate.attest.bundle import read_bundle
from runback_gate.attest.statement import read_statement
from runback_gate.dsse import envelope_of
from runback_gate.errors import WriteError
from runback_gate.report.model import read_report
from tests.cli.conftest import Command, Result, change
from tests.github.fake import BOT, READER, FakeGitHub, Fault
from tests.github.repository import Repository
from tests.github.test_event import ENVIRON, pull_request

pytestmark = pytest.mark.integration

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


def test_neither_check_nor_comment(job: Job, hub: FakeGitHub) -> None:
    """What the workflow does not want is not made."""
    assert job(check="false", comment="false").code == 0
    assert (hub.checks, hub.comments) == ({}, {})


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
    result = job()
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


def test_a_merge_queue(job: Job, gate: Path, hub: FakeGitHub) -> None:
    """A group of a merge queue is judged by the base that it is queued on: a check run on it, and no comment."""
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    assert job(GITHUB_EVENT_NAME="merge_group").code == 1
    (check,) = hub.checks.values()
    assert (check["external_id"], check["conclusion"]) == ("runback-gate:runback-gate:merge_group", "failure")
    assert check["output"]["title"].startswith("1 weakening")
    assert hub.comments == {}


def test_sign(
    job: Job,
    gate: Path,
    hub: FakeGitHub,
    command: Command,
    outputs: Callable[[], dict[str, str]],
    repository: Repository,
) -> None:
    """A job of its own signs the report of an earlier one, judges nothing, and names the bundle."""
    assert command("keys", "generate", str(gate.parent / f"{gate.name}-key"), "--no-password").code == 0
    secret = (gate.parent / f"{gate.name}-key.key").read_text()
    head = repository.commit("head")
    assert job(head=head, GITHUB_EVENT_NAME="push").code == 0
    report = (gate / ".runback/report.json").read_bytes()
    asked = len(hub.log)
    result = job(head=head, GITHUB_EVENT_NAME="push", sign=".runback/report.json", key="env:GATE_KEY", GATE_KEY=secret)
    assert (result.code, result.out.split()[:2]) == (0, ["signed", "PASSED"]), result
    assert outputs() == {"bundle": ".runback/attestation.json"}
    path = ".runback/attestation.json"
    statement = read_statement(envelope_of(read_bundle((gate / path).read_bytes(), path), path).payload, path)
    assert statement.facts.commit == head
    assert (gate / ".runback/report.json").read_bytes() == report
    assert len(hub.log) == asked


@pytest.fixture
def signed(job: Job, gate: Path, command: Command, repository: Repository) -> Callable[..., Result]:
    """Signs the report of an earlier job of a push with a key."""
    assert command("keys", "generate", str(gate.parent / f"{gate.name}-key"), "--no-password").code == 0
    secret = (gate.parent / f"{gate.name}-key.key").read_text()
    head = repository.commit("head")
    assert job(head=head, GITHUB_EVENT_NAME="push").code == 0
    common = {"GITHUB_EVENT_NAME": "push", "GITHUB_ACTIONS": "true", "sign": ".runback/report.json"}

    def run(**settings: str) -> Result:
        return job(**{"head": head, **common, "key": "env:GATE_KEY", "GATE_KEY": secret, **settings})

    return run


def test_the_store_is_sent_what_was_signed(signed: Callable[..., Result], gate: Path, hub: FakeGitHub) -> None:
    """The bundle as it lies in the file, once, and only where the workflow asks for it."""
    assert signed().code == 0
    assert hub.attestations == {}
    result = signed(store="true")
    ((key, bundle),) = hub.attestations.items()
    assert (result.code, f"stored     attestation {key}" in result.out) == (0, True)
    assert bundle == json.loads((gate / ".runback/attestation.json").read_bytes())


@pytest.mark.parametrize("fault", [403, 404, 422, 502, 0])
def test_the_store_may_fail(
    signed: Callable[..., Result], hub: FakeGitHub, outputs: Callable[[], dict[str, str]], fault: int
) -> None:
    """Whatever it answers, or if nothing comes back: the bundle is signed and named, and a warning says why."""
    hub.faults.append(Fault("POST", "attestations", fault, message="no::such\nright"))
    result = signed(store="true")
    assert result.code == 0
    (warning,) = (line for line in result.out.splitlines() if line.startswith("::warning"))
    assert "Not in the attestation store: " in warning
    assert outputs() == {"bundle": ".runback/attestation.json"}
    assert (hub.attestations, hub.count("POST", "attestations")) == ({}, 1)


def test_nothing_is_stored_of_a_repository_that_may_be_private(signed: Callable[..., Result], hub: FakeGitHub) -> None:
    """Or where nobody says who may store it."""
    for settings in ({"GITHUB_ACTIONS": "false"}, {"token": ""}):
        result = signed(store="true", **settings)
        assert (result.code, "Not in the attestation store" in result.out) == (0, True)
    assert hub.attestations == {}


def test_sign_without_an_identity(job: Job, gate: Path, outputs: Callable[[], dict[str, str]]) -> None:
    """Without a key and without the identity of a job nothing is signed: exit 2, and no bundle is named."""
    assert job(GITHUB_EVENT_NAME="push").code == 0
    for settings in ({"sign": ".runback/report.json"}, {"sign": "none.json", "key": "env:NONE"}):
        result = job(GITHUB_EVENT_NAME="push", **settings)
        assert result.code == 2
        assert result.error
        assert outputs() == {}
        assert not (gate / ".runback/attestation.json").exists()
