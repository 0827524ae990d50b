"""The comment: one, ours, of the newest head, and none where there is nothing to say."""

from __future__ import annotations

from typing import Any

import pytest

from runback_gate.errors import GitHubError, UnansweredError
from runback_gate.github.api import Api
from runback_gate.github.check import start_check
from runback_gate.github.comment import MAX_COMMENT, publish_comment
from runback_gate.github.event import Event
from runback_gate.github.outcome import Outcome, judged
from runback_gate.report.model import Report
from tests.github.events import HEAD, pull_request, read
from tests.github.fake import FakeGitHub, Fault
from tests.github.state import IDENTITIES, PERSON, READER, Identity

EVENT = read(pull_request())
OLD = "<!-- runback-gate:gate head=x report=none -->\nold"


def publish(api: Api, outcome: Outcome, event: Event = EVENT) -> Any:
    """Publish the comment of a gate."""
    return publish_comment(api, event, outcome, key="gate", footer="\nfoot\n")


@pytest.fixture(autouse=True)
def pull(hub: FakeGitHub) -> None:
    """The pull request that is spoken of."""
    hub.add_pull(7, HEAD)


def bodies(hub: FakeGitHub) -> list[str]:
    """What the comments say."""
    return [item["body"] for item in hub.comments.values()]


def test_red_then_green(api: Api, hub: FakeGitHub, red: Report, green: Report) -> None:
    """A red verdict is said, a green one after it is written in its place; head and report are named."""
    first = publish(api, judged(red))
    assert bodies(hub)[0].startswith(f"<!-- runback-gate:gate head={HEAD} report=sha256:")
    assert "### ✗ Runback gate: 2 failed" in bodies(hub)[0]
    assert publish(api, judged(green)).id == first.id
    assert len(bodies(hub)) == 1
    assert "### ✓ Runback gate: 2 passed" in bodies(hub)[0]
    assert bodies(hub)[0].endswith("\nfoot\n")


def test_nothing_to_say(api: Api, hub: FakeGitHub, green: Report) -> None:
    """A green verdict makes no comment of its own, and where there is no pull request there is no comment."""
    assert publish(api, judged(green)) is None
    assert publish(api, judged(green), read({}, GITHUB_EVENT_NAME="push")) is None
    assert bodies(hub) == []


def test_marker_and_author(api: Api, hub: FakeGitHub, red: Report) -> None:
    """A comment that only bears the mark is another's: it stays, and ours is written beside it."""
    theirs = hub.add_comment(7, OLD, "eve", "User")
    other = hub.add_comment(7, OLD.replace(":gate", ":gate-two"))
    publish(api, judged(red))
    assert len(bodies(hub)) == 3
    assert hub.comments[theirs]["body"] == OLD
    assert "gate-two" in hub.comments[other]["body"]


@pytest.mark.parametrize("check", [True, False])
def test_the_token_of_an_app(
    hub: FakeGitHub, red: Report, green: Report, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    """An app may not ask who it is: its one comment is brought up to date, and those of people are left alone."""
    monkeypatch.setitem(IDENTITIES, "token-of-app", Identity("my-gate[bot]"))
    api = Api(hub.url, hub.repository, "token-of-app", sleep=hub.sleep)
    planted = hub.add_comment(7, OLD, "my-gate", "User")
    author = start_check(api, EVENT, name="gate", key="gate").author if check else ""
    assert author == ("my-gate[bot]" if check else "")
    for report in (red, red, green):
        publish_comment(api, EVENT, judged(report), key="gate", footer=str(hub.count("PATCH")), author=author)
    assert [item["user"]["login"] for item in hub.comments.values()] == ["my-gate", "my-gate[bot]"]
    assert hub.comments[planted]["body"] == OLD
    assert "### ✓ Runback gate: 2 passed" in bodies(hub)[1]


def test_a_person(hub: FakeGitHub, red: Report) -> None:
    """With a token of a person the comment is that person's."""
    hub.add_comment(7, OLD)
    api = Api(hub.url, hub.repository, PERSON, sleep=hub.sleep)
    made = publish(api, judged(red))
    assert hub.comments[made.id]["user"]["login"] == "ada"
    assert publish(api, judged(red)) == made
    assert hub.count("PATCH") == 0


def test_duplicates(api: Api, hub: FakeGitHub, red: Report) -> None:
    """Of several, on whatever page, the oldest is written anew and the others go."""
    for turn in range(150):
        hub.add_comment(7, f"talk {turn}", "ada", "User")
    first, *_ = [hub.add_comment(7, OLD) for _ in range(3)]
    assert publish(api, judged(red)).id == first
    assert sum("runback-gate:gate" in body for body in bodies(hub)) == 1


@pytest.mark.parametrize("applied", [True, False])
def test_one_comment_whatever_is_lost(api: Api, hub: FakeGitHub, red: Report, applied: bool) -> None:
    """A POST whose answer was lost leaves one comment, whether or not it was done."""
    hub.faults = [Fault("POST", "comments", 502, applied=applied)]
    assert publish(api, judged(red)).id in hub.comments
    assert len(bodies(hub)) == 1


def test_a_comment_that_is_never_answered(api: Api, hub: FakeGitHub, red: Report) -> None:
    """A server that never answers is given up."""
    hub.faults = [Fault("POST", "comments", 502) for _ in range(4)]
    with pytest.raises(UnansweredError):
        publish(api, judged(red))


def test_a_newer_head(api: Api, hub: FakeGitHub, red: Report) -> None:
    """A run that was overtaken does not write over what the newer one said."""
    hub.add_pull(7, "2" * 40)
    hub.add_comment(7, OLD)
    assert publish(api, judged(red)) is None
    assert bodies(hub) == [OLD]


def test_limit(api: Api, hub: FakeGitHub, many: Report) -> None:
    """250 red rows make a comment of the size of a screen or two, with its foot."""
    publish(api, judged(many))
    assert len(bodies(hub)[0].encode()) <= MAX_COMMENT
    assert bodies(hub)[0].endswith("\nfoot\n")


def test_a_token_that_may_only_read(hub: FakeGitHub, red: Report) -> None:
    """The pull request of a fork gets no comment, and an error with the status."""
    with pytest.raises(GitHubError) as caught:
        publish(Api(hub.url, hub.repository, READER, sleep=hub.sleep), judged(red))
    assert caught.value.status == 403


def test_an_outage_is_no_bot(api: Api, hub: FakeGitHub, red: Report) -> None:
    """Who cannot be asked who they are is not taken for the bot."""
    hub.faults = [Fault("GET", "/user", 401)]
    with pytest.raises(GitHubError, match="401"):
        publish(api, judged(red))
