"""Where a job tells its outcome: a list of surfaces, each of which may fail alone."""

from __future__ import annotations

import pytest

from runback_gate.github.api import Api
from runback_gate.github.outcome import Outcome, judged
from runback_gate.github.surfaces import (
    Annotations,
    Notes,
    PublishState,
    Summary,
    Surface,
    SurfaceOptions,
    pull_surfaces,
)
from runback_gate.report.model import Report
from tests.github.events import HEAD, pull_request, read
from tests.github.fake import FakeGitHub, Fault
from tests.github.state import READER

EVENT = read(pull_request())
FORK = read(pull_request("eve/agent"))
WANTED = SurfaceOptions("Gate", "gate")


@pytest.fixture(autouse=True)
def pull(hub: FakeGitHub) -> None:
    """The pull request that is spoken of."""
    hub.add_pull(7, HEAD)


def tell(surfaces: list[Surface], state: PublishState, outcome: Outcome) -> tuple[str, str]:
    """Start and publish on these surfaces and those of the job: what the log and the summary say."""
    log: list[str] = []
    page: list[str] = []
    every = [*surfaces, Annotations(log.append, state), Notes(log.append, state), Summary(page.append, state)]
    for surface in every:
        surface.start()
    for surface in every:
        surface.publish(outcome)
    return "".join(log), "".join(page)


def test_every_surface(api: Api, hub: FakeGitHub, red: Report) -> None:
    """The check carries the annotations, so the log does not; the comment links to it."""
    state = PublishState(EVENT)
    log, page = tell(pull_surfaces(api, WANTED, state), state, judged(red))
    (check,) = hub.checks.values()
    (comment,) = hub.comments.values()
    assert check["conclusion"] == "failure"
    assert state.check_url == check["html_url"]
    assert f"[all rows]({state.check_url})" in comment["body"]
    assert log == ""
    assert "### ✗ Runback gate" in page


@pytest.mark.parametrize(("check", "comment"), [(True, False), (False, True), (False, False)])
def test_what_is_not_wanted_is_not_there(api: Api, hub: FakeGitHub, red: Report, check: bool, comment: bool) -> None:
    """Each of the two is made when it is wanted, and only then."""
    state = PublishState(EVENT)
    tell(pull_surfaces(api, SurfaceOptions("Gate", "gate", check=check, comment=comment), state), state, judged(red))
    assert (bool(hub.checks), bool(hub.comments)) == (check, comment)


def test_without_a_token(hub: FakeGitHub, red: Report) -> None:
    """Without surfaces of the pull request the job's own tell all."""
    log, page = tell([], PublishState(EVENT, ["No token was given."]), judged(red))
    assert log.startswith("::error ")
    assert log.endswith("::warning title=Runback gate::No token was given.\n")
    assert "### ✗ Runback gate" in page
    assert page.endswith("\n> No token was given.\n")
    assert hub.log == []


def test_a_token_that_may_only_read(hub: FakeGitHub, red: Report) -> None:
    """What a fork may not write is noted once for each surface, and the annotations go to the log."""
    state = PublishState(FORK)
    reader = Api(hub.url, hub.repository, READER, sleep=hub.sleep)
    log, page = tell(pull_surfaces(reader, WANTED, state), state, judged(red))
    assert [note.partition(":")[0] for note in state.notes] == ["No check run", "No comment"]
    assert all("the token of a pull request from a fork may only read" in note for note in state.notes)
    assert log.count("::warning title=Runback gate::No ") == 2
    assert "::error " in log
    assert page.count("> No ") == 2


def test_an_outage_in_between(api: Api, hub: FakeGitHub, red: Report) -> None:
    """A check run that was begun and cannot be finished counts as none: the log has the annotations."""
    hub.faults = [Fault("PATCH", "", 503) for _ in range(4)]
    state = PublishState(EVENT)
    log, _ = tell(pull_surfaces(api, WANTED, state), state, judged(red))
    assert state.check_url is None
    assert state.notes[0].startswith("No check run: PATCH check-runs/")
    assert "::error " in log


def test_a_cancelled_job(api: Api, hub: FakeGitHub) -> None:
    """A check run that was begun is ended; a surface that has begun nothing does nothing, whatever GitHub does."""
    surfaces = pull_surfaces(api, WANTED, PublishState(EVENT))
    for surface in surfaces:
        surface.cancel()
    assert hub.checks == {}
    for surface in surfaces:
        surface.start()
    hub.faults = [Fault("PATCH", "", 503) for _ in range(4)]
    for surface in surfaces:
        surface.cancel()
    hub.faults = []
    for surface in surfaces:
        surface.cancel()
    assert [check["conclusion"] for check in hub.checks.values()] == ["cancelled"]
