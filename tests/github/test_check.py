"""The check run: one for each head, within GitHub's limits, whatever happens on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from runback_gate.errors import DocumentError, GitHubError, Location, RunbackError, UnansweredError
from runback_gate.gate.verdict import Verdict
from runback_gate.github.api import Api
from runback_gate.github.check import MAX_ANNOTATIONS, MAX_SUMMARY, cancel_check, finish_check, start_check
from runback_gate.github.event import Event
from runback_gate.github.outcome import judged, not_judged
from runback_gate.report.model import Report
from tests.github.events import HEAD, pull_request, read
from tests.github.fake import FakeGitHub, Fault
from tests.github.state import READER
from tests.report.inert import assert_inert

EVENT = read(pull_request())
CONCLUDED = Fault("PATCH", "check-runs", 200, applied=True)
"""No fault: it lets the first request pass, so that the next fault meets the second."""


def start(api: Api, event: Event = EVENT) -> Any:
    """The check of a head."""
    return start_check(api, event, name="Runback gate", key="runback-gate")


def only(hub: FakeGitHub) -> dict[str, Any]:
    """The one check run that there is."""
    (check,) = hub.checks.values()
    return check


def test_green_and_red(api: Api, hub: FakeGitHub, green: Report, red: Report) -> None:
    """It is in progress first, then a success or a failure with the table; the same run throughout."""
    check = start(api)
    assert only(hub)["status"] == "in_progress"
    assert only(hub)["details_url"] == EVENT.run_url
    finish_check(api, check, judged(red), "\nfoot\n")
    assert (only(hub)["status"], only(hub)["conclusion"], only(hub)["head_sha"]) == ("completed", "failure", HEAD)
    assert only(hub)["output"]["title"] == "2 failed · 2 undecided · 1 warned · 1 waived · 9 passed"
    assert only(hub)["output"]["summary"].startswith("### ✗ Runback gate")
    assert only(hub)["output"]["summary"].endswith("\nfoot\n")
    again = start(api)
    assert again.id == check.id
    finish_check(api, again, judged(green))
    assert only(hub)["conclusion"] == "success"


def test_annotations_stand_on_their_lines(api: Api, hub: FakeGitHub, red: Report) -> None:
    """Each red row is on the line of the rule or of the case, counted from the root of the repository."""
    finish_check(api, start(api), judged(red, folder="services/support"))
    places = [(item["path"], item["start_line"], item["annotation_level"]) for item in hub.annotations[only(hub)["id"]]]
    assert places == [
        ("services/support/policies/refunds.yaml", 14, "failure"),
        ("services/support/waivers/pii.yaml", 3, "failure"),
        ("services/support/datasets/refunds.yaml", 12, "failure"),
        ("services/support/policies/refunds.yaml", 14, "failure"),
        ("services/support/policies/tone.yaml", 9, "warning"),
        ("services/support/policies/tone.yaml", 12, "notice"),
    ]


def test_undecided_is_a_failure(api: Api, hub: FakeGitHub, empty: Report, make: SimpleNamespace) -> None:
    """What could not be judged is never green, neutral or skipped, and its title says that there is no verdict."""
    for report in (empty, make.report([make.row("a", Verdict.UNDECIDED)])):
        finish_check(api, start(api), judged(report))
        assert only(hub)["conclusion"] == "failure"
        assert only(hub)["output"]["title"].startswith("No verdict: ")


def test_an_error_is_a_failure(api: Api, hub: FakeGitHub) -> None:
    """An error that ended the run stands on its line, with its hint, and nothing in it is alive."""
    error = DocumentError("no `x` @acme", hint="say <b>y</b>", location=Location("runback.yaml", 3, 1))
    finish_check(api, start(api), not_judged(error, folder="a"))
    assert only(hub)["conclusion"] == "failure"
    assert only(hub)["output"]["title"] == "No verdict: runback.yaml:3:1: no `x` @acme (say <b>y</b>)"
    assert "@&#8203;acme" in only(hub)["output"]["summary"]
    assert "<b>" not in only(hub)["output"]["summary"]
    assert [item["path"] for item in hub.annotations[only(hub)["id"]]] == ["a/runback.yaml"]
    assert not_judged(RunbackError("x")).annotations[0].location is None
    assert not_judged(RunbackError("x")).markdown(30) == "### ? Runback gate: no verd…"


@pytest.mark.slow
def test_limits(api: Api, hub: FakeGitHub, huge: Report) -> None:
    """2,000 red rows fit: the summary is cut with words, annotations go in batches, and the rest is counted."""
    finish_check(api, start(api), judged(huge), "\nfoot\n")
    summary = only(hub)["output"]["summary"]
    assert MAX_SUMMARY - 1000 < len(summary.encode()) <= MAX_SUMMARY
    assert "rows that do not pass are not shown here" in summary
    assert summary.endswith("\nfoot\n")
    assert len(hub.annotations[only(hub)["id"]]) == MAX_ANNOTATIONS or "more annotations" not in summary
    assert hub.count("PATCH") <= 11


def rows(make: SimpleNamespace, number: int, offset: int = 0) -> Report:
    """A report with red rows on lines of their own."""
    report: Report = make.report(
        [
            make.row(f"c{line}", Verdict.FAIL, location=Location("d.yaml", line))
            for line in range(offset + 1, offset + number + 1)
        ]
    )
    return report


def test_batches(api: Api, hub: FakeGitHub, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit, here 120, annotations are counted; those within it go fifty in a request."""
    assert MAX_ANNOTATIONS == 500
    monkeypatch.setattr("runback_gate.github.check.MAX_ANNOTATIONS", 120)
    finish_check(api, start(api), judged(rows(make, 150)))
    assert [item["start_line"] for item in hub.annotations[only(hub)["id"]]] == list(range(1, 121))
    assert "30 more annotations are not shown." in only(hub)["output"]["summary"]
    sizes = [
        len(seen.body["output"].get("annotations", [])) for seen in hub.log if seen.method == "PATCH" and seen.body
    ]
    assert sizes == [0, 50, 50, 20]


@pytest.mark.parametrize("applied", [True, False])
def test_no_annotation_twice(api: Api, hub: FakeGitHub, make: SimpleNamespace, applied: bool) -> None:
    """After a lost answer only the annotations are sent that are not there; those of an earlier attempt are named."""
    check = start(api)
    hub.faults = [CONCLUDED, Fault("PATCH", "check-runs", 502, applied=applied)]
    finish_check(api, check, judged(rows(make, 60)))
    assert [item["start_line"] for item in hub.annotations[check.id]] == list(range(1, 61))
    finish_check(api, start(api), judged(rows(make, 60, offset=10)))
    assert sorted(item["start_line"] for item in hub.annotations[check.id]) == list(range(1, 71))
    assert "10 annotations below are of an earlier attempt" in only(hub)["output"]["summary"]


def test_annotations_that_never_arrive(api: Api, hub: FakeGitHub, make: SimpleNamespace) -> None:
    """The conclusion stands, and the error is said."""
    check = start(api)
    hub.faults = [CONCLUDED, *(Fault("PATCH", "check-runs", 502) for _ in range(4))]
    with pytest.raises(UnansweredError):
        finish_check(api, check, judged(rows(make, 2)))
    assert only(hub)["conclusion"] == "failure"


@pytest.mark.parametrize("status", [502, 0])
@pytest.mark.parametrize("applied", [True, False])
def test_one_check_whatever_is_lost(api: Api, hub: FakeGitHub, status: int, applied: bool) -> None:
    """A POST whose answer was lost leaves one check run, whether or not it was done."""
    hub.faults = [Fault("POST", "check-runs", status, applied=applied)]
    assert start(api).id == only(hub)["id"]


def test_a_check_that_is_never_answered(api: Api, hub: FakeGitHub) -> None:
    """A server that never answers is given up after four looks."""
    hub.faults = [Fault("POST", "check-runs", 502) for _ in range(4)]
    with pytest.raises(UnansweredError):
        start(api)
    assert hub.checks == {}
    assert hub.count("GET") == 4
    assert hub.slept == [1.0, 2.0, 4.0]


def test_a_killed_job(api: Api, hub: FakeGitHub, green: Report) -> None:
    """A job that was killed after the check was made, and runs again, finds it."""
    first = start(api)
    second = start(api, read(pull_request(), GITHUB_RUN_ID="78", GITHUB_RUN_ATTEMPT="1"))
    finish_check(api, second, judged(green))
    assert first.id == second.id == only(hub)["id"]


def test_others_are_left_alone(api: Api, hub: FakeGitHub) -> None:
    """A check run of the same name and another identity, of another pull request or another head, is not ours."""
    start(api)
    start(api, read(pull_request(number=8)))
    api.post("check-runs", {"name": "Runback gate", "head_sha": HEAD, "external_id": "runback-gate:other:7"})
    start(api, read(pull_request(head={"sha": "2" * 40, "ref": "t", "repo": None})))
    assert len(hub.checks) == 4
    assert start(api).id == min(hub.checks)


def test_two_jobs_at_once(api: Api, hub: FakeGitHub, red: Report, green: Report) -> None:
    """Of two check runs that two jobs made at once both say the same in the end, and one has the table."""
    first = start(api)
    identity = {"external_id": "runback-gate:runback-gate:7", "name": "Runback gate", "head_sha": HEAD}
    second = api.post("check-runs", identity)["id"]
    for report, conclusion in ((red, "failure"), (green, "success")):
        finish_check(api, start(api), judged(report))
        assert {check["conclusion"] for check in hub.checks.values()} == {conclusion}
    assert hub.checks[second]["output"]["summary"] == f"See {first.url}"
    assert hub.annotations[second] == []


def test_cancelled(api: Api, hub: FakeGitHub) -> None:
    """A job that is cancelled ends its check run as cancelled."""
    cancel_check(api, start(api))
    assert (only(hub)["status"], only(hub)["conclusion"]) == ("completed", "cancelled")


def test_a_token_that_may_only_read(hub: FakeGitHub) -> None:
    """The pull request of a fork gets no check run, and an error with GitHub's words."""
    with pytest.raises(GitHubError, match="Resource not accessible by integration"):
        start(Api(hub.url, hub.repository, READER, sleep=hub.sleep))


def test_hostile_text(api: Api, hub: FakeGitHub, hostile: Report) -> None:
    """What models and files said is taken by GitHub as it is sent, and is inert."""
    finish_check(api, start(api), judged(hostile))
    output = only(hub)["output"]
    assert_inert(output["summary"])
    sent = str(hub.annotations) + str(output)
    assert not [char for char in ("\x1b", "\u202e", "\x00", "\u200b\u200b") if char in sent]
