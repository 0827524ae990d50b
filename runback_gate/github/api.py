"""Requests to GitHub's REST API: the only file that imports PyGithub.

In: the root of the API, a repository, a token. Out: JSON values, checked for the fields that are used.

    api = Api("https://api.github.com", "acme/agent", token, sleep=time.sleep)
    for comment in api.pages("issues/12/comments"):
        number(comment, "id")
    api.patch(f"issues/comments/{id}", {"body": text})

Reading, changing and deleting are repeated on 429, 5xx, a lost connection, and on a 403 that names a time to wait. To
create is not: a POST whose answer was lost may have been done, so it raises `UnansweredError` and the caller looks
first. Redirects are errors, because PyGithub takes one to another host for an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from github import Auth, Github

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.errors import GitHubError, RunbackError, UnansweredError
from runback_gate.masking import masked
from runback_gate.report.text import safe_terminal, short

TRIES: Final = 4
MAX_WAIT: Final = 60.0
"""Seconds; who asks us to wait longer is not waited for: a job costs money, and the verdict does not depend on it."""
MAX_PAGES: Final = 100
PER_PAGE: Final = 100
MAX_ANSWER_BYTES: Final = 64 << 20
TIMEOUT: Final = 30
_READ: Final = 64 << 10
"""Characters of a reason that are looked at."""
_ACCEPT: Final = "application/vnd.github+json"

Fields = Mapping[str, Any]
Found = TypeVar("Found")


class Api:
    """One repository of a GitHub server, seen with one token."""

    def __init__(self, root: str, repository: str, token: str, *, sleep: Callable[[float], None]) -> None:
        self.repository = repository
        self._sleep = sleep
        self._token = token
        self._requester = Github(
            auth=Auth.Token(token),
            base_url=root,
            timeout=TIMEOUT,
            user_agent="runback-gate",
            # All repeating is done here: PyGithub's own would also repeat a POST.
            retry=None,
            seconds_between_requests=0,
            # A run writes a handful of times; GitHub's limit on writes answers with a time to wait, which is kept.
            seconds_between_writes=0,
            lazy=True,
        ).requester

    def get(self, path: str, **query: str | int) -> JsonValue:
        """Read a path below the repository, or below the root where it begins with a slash."""
        return self._patiently("GET", path, query)[0]

    def pages(self, path: str, *, inside: str | None = None, **query: str | int) -> Iterator[Fields]:
        """Every item of a list, page by page; `inside` names the field that holds the list.

        Raises:
            GitHubError: more than 10,000 items, or an answer that is no list of objects.
        """
        for page in range(1, MAX_PAGES + 1):
            value, more = self._patiently("GET", path, {**query, "per_page": PER_PAGE, "page": page})
            items = value.get(inside) if inside and isinstance(value, dict) else value
            if not isinstance(items, list):
                raise GitHubError(f"{path}: no list came back")
            yield from (fields(item, path) for item in items)
            if not more:
                return
        raise GitHubError(f"{path}: more than {MAX_PAGES * PER_PAGE:,} items")

    def patch(self, path: str, body: Fields) -> Fields:
        """Change something, again where GitHub did not answer: to set the same twice is to set it once."""
        return fields(self._patiently("PATCH", path, {}, body)[0], path)

    def append(self, path: str, body: Fields) -> Fields:
        """Change something by adding to it, once; errors as `post`."""
        return self._once("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete something; what is gone already is deleted."""
        try:
            self._patiently("DELETE", path, {})
        except GitHubError as error:
            if error.status not in (404, 410):
                raise

    def post(self, path: str, body: Fields) -> Fields:
        """Create something, once.

        Raises:
            UnansweredError: nobody knows whether it was done.
            GitHubError: GitHub refused, so it was not done.
        """
        return self._once("POST", path, body)

    def pause(self, tried: int) -> None:
        """Wait before another look, after the nth try; longer each time."""
        self._sleep(float(2**tried))

    def create(self, find: Callable[[], Found | None], make: Callable[[], Found]) -> Found:
        """What `find` sees, or else what `make` creates, which is one thing whatever answer is lost.

        Raises:
            UnansweredError: after four looks and tries nobody knows.
            GitHubError: GitHub refuses.
        """
        tried = 0
        while (found := find()) is None:
            try:
                return make()
            except UnansweredError:
                tried += 1
                if tried == TRIES:
                    raise
                self.pause(tried - 1)
        return found

    def _once(self, verb: str, path: str, body: Fields) -> Fields:
        tried = 1
        while True:
            status, headers, text = self._send(verb, path, {}, body)
            wait = _wait(status, headers)
            if status == 0 or status >= 500:
                message = f"{verb} {path}: {_reason(status, text, self._token)}"
                raise UnansweredError(message, status=status or None)
            # What is left is an answer. A limit is checked before anything is done, so it may be asked again.
            if wait is None or tried == TRIES:
                return fields(self._result(verb, path, status, text), path)
            self._sleep(wait)
            tried += 1

    def _patiently(self, verb: str, path: str, query: Fields, body: Fields | None = None) -> tuple[JsonValue, bool]:
        """Send until there is an answer; gives it, and whether another page follows."""
        tried = 0
        while True:
            status, headers, text = self._send(verb, path, query, body)
            wait = _wait(status, headers)
            if wait is None and (status == 0 or status >= 500 or status == 429):
                wait = float(2**tried)
            tried += 1
            if wait is None or tried == TRIES:
                return self._result(verb, path, status, text), 'rel="next"' in headers.get("link", "")
            self._sleep(wait)

    def _send(self, verb: str, path: str, query: Fields, body: Fields | None) -> tuple[int, Mapping[str, str], str]:
        """Send once; status 0 where no answer came."""
        url = path if path.startswith("/") else f"/repos/{self.repository}/{path}"
        try:
            return self._requester.requestJson(
                verb, url, parameters=dict(query), headers={"Accept": _ACCEPT}, input=body
            )
        except OSError as error:
            # Every error of the HTTP library is one of these. Its text names the address, never the token.
            return 0, {}, type(error).__name__
        except RuntimeError as error:
            # A redirect to another host or protocol.
            said = short(masked(str(error), [self._token]), 300)
            raise GitHubError(f"{verb} {path}: {said}", hint="check GITHUB_API_URL") from error

    def _result(self, verb: str, path: str, status: int, text: str) -> JsonValue:
        if status == 204:
            return None
        if not 200 <= status < 300:
            message = f"{verb} {path}: {_reason(status, text, self._token)}"
            raise GitHubError(message, hint=_HINTS.get(status), status=status or None)
        try:
            return parse_json(text, path=f"answer to {verb} {path}", max_bytes=MAX_ANSWER_BYTES)
        except RunbackError as error:
            raise GitHubError(masked(str(error), [self._token]), status=status) from error


def _wait(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds that GitHub asks to wait, where that is not too long; None where it says nothing."""
    asked = headers.get("retry-after", "")
    if status not in (403, 429, 500, 502, 503, 504) or not asked.isascii() or not asked.isdigit():
        return None
    return float(asked) if len(asked) < 6 and float(asked) <= MAX_WAIT else None


_HINTS: Final = {
    401: "is the token one of this server, and not expired?",
    403: "does the job grant the permission, and is it no pull request of a fork?",
    404: "does the token reach the repository?",
}


def _reason(status: int, text: str, token: str) -> str:
    """What went wrong, in one line, without the token; GitHub's own words where it has some."""
    if status == 0:
        return f"no answer ({text})"
    try:
        value = parse_json(text, path="", max_bytes=1 << 20)
    except RunbackError:
        value = None
    message = value.get("message") if isinstance(value, dict) else None
    said = f" {safe_terminal(short(masked(message[:_READ], [token]), 300))}" if isinstance(message, str) else ""
    return f"{status}{said}"


def fields(value: JsonValue, path: str) -> Fields:
    """The value as an object."""
    if not isinstance(value, dict):
        raise GitHubError(f"{path}: no object came back")
    return value


def number(value: Fields, name: str) -> int:
    """A field that must be a positive integer: an answer without its id was not GitHub's."""
    found = value.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise GitHubError(f"an answer has no {name}")
    return found


def words(value: Fields, *path: str) -> str:
    """A field that must be text, where it is there; empty where it, or what holds it, is missing or null."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
