"""What a job is about, as the runner says it, and what is no such thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import InputError
from runback_gate.github.event import EVENTS, Event, check_sha, read_event
from tests.github.events import BASE, ENVIRON, HEAD, MERGE, pull_request, read

DOCUMENTED = {
    # https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
    "branch_protection_rule": "branch",
    "check_run": "branch",
    "check_suite": "branch",
    "create": "branch",
    "delete": "branch",
    "deployment": "branch",
    "deployment_status": "branch",
    "discussion": "branch",
    "discussion_comment": "branch",
    "fork": "branch",
    "gollum": "branch",
    "image_version": "branch",
    "issue_comment": "branch",
    "issues": "branch",
    "label": "branch",
    "merge_group": "queue",
    "milestone": "branch",
    "page_build": "branch",
    "public": "branch",
    "pull_request": "merge",
    "pull_request_comment": None,
    "pull_request_review": "merge",
    "pull_request_review_comment": "merge",
    "pull_request_target": "target",
    "push": "branch",
    "registry_package": "branch",
    "release": "branch",
    "repository_dispatch": "branch",
    "schedule": "branch",
    "status": "branch",
    "watch": "branch",
    "workflow_call": None,
    "workflow_dispatch": "branch",
    "workflow_run": "run",
    # GitHub Enterprise Server still sends them.
    "project": "branch",
    "project_card": "branch",
    "project_column": "branch",
}
"""Every event that GitHub documents, and what it is about; None for a name that no job sees."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_event(name: str) -> None:
    """An event is about a change, which has a base, or about a branch, or is refused by its name."""
    run = {"event": "pull_request", "head_sha": HEAD, "head_branch": "topic", "head_repository": None}
    group = {"head_sha": HEAD, "base_sha": BASE, "base_ref": "refs/heads/main"}
    value = {**pull_request(), "workflow_run": run, "merge_group": group}
    about = DOCUMENTED[name]
    if about is None:
        with pytest.raises(InputError, match=f"the event `{name}` is not known"):
            read(value, GITHUB_EVENT_NAME=name)
        return
    event = read(value, GITHUB_EVENT_NAME=name)
    assert event.about == about
    assert event.head == (MERGE if about == "branch" else HEAD)
    assert event.base == (BASE if about in ("merge", "target", "queue") else None)
    assert event.pull == (7 if about in ("merge", "target") else None)
    assert event.trusted == (about in ("target", "run"))


def test_no_event_is_known_that_is_not_documented() -> None:
    """The table of the code is that of the documentation."""
    assert {name: about for name, about in DOCUMENTED.items() if about} == EVENTS


@given(st.from_regex(r"[a-z_]{1,50}", fullmatch=True))
def test_any_other_event_is_refused_by_name(name: str) -> None:
    """What GitHub may invent is not taken for a push."""
    if name not in EVENTS:
        with pytest.raises(InputError, match=f"the event `{name}` is not known"):
            read(pull_request(), GITHUB_EVENT_NAME=name)


def test_a_comment_on_a_pull_request() -> None:
    """It runs on the default branch, and says none of the pull request's commits."""
    value = {"issue": {"number": 7, "pull_request": {"url": "x"}}}
    for name in ("issue_comment", "issues"):
        with pytest.raises(InputError, match="does not say which commit is meant"):
            read(value, GITHUB_EVENT_NAME=name)
    assert read({"issue": {"number": 7}}, GITHUB_EVENT_NAME="issue_comment").about == "branch"


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
def test_a_pull_request(name: str) -> None:
    """A pull request has a head, a base and a number; the root of the API loses its last slash."""
    event = read(pull_request(), GITHUB_EVENT_NAME=name)
    assert event == Event(
        name=name,
        repository="acme/agent",
        api_url="https://ghe.example/api/v3",
        web_url="https://ghe.example",
        sha=MERGE,
        head=HEAD,
        base=BASE,
        base_branch="main",
        pull=7,
        head_repository="acme/agent",
        head_branch="topic",
        ref="refs/pull/7/merge",
        default_branch="",
        private=False,
        run_id="77",
        attempt="2",
    )
    assert not event.fork
    assert event.trusted == (name == "pull_request_target")
    assert event.run_url == "https://ghe.example/acme/agent/actions/runs/77"


@pytest.mark.parametrize("source", ["eve/agent", None])
def test_a_fork(source: str | None) -> None:
    """A head in another repository, or in one that was deleted, is a fork."""
    assert read(pull_request(source)).fork


def test_case_of_a_repository_does_not_make_a_fork() -> None:
    """GitHub's names of owners and repositories have no case."""
    assert not read(pull_request("Acme/Agent")).fork


def test_a_merge_group() -> None:
    """A merge queue has a head and a base and no pull request."""
    event = read(
        {"merge_group": {"head_sha": HEAD, "base_sha": BASE, "base_ref": "refs/heads/main"}},
        GITHUB_EVENT_NAME="merge_group",
    )
    assert (event.head, event.base, event.pull, event.fork, event.private) == (HEAD, BASE, None, False, True)
    assert event.base_branch == "main"


def test_a_workflow_run() -> None:
    """A workflow run that a pull request started has the head and its repository; the number is looked up later."""
    run = {"event": "pull_request", "head_sha": HEAD, "head_branch": "topic", "head_repository": {"full_name": "e/a"}}
    event = read({"workflow_run": run}, GITHUB_EVENT_NAME="workflow_run")
    assert (event.head, event.base, event.pull, event.fork, event.trusted) == (HEAD, None, None, True, True)
    assert (event.head_repository, event.head_branch) == ("e/a", "topic")
    with pytest.raises(InputError, match="started by 'push'"):
        read({"workflow_run": {**run, "event": "push"}}, GITHUB_EVENT_NAME="workflow_run")


@pytest.mark.parametrize("name", ["push", "workflow_dispatch", "schedule"])
def test_a_push(name: str) -> None:
    """Everything else is judged as it stands: head is the commit that runs, and there is no base."""
    event = read({}, GITHUB_EVENT_NAME=name)
    assert (event.head, event.base, event.pull) == (MERGE, None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GITHUB_EVENT_NAME": ""}, "GITHUB_EVENT_NAME is not set"),
        ({"GITHUB_EVENT_NAME": "Pull Request"}, "is not what GitHub sets"),
        ({"GITHUB_REPOSITORY": "acme"}, "GITHUB_REPOSITORY"),
        ({"GITHUB_REPOSITORY": "acme/a/../b"}, "GITHUB_REPOSITORY"),
        ({"GITHUB_SHA": "main"}, "GITHUB_SHA"),
        ({"GITHUB_SHA": "A" * 40}, "GITHUB_SHA"),
        ({"GITHUB_RUN_ID": "0"}, "GITHUB_RUN_ID"),
        ({"GITHUB_RUN_ATTEMPT": "2\n"}, "GITHUB_RUN_ATTEMPT"),
        ({"GITHUB_API_URL": "http://ghe.example"}, "not the https URL"),
        ({"GITHUB_API_URL": "https://me@ghe.example"}, "not the https URL"),
        ({"GITHUB_API_URL": "https://ghe.example:port"}, "is not a URL"),
        ({"GITHUB_API_URL": "https://ghe.example?x=1"}, "not the https URL"),
        ({"GITHUB_API_URL": "https://"}, "not the https URL"),
        ({"GITHUB_SERVER_URL": "file:///etc"}, "not the https URL"),
    ],
)
def test_variables_are_checked(changes: dict[str, str], words: str) -> None:
    """A variable that the runner would not set so is refused by name."""
    with pytest.raises(InputError, match=words):
        read(pull_request(), **changes)


def test_servers() -> None:
    """Without variables it is github.com; plain HTTP goes to this machine alone."""
    event = read(pull_request(), GITHUB_API_URL="", GITHUB_SERVER_URL="")
    assert (event.api_url, event.web_url) == ("https://api.github.com", "https://github.com")
    assert read(pull_request(), GITHUB_API_URL="http://127.0.0.1:80").api_url == "http://127.0.0.1:80"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "pull_request.head.sha is missing"),
        ({"pull_request": None}, "pull_request.head.sha is missing"),
        (pull_request(head={"sha": "main"}), "not the full SHA of a commit"),
        (pull_request(number="7"), "pull_request.number is missing"),
        (pull_request(number=True), "pull_request.number is missing"),
        (pull_request(number=0), "pull_request.number is missing"),
        (pull_request("a b/c"), "is no repository"),
        (pull_request(head={"sha": HEAD, "ref": "x" * 1001, "repo": None}), "head.ref is missing, or is no text"),
        (pull_request(base={"sha": BASE, "ref": "main", "repo": {"full_name": "acme/other"}}), "not of acme/agent"),
    ],
)
def test_fields_are_checked(value: object, words: str) -> None:
    """A field that is missing or of another type is refused by name."""
    with pytest.raises(InputError, match=words):
        read(value)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are an event or an error of ours."""
    try:
        read_event(data, ENVIRON)
    except InputError as error:
        assert str(error)


def test_too_large() -> None:
    """A file larger than any event is not parsed."""
    with pytest.raises(InputError, match="larger than"):
        read_event(b" " * ((25 << 20) + 1), ENVIRON)


def test_a_sha() -> None:
    """Only a full name of a commit is one."""
    assert check_sha(HEAD, "input approve") == HEAD
    for text in ("main", HEAD[:7], HEAD + "\n"):
        with pytest.raises(InputError, match="input approve: not the full SHA"):
            check_sha(text, "input approve")
