"""A pull request from its first push to green: what blocks it, what it is told, and what it costs to be told twice."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
import yaml

from runback_gate.report.model import read_report
from runback_gate.testing import sample_call, sample_case, sample_step, write_gate
from tests.e2e.conftest import ROOT, Open, PullRequest, kill
from tests.github.contract import LIMITS
from tests.github.fake import FakeGitHub
from tests.github.state import READER
from tests.report.inert import assert_inert
from tests.report.reports import PAYLOADS

pytestmark = pytest.mark.e2e

PAYS = "disputed-charge-escalates"
WRITTEN = [text for text in PAYLOADS if text.isprintable() and 0 < len(text) < 1000]


def with_answers(pull: PullRequest) -> PullRequest:
    """Give the jobs the earlier answers of the demo, where no change can put any."""
    shutil.copytree(ROOT / "datasets/answers", pull.home / "answers")
    return pull


def break_prompt(pull: PullRequest) -> str:
    """Push a prompt that makes the agent pay at once."""
    shutil.copy(ROOT / "agents/changed/support.md", pull.path / "agents/support.md")
    return pull.push("be generous")


def fix_prompt(pull: PullRequest) -> str:
    """Push the prompt as it was."""
    shutil.copy(ROOT / "agents/support.md", pull.path / "agents/support.md")
    return pull.push("be careful")


def test_a_prompt_blocks_and_its_fix_does_not(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A changed prompt turns one row red and blocks; the fix turns it green, in the same check and comment."""
    pull = with_answers(open_pull_request())
    red = break_prompt(pull)
    done = pull.run(red, cache="answers")
    assert (done.code, done.outputs["verdict"]) == (1, "FAIL"), done.log
    (check,) = pull.checks(red)
    assert (check["status"], check["conclusion"]) == ("completed", "failure")
    assert check["output"]["summary"].count("🔴") == 1
    assert f"`{PAYS}`" in check["output"]["summary"]
    assert done.outputs["check-url"] == check["html_url"]
    # On the changed prompt, and on the line of the rule that broke.
    assert [item["path"] for item in hub.annotations[check["id"]]] == ["agents/support.md", "policies/refunds.yaml"]
    assert "changed `agents/support.md`" in check["output"]["summary"]
    (comment,) = hub.comments.values()
    assert f"head={red}" in comment["body"]
    assert "🔴" in comment["body"]

    green = fix_prompt(pull)
    done = pull.run(green, cache="answers")
    assert (done.code, done.outputs["verdict"]) == (0, "PASS"), done.log
    (after,) = pull.checks(green)
    assert (after["conclusion"], after["external_id"]) == ("success", check["external_id"])
    assert list(hub.comments) == [comment["id"]]
    assert f"head={green}" in comment["body"]
    assert "🔴" not in comment["body"]
    assert len(hub.checks) == 2


def test_the_same_head_again(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A job that runs again on the same head changes the check and the comment that are there."""
    pull = open_pull_request()
    head = break_prompt(pull)
    assert pull.run(head).code == 2
    (check,) = pull.checks(head)
    assert check["output"]["title"].startswith("No verdict")
    with_answers(pull)
    assert pull.run(head, cache="answers").code == 1
    assert list(hub.checks) == [check["id"]]
    assert len(hub.comments) == 1
    assert check["output"]["title"].startswith("1 ")


def test_a_fork(open_pull_request: Open, hub: FakeGitHub) -> None:
    """The pull request of a fork gets its verdict without a right to write, and is told what is missing."""
    pull = with_answers(open_pull_request(source="eve/agent"))
    done = pull.run(break_prompt(pull), cache="answers", token=READER)
    assert done.code == 1
    assert "🔴" in done.summary
    assert "::error file=policies/refunds.yaml" in done.log
    assert "the token of a pull request from a fork may only read" in done.summary
    assert pull.run(fix_prompt(pull), cache="answers", token=READER).code == 0
    assert (hub.checks, hub.comments) == ({}, {})


def test_a_fork_finished_by_a_trusted_job(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A job with the rights of the base reads the head of a fork as data and publishes the verdict."""
    pull = with_answers(open_pull_request(source="eve/agent"))
    head = break_prompt(pull)
    merge = pull.repository.merge(pull.base, head)
    pull.repository.checkout(head)
    hub.before = lambda _method, _path: hub.pulls[7].update(merge_commit_sha=merge)
    done = pull.run(head, event="pull_request_target", cache="answers")
    assert done.code == 1, done.log
    (check,) = pull.checks(head)
    assert check["conclusion"] == "failure"
    assert len(hub.comments) == 1


def test_killed_after_the_check_was_made(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A job that was killed between the check and the verdict, and runs again, leaves one check and one comment."""
    pull = with_answers(open_pull_request())
    head = break_prompt(pull)
    reached, go_on = threading.Event(), threading.Event()

    def hold(_method: str, path: str) -> None:
        if "/git/trees/" in path:
            reached.set()
            go_on.wait(60)

    hub.before = hold
    process, _ = pull.start(head, cache="answers")
    assert reached.wait(60)
    kill(process)
    hub.before = lambda _method, _path: None
    go_on.set()
    assert [check["status"] for check in hub.checks.values()] == ["in_progress"]
    assert pull.run(head, cache="answers").code == 1
    assert [check["conclusion"] for check in hub.checks.values()] == ["failure"]
    assert len(hub.comments) == 1


def hostile_gate(path: Path) -> None:
    """500 cases whose answers attack every surface, and that fail."""
    texts = [text[:4000] or "empty" for text in PAYLOADS]
    cases = [
        sample_case(
            f"case-{number:03}",
            sample_step(sample_call("issue_refund", amount=250), text=texts[number % len(texts)] + f" {number}"),
            {"notContains": str(number)},
            # What a file says, YAML has its own rules for: no control characters.
            why=WRITTEN[number % len(WRITTEN)],
        )
        for number in range(500)
    ]
    write_gate(path, [KEPT, *cases])


KEPT = sample_case("kept", sample_step(sample_call("escalate")), {"toolCalled": "escalate"})


def test_500_hostile_rows(open_pull_request: Open, hub: FakeGitHub) -> None:
    """500 red rows of hostile text are posted within the limits, and nothing in them is alive."""
    pull = open_pull_request(lambda path: write_gate(path, [KEPT]))
    hostile_gate(pull.path)
    head = pull.push("many cases")
    done = pull.run(head)
    assert done.code == 1, done.log[-2000:]
    (check,) = pull.checks(head)
    summary = check["output"]["summary"]
    assert len(summary.encode()) <= LIMITS["summary"]
    assert "are not shown here" in summary
    assert_inert(summary.rpartition("\nhead ")[0])
    (comment,) = hub.comments.values()
    assert len(comment["body"].encode()) <= LIMITS["body"]
    assert len(done.summary.encode()) <= 1_000_000
    assert len(hub.annotations[check["id"]]) == 500
    assert all(
        len(seen.body["output"].get("annotations", [])) <= 50
        for seen in hub.log
        if seen.method == "PATCH" and seen.body and "output" in seen.body
    )
    # Between the marks the runner takes nothing for a command, and behind them there is none of a model's.
    lines = done.log.splitlines()
    # A slow machine shows progress first.
    (mark,) = [line.removeprefix("::stop-commands::") for line in lines if line.startswith("::stop-commands::")]
    behind = lines[lines.index(f"::{mark}::") + 1 :]
    assert [line for line in behind if line.startswith("::") and "title=Runback gate" not in line] == []
    assert len(read_report(pull.report()).rows) == 501


def loosen(pull: PullRequest) -> str:
    """Push a policy that lets more money go."""
    policy = pull.path / "policies/refunds.yaml"
    policy.write_text(policy.read_text("utf-8").replace("limit: 100", "limit: 500"), "utf-8")
    return pull.push("customers first")


def test_loosening_needs_an_approval_of_this_head(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A pull request that loosens `refunds.limit` is red as weakening; only an approval of this very head turns it."""
    pull = open_pull_request()
    head = loosen(pull)
    done = pull.run(head)
    assert done.code == 1, done.log
    (check,) = pull.checks(head)
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith("1 weakening")
    assert f"against main@&#8203;{pull.base[:7]}" in check["output"]["summary"]
    assert "policies/refunds.yaml" in {item["path"] for item in hub.annotations[check["id"]]}

    done = pull.run(head, approve=pull.base)
    assert done.code == 1
    assert "not approved: the approval names" in done.summary

    done = pull.run(head, approve=head)
    assert (done.code, done.outputs["verdict"]) == (0, "PASS"), done.log
    assert check["conclusion"] == "success"
    assert list(hub.checks) == [check["id"]]
    assert len(hub.comments) == 1

    later = pull.push("and now something else")
    assert pull.run(later, approve=head).code == 1


def test_parts(open_pull_request: Open, hub: FakeGitHub) -> None:
    """Three jobs judge a part each and say nothing; the fourth joins them, says what one job would have said."""
    pull = with_answers(open_pull_request())
    head = break_prompt(pull)
    found = {}
    for part in ("1", "2", "3"):
        done = pull.run(head, cache="answers", shard=f"{part}/3", report=f"part-{part}")
        assert done.outputs["report"] == f"part-{part}/report.json", done.log
        found[f"parts/part-{part}/report.json"] = pull.report(f"part-{part}")
    assert (hub.checks, hub.comments) == ({}, {})

    pull.artifacts = found
    done = pull.run(head, merge="parts")
    assert done.code == 1, done.log
    (check,) = pull.checks(head)
    assert check["output"]["title"].startswith("1 regressed")
    assert len(hub.comments) == 1
    joined = pull.report()
    pull.artifacts = {}
    pull.run(head, cache="answers")
    assert pull.report() == joined

    pull.artifacts = {name: data for name, data in found.items() if "part-2" not in name}
    done = pull.run(head, merge="parts")
    assert done.code == 2
    assert "not every part once: 1/3, 3/3" in done.log

    pull.artifacts = found
    done = pull.run(fix_prompt(pull), merge="parts")
    assert done.code == 2
    assert "the parts are of" in done.log


def test_loosening_shows_what_it_newly_permits(open_pull_request: Open, hub: FakeGitHub) -> None:
    """A looser `refunds.limit` names the recorded steps that it lets pass, with the values that flipped."""

    def make(path: Path) -> None:
        paid = sample_case("paid-at-once", sample_step(sample_call("issue_refund", amount=250)), {"noError": True})
        write_gate(path, [KEPT, paid])

    pull = open_pull_request(make)
    policy = pull.path / "policies/refunds.yaml"
    policy.write_text(policy.read_text("utf-8").replace("100", "500"), "utf-8")
    head = pull.push("customers first")
    done = pull.run(head)
    assert done.code == 1, done.log
    (check,) = pull.checks(head)
    (comment,) = hub.comments.values()
    for text in (check["output"]["summary"], comment["body"], done.summary):
        assert "**newly permitted** on 1 recorded step" in text
        assert "250 <= 100 false → 250 <= 500 true" in text


def test_our_own_workflow_fails_where_it_should(open_pull_request: Open) -> None:
    """The cases of .github/workflows/gate.yml that must not pass come to the verdicts that it expects."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/gate.yml").read_text("utf-8"))
    wrong = workflow["jobs"]["wrong"]
    (judge,) = [step for step in wrong["steps"] if step.get("uses") == "./"]
    pull = with_answers(open_pull_request())
    head = pull.push("nothing")
    for case in wrong["strategy"]["matrix"]["include"]:
        done = pull.run(head, **judge["with"] | {"cache": case["answers"]})
        assert (done.code != 0, done.outputs["verdict"]) == (True, case["verdict"]), done.log
    assert pull.run(head).outputs["verdict"] == "PASS"
