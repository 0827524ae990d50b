"""A GitHub that lives in this process: it keeps what it is told, and refuses what GitHub would refuse.

In: a token for each identity, a git repository where files are read, a list of faults to play. Out: a server on this
machine, its state and its log.

    with FakeGitHub() as hub:
        api = Api(hub.url, "acme/agent", BOT, sleep=hub.sleep)
        hub.faults.append(Fault("POST", "check-runs", 502, applied=True))

Every request and every answer is held against GitHub's own description, where it is at hand (`contract`).
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.github import conversation, revisions
from tests.github.contract import over_limits
from tests.github.state import BOT as BOT  # the token that most clients give
from tests.github.state import IDENTITIES, Identity, RefusedError, State


@dataclass
class Fault:
    """Something that goes wrong, once: before the request is looked at, or, if `applied`, after it was done."""

    method: str
    path: str
    """Part of the path."""
    status: int
    """0 closes the connection without an answer."""
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Server Error"
    applied: bool = False


@dataclass(frozen=True)
class Seen:
    """One request as it came, and the status that it got."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None
    status: int


_REPO = r"/repos/([^/]+)/([^/]+)"
_ROUTES: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "GET": [
        (rf"{_REPO}/commits/([^/]+)/check-runs", conversation.get_checks),
        (rf"{_REPO}/check-runs/(\d+)/annotations", conversation.get_annotations),
        (rf"{_REPO}/issues/(\d+)/comments", conversation.get_comments),
        (rf"{_REPO}/pulls/(\d+)", revisions.get_pull),
        (rf"{_REPO}/pulls", revisions.get_pulls),
        (rf"{_REPO}", revisions.get_repository),
        (rf"{_REPO}/compare/(.+)", revisions.compare),
        (rf"{_REPO}/commits/([^/]+)", revisions.get_commit),
        (rf"{_REPO}/git/trees/([^/]+)", revisions.get_tree),
        (rf"{_REPO}/git/blobs/([^/]+)", revisions.get_blob),
        (r"/user", revisions.get_user),
    ],
    "POST": [
        (rf"{_REPO}/check-runs", conversation.post_check),
        (rf"{_REPO}/issues/(\d+)/comments", conversation.post_comment),
        (rf"{_REPO}/attestations", conversation.post_attestation),
    ],
    "PATCH": [
        (rf"{_REPO}/check-runs/(\d+)", conversation.patch_check),
        (rf"{_REPO}/issues/comments/(\d+)", conversation.patch_comment),
    ],
    "DELETE": [(rf"{_REPO}/issues/comments/(\d+)", conversation.delete_comment)],
}


class FakeGitHub(State):
    """The server, and all that it keeps."""

    def __init__(self, repository: str = "acme/agent", git: Path | None = None, prefix: str = "") -> None:
        super().__init__(repository, git)
        self.prefix = prefix
        self.faults: list[Fault] = []
        self.log: list[Seen] = []
        self.broken: list[str] = []
        """Answers of this fake that break GitHub's description: tests hold that there are none."""
        self.slept: list[float] = []
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        """Called with method and path before a request is answered."""
        self.raw: bytes | None = None
        """Bytes that answer the next request in place of everything else."""
        self.raw_status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{prefix}"

    def __enter__(self) -> FakeGitHub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sleep(self, seconds: float) -> None:
        """Note how long the client would have waited."""
        self.slept.append(seconds)

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a method came whose path holds `part`."""
        return sum(seen.method == method and part in seen.path for seen in self.log)

    def add_pull(self, number: int, head: str, *, source: str | None = None, **more: Any) -> None:
        """An open pull request."""
        self.pulls[number] = {"number": number, "head": head, "source": source or self.repository, **more}

    def add_comment(self, number: int, body: str, login: str = "github-actions[bot]", kind: str = "Bot") -> int:
        """A comment that is there already."""
        identity = Identity(login, kind)
        return int(conversation.post_comment(self, identity, {}, {"body": body}, str(number))["id"])

    # What the server does.

    def answer(
        self, method: str, target: str, headers: dict[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """The status, headers and body of an answer; None closes the connection."""
        parts = urlsplit(target)
        path, query = unquote(parts.path).removeprefix(self.prefix), dict(parse_qsl(parts.query))
        self.before(method, path)
        fault = next((item for item in self.faults if item.method == method and item.path in path), None)
        if fault:
            self.faults.remove(fault)
        more: dict[str, str] = {}
        if fault and not fault.applied:
            status, value = fault.status, {"message": fault.message}
        else:
            status, value, more = self._handled(method, path, query, headers, raw)
        if fault:
            status, more = fault.status, fault.headers
            value = {"message": fault.message}
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        self.log.append(Seen(method, path, query, body, status))
        if status == 0:
            return None
        data = b"" if status == 204 else json.dumps(value).encode()
        if not fault and status < 300:
            self.broken += self.contract.answer_faults(method, path, status, data, self.url)
        if self.raw is not None:
            data, self.raw = self.raw, None
            return self.raw_status, {}, data
        rate = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900", "X-GitHub-Request-Id": "1:2:3"}
        return status, {**rate, **more}, data

    def _handled(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], raw: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        try:
            scheme, _, token = headers.get("Authorization", "").partition(" ")
            identity = IDENTITIES.get(token)
            if scheme.lower() not in ("token", "bearer") or identity is None:
                raise RefusedError(401, "Bad credentials")
            matches = ((re.fullmatch(pattern, path), handler) for pattern, handler in _ROUTES[method])
            found, handler = next(((match, handler) for match, handler in matches if match), (None, None))
            if found is None or handler is None:
                raise RefusedError(404, "Not Found")
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                raise RefusedError(400, "Problems parsing JSON") from None
            if faults := self.contract.faults(method, path, query, raw) + over_limits(method, path, body):
                raise RefusedError(422, "Invalid request", faults)
            if method != "GET" and not identity.writes:
                raise RefusedError(403, "Resource not accessible by integration")
            groups = found.groups()
            if path.startswith("/repos/"):
                if f"{groups[0]}/{groups[1]}" != self.repository:
                    raise RefusedError(404, "Not Found")
                groups = groups[2:]
            value = handler(self, identity, query, body, *groups)
        except RefusedError as refusal:
            return refusal.status, refusal.body, {}
        status = {"POST": 201, "DELETE": 204}.get(method, 200)
        return (status, *self._paged(path, query, value)) if method == "GET" else (status, value, {})

    def _paged(self, path: str, query: dict[str, str], value: Any) -> tuple[Any, dict[str, str]]:
        if isinstance(value, dict) and "total_commits" in value:
            size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
            more = {"Link": f'<{self.url}{path}?page={page + 1}&per_page={size}>; rel="next"'}
            return value, (more if page * size < value["total_commits"] else {})
        key = "check_runs" if isinstance(value, dict) and "check_runs" in value else None
        items = value[key] if key else value
        if not isinstance(items, list):
            return value, {}
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        shown = items[(page - 1) * size : page * size]
        more = {"Link": f'<{self.url}{path}?page={page + 1}&per_page={size}>; rel="next"'}
        return ({**value, key: shown} if key else shown), (more if page * size < len(items) else {})


def _handler(hub: FakeGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = hub.answer(self.command, self.path, dict(self.headers), raw)
            if answer is None:
                self.close_connection = True
                return
            status, headers, data = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            # Who asked may have been killed in the meantime.
            with contextlib.suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  the names are the server's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the server's
            """Say nothing: `hub.log` has it."""

    return Handler
