"""Requests to GitHub: what is repeated, what is not, and what becomes of answers that are none."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Callable

import pytest

from runback_gate.errors import GitHubError, UnansweredError
from runback_gate.github.api import PER_PAGE, Api, fields, number, words
from tests.github.fake import FakeGitHub, Fault
from tests.github.state import BOT, READER, SHA

CHECK = {"name": "gate", "head_sha": SHA}


def test_reading_is_repeated(api: Api, hub: FakeGitHub) -> None:
    """A read that meets an outage, a lost connection and a limit comes through, and waits as it was told."""
    hub.add_pull(7, SHA)
    hub.faults = [
        Fault("GET", "pulls", 502),
        Fault("GET", "pulls", 0),
        Fault("GET", "pulls", 403, {"Retry-After": "5"}, "You have exceeded a secondary rate limit"),
    ]
    assert number(fields(api.get("pulls/7"), "pulls"), "number") == 7
    assert hub.slept == [1.0, 2.0, 5.0]


def test_patience_ends(api: Api, hub: FakeGitHub) -> None:
    """After four tries the error is said, with the status."""
    hub.faults = [Fault("GET", "pulls", 503) for _ in range(4)]
    with pytest.raises(GitHubError, match="GET pulls/7: 503 Server Error") as caught:
        api.get("pulls/7")
    assert caught.value.status == 503
    assert hub.count("GET") == 4


def test_no_answer_at_all(hub: FakeGitHub) -> None:
    """A server that is not there is an error with words and without a status."""
    closed = Api("http://127.0.0.1:9", "acme/agent", BOT, sleep=hub.sleep)
    with pytest.raises(GitHubError, match="no answer") as caught:
        closed.get("pulls/7")
    assert caught.value.status is None


def test_a_limit_is_not_waited_for_without_end(api: Api, hub: FakeGitHub) -> None:
    """An hour is not waited for, nor a time that is none."""
    for asked in ("3600", "soon", "-1", "²"):
        hub.faults = [Fault("GET", "pulls", 403, {"Retry-After": asked.encode().decode("latin-1")}, "limit")]
        with pytest.raises(GitHubError, match="403 limit"):
            api.get("pulls/7")
    assert hub.slept == []


def test_changing_is_repeated(api: Api, hub: FakeGitHub) -> None:
    """A PATCH that was done and whose answer was lost is done again: the same twice is the same."""
    key = hub.add_comment(7, "old")
    hub.faults = [
        Fault("PATCH", "comments", 502, applied=True),
        Fault("PATCH", "comments", 429, {"Retry-After": "1"}),
        Fault("PATCH", "comments", 429),
    ]
    api.patch(f"issues/comments/{key}", {"body": "new"})
    assert hub.comments[key]["body"] == "new"
    assert hub.slept == [1.0, 1.0, 4.0]


@pytest.mark.parametrize("status", [500, 502, 0])
def test_creating_is_not_repeated(api: Api, hub: FakeGitHub, status: int) -> None:
    """A POST whose answer was lost is sent once, whether or not it was done."""
    hub.faults = [Fault("POST", "check-runs", status, applied=True)]
    with pytest.raises(UnansweredError):
        api.post("check-runs", CHECK)
    assert hub.count("POST") == 1
    assert len(hub.checks) == 1


def test_creating_waits_for_a_limit(api: Api, hub: FakeGitHub) -> None:
    """A limit that names a time refused the POST before it was done, so it is sent again; not without end."""
    hub.faults = [Fault("POST", "check-runs", 403, {"Retry-After": "2"}, "secondary rate limit")]
    assert number(api.post("check-runs", CHECK), "id") in hub.checks
    assert hub.slept == [2.0]
    hub.faults = [Fault("POST", "check-runs", 429, {"Retry-After": "2"}, "limit") for _ in range(4)]
    with pytest.raises(GitHubError, match="429 limit"):
        api.post("check-runs", CHECK)
    assert len(hub.checks) == 1


def test_a_token_that_may_only_read(hub: FakeGitHub) -> None:
    """What the token may not do is said with GitHub's words, the status and a hint, and asked once."""
    reader = Api(hub.url, hub.repository, READER, sleep=hub.sleep)
    with pytest.raises(GitHubError, match=r"Resource not accessible by integration .*fork") as caught:
        reader.post("check-runs", CHECK)
    assert caught.value.status == 403
    assert hub.count("POST") == 1


def test_a_wrong_token(hub: FakeGitHub) -> None:
    """A token that is none is refused with a hint; the token is not in the error."""
    wrong = Api(hub.url, hub.repository, "secret-token", sleep=hub.sleep)
    with pytest.raises(GitHubError, match="401 Bad credentials") as caught:
        wrong.get("pulls/7")
    assert "secret-token" not in str(caught.value)


def basic(text: str) -> str:
    """A token as Basic authentication sends it."""
    return base64.b64encode(f"x:{text}".encode()).decode()


@pytest.mark.parametrize(
    ("status", "encode"), [*zip([400, 401, 403, 404, 422, 500], [str, urllib.parse.quote, basic] * 2, strict=True)]
)
def test_no_error_names_the_token(hub: FakeGitHub, status: int, encode: Callable[[str], str]) -> None:
    """Whatever GitHub, or a proxy before it, says about the token, whole or in part: it stands in no error."""
    token = "ghs_Zq0/7+Kp3Xw9Lm2Vb5Nc8Rt1Yd4Fg6Hj"
    api = Api(hub.url, hub.repository, token, sleep=hub.sleep)
    for part in (token, token[:20], token[-20:]):
        for method, ask in (("GET", lambda: api.get("pulls/7")), ("POST", lambda: api.post("check-runs", CHECK))):
            hub.faults = [Fault(method, "", status, message=f"no access with {encode(part)}, sorry") for _ in range(4)]
            with pytest.raises(GitHubError) as caught:
                ask()
            assert "no access with" in str(caught.value)
            assert encode(part)[4:-4] not in str(caught.value)
        hub.faults = []


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirects_are_no_answers(api: Api, hub: FakeGitHub, status: int) -> None:
    """No request follows a redirect to another host, and none takes it for an empty answer."""
    for method, ask in (("GET", lambda: api.get("pulls/7")), ("POST", lambda: api.post("check-runs", CHECK))):
        hub.faults = [Fault(method, "", status, {"Location": "http://evil.example/repos"}, "moved")]
        with pytest.raises(GitHubError):
            ask()
    assert len(hub.log) == 2


def test_all_pages_are_read(api: Api, hub: FakeGitHub) -> None:
    """A list of many pages comes whole, in order."""
    for turn in range(250):
        hub.add_comment(7, str(turn))
    assert [words(item, "body") for item in api.pages("issues/7/comments")] == [str(turn) for turn in range(250)]
    assert hub.count("GET") == 3


def test_pages_without_end(api: Api, hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends is given up, here after three pages of a hundred."""
    monkeypatch.setattr("runback_gate.github.api.MAX_PAGES", 3)
    for turn in range(3 * PER_PAGE + 1):
        hub.comments[turn + 1] = {"issue_url": "/issues/7", "body": ""}
    hub.contract.spec = None
    with pytest.raises(GitHubError, match="more than 300 items"):
        list(api.pages("issues/7/comments"))


def test_a_list_that_is_none(api: Api, hub: FakeGitHub) -> None:
    """An object where a list should be, or items that are no objects, are errors."""
    hub.add_pull(7, SHA)
    with pytest.raises(GitHubError, match="no list"):
        list(api.pages("pulls/7"))
    with pytest.raises(GitHubError, match="no object"):
        fields([], "x")


def test_answers_that_are_no_json(api: Api, hub: FakeGitHub) -> None:
    """What a proxy says in between is no answer of GitHub's."""
    hub.faults = [Fault("GET", "pulls", 200, message="ok")]
    assert api.get("pulls/7") == {"message": "ok"}
    hub.raw = b"<html>"
    with pytest.raises(GitHubError, match="not valid JSON"):
        api.get("pulls/7")


def test_errors_that_are_no_json(api: Api, hub: FakeGitHub) -> None:
    """An error page of a proxy gives its status; nothing of the page is shown."""
    hub.raw, hub.raw_status = b"<html>\x1b[2J", 404
    with pytest.raises(GitHubError, match=r"^GET pulls/7: 404 \("):
        api.get("pulls/7")


def test_deleting_what_is_gone(api: Api, hub: FakeGitHub) -> None:
    """What is gone is deleted; another refusal is one."""
    api.delete("issues/comments/12")
    key = hub.add_comment(7, "theirs", "ada", "User")
    with pytest.raises(GitHubError, match="403"):
        api.delete(f"issues/comments/{key}")


def test_fields_are_checked() -> None:
    """An answer without its id is an error; text that is missing is empty."""
    for value in ({}, {"id": None}, {"id": "7"}, {"id": True}, {"id": -1}):
        with pytest.raises(GitHubError, match="an answer has no id"):
            number(value, "id")
    assert words({"user": None}, "user", "login") == ""
    assert words({"user": {"login": 7}}, "user", "login") == ""


def test_an_enterprise_server() -> None:
    """A server whose API lies below a path is asked there."""
    with FakeGitHub(prefix="/api/v3") as hub:
        api = Api(hub.url, hub.repository, BOT, sleep=hub.sleep)
        assert number(api.post("check-runs", CHECK), "id") in hub.checks
        assert hub.broken == []
