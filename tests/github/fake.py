"""A GitHub that lives in this process: it keeps what it is told, and refuses what GitHub would refuse.

In: a token for each identity, a git repository where files are read, a list of faults to play. Out: a server on this
machine, its state and its log.

    with FakeGitHub() as hub:
        api = Api(hub.url, "acme/agent", BOT, sleep=hub.sleep)
        hub.faults.append(Fault("POST", "check-runs", 502, applied=True))

Every request and every answer is held against GitHub's own description, where it is at hand (`contract`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.github.contract import Contract, over_limits

BOT, READER, PERSON = "token-of-the-job", "token-of-a-fork", "token-of-ada"
SHA = "9ac3e11" + "0" * 33
NOW = "2026-11-23T07:40:12Z"


@dataclass(frozen=True)
class Identity:
    """Who a token stands for."""

    login: str
    kind: str = "Bot"
    writes: bool = True


IDENTITIES = {
    BOT: Identity("github-actions[bot]"),
    READER: Identity("github-actions[bot]", writes=False),
    PERSON: Identity("ada", "User"),
}


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


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, errors: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        if errors is not None:
            self.body |= {"errors": [{"resource": "X", "code": "custom", "message": item} for item in errors]}  # type: ignore[dict-item]


class FakeGitHub:
    """The server, and all that it keeps."""

    def __init__(self, repository: str = "acme/agent", git: Path | None = None, prefix: str = "") -> None:
        self.repository, self.git, self.prefix = repository, git, prefix
        self.contract = Contract()
        self.faults: list[Fault] = []
        self.log: list[Seen] = []
        self.broken: list[str] = []
        """Answers of this fake that break GitHub's description: tests hold that there are none."""
        self.slept: list[float] = []
        self.checks: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, list[dict[str, Any]]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.attestations: dict[int, dict[str, Any]] = {}
        self.truncated = False
        self.default_branch = "main"
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        """Called with method and path before a request is answered."""
        self.raw: bytes | None = None
        """Bytes that answer the next request in place of everything else."""
        self.raw_status = 200
        self._next = 1000
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
        return int(self._post_comment(identity, {}, {"body": body}, str(number))["id"])

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
            self.broken += self.contract.answer_faults(method, path, status, data)
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
            if faults := self.contract.faults(method, path, query, headers, raw) + over_limits(method, path, body):
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

    def _id(self) -> int:
        self._next += 1
        return self._next

    def _at(self, path: str) -> str:
        return f"{self.url}/repos/{self.repository}/{path}"

    def _user(self, identity: Identity) -> dict[str, Any]:
        base: dict[str, Any] = self.contract.example("issue-comment", self.url).get("user", {})
        return {**base, "login": identity.login, "type": identity.kind}

    # Checks

    def _get_checks(self, _who: Identity, query: dict[str, str], _body: Any, sha: str) -> Any:
        name = query.get("check_name")
        found = [item for item in self.checks.values() if item["head_sha"] == sha and name in (None, item["name"])]
        if query.get("filter", "latest") == "latest":
            found = list({item["name"]: item for item in found}.values())
        return {"total_count": len(found), "check_runs": found[::-1]}

    def _post_check(self, who: Identity, _query: Any, body: dict[str, Any]) -> Any:
        key = self._id()
        base = self.contract.example("check-run", self.url)
        output = {"title": None, "summary": None, "text": None, "annotations_count": 0}
        self.annotations[key] = []
        self.checks[key] = {
            **base,
            "id": key,
            "name": body["name"],
            "head_sha": body["head_sha"],
            "external_id": "",
            "url": self._at(f"check-runs/{key}"),
            "html_url": f"https://github.example/{self.repository}/runs/{key}",
            "details_url": None,
            "status": "queued",
            "conclusion": None,
            "started_at": NOW,
            "completed_at": None,
            "output": {**output, "annotations_url": self._at(f"check-runs/{key}/annotations")},
            "pull_requests": [],
        }
        self.checks[key]["app"] = {**base.get("app", {}), "slug": who.login.removesuffix("[bot]")}
        return self._patch_check(who, {}, body, str(key))

    def _patch_check(self, _who: Identity, _query: Any, body: dict[str, Any], key: str) -> Any:
        check = self._found(self.checks, key)
        for name in ("status", "details_url", "external_id", "conclusion", "name"):
            if name in body:
                check[name] = body[name]
        if body.get("conclusion"):
            check |= {"status": "completed", "completed_at": NOW}
        output = body.get("output", {})
        for name in ("title", "summary", "text"):
            if name in output:
                check["output"][name] = output[name]
        self.annotations[int(key)] += output.get("annotations", [])
        check["output"]["annotations_count"] = len(self.annotations[int(key)])
        return check

    def _get_annotations(self, _who: Identity, _query: Any, _body: Any, key: str) -> Any:
        self._found(self.checks, key)
        blank = {"start_column": None, "end_column": None, "title": None, "raw_details": None, "blob_href": "x"}
        return [{**blank, **item} for item in self.annotations[int(key)]]

    # Comments

    def _get_comments(self, _who: Identity, _query: Any, _body: Any, number: str) -> Any:
        return [item for item in self.comments.values() if item["issue_url"].endswith(f"/issues/{number}")]

    def _post_comment(self, who: Identity, _query: Any, body: dict[str, Any], number: str) -> Any:
        key = self._id()
        self.comments[key] = {
            **self.contract.example("issue-comment", self.url),
            "id": key,
            "url": self._at(f"issues/comments/{key}"),
            "issue_url": self._at(f"issues/{number}"),
            "html_url": f"https://github.example/{self.repository}/pull/{number}#issuecomment-{key}",
            "body": body["body"],
            "user": self._user(who),
        }
        return self.comments[key]

    def _post_attestation(self, _who: Identity, _query: Any, body: dict[str, Any]) -> Any:
        if not body["bundle"]:
            raise RefusedError(422, "Invalid bundle")
        key = self._id()
        self.attestations[key] = body["bundle"]
        return {"id": key}

    def _own_comment(self, who: Identity, key: str) -> dict[str, Any]:
        comment = self._found(self.comments, key)
        if comment["user"]["login"] != who.login:
            raise RefusedError(403, "Resource not accessible by integration")
        return comment

    def _patch_comment(self, who: Identity, _query: Any, body: dict[str, Any], key: str) -> Any:
        comment = self._own_comment(who, key)
        comment["body"] = body["body"]
        return comment

    def _delete_comment(self, who: Identity, _query: Any, _body: Any, key: str) -> Any:
        self._own_comment(who, key)
        del self.comments[int(key)]

    # Pull requests and git

    def _get_pull(self, _who: Identity, _query: Any, _body: Any, number: str) -> Any:
        pull = self._found(self.pulls, number)
        base = self.contract.example("pull-request", self.url)
        head, target = base.get("head", {}), base.get("base", {})
        repo = {**target.get("repo", {}), "full_name": self.repository}
        source = {**head.get("repo", {}), "full_name": pull["source"]} if pull["source"] else None
        head = {**head, "sha": pull["head"], "ref": pull.get("branch", "topic"), "repo": source}
        merge = pull.get("merge_commit_sha")
        return {
            **base,
            "number": pull["number"],
            # The published example breaks its own description here.
            "requested_teams": [],
            "state": pull.get("state", "open"),
            "merge_commit_sha": merge,
            "mergeable": pull.get("mergeable", merge is not None),
            "head": head,
            "base": {**target, "sha": pull.get("base", SHA), "repo": repo},
        }

    def _get_pulls(self, who: Identity, query: dict[str, str], _body: Any) -> Any:
        wanted = query.get("state", "open"), query.get("head")
        return [
            pull
            for number in self.pulls
            if (pull := self._get_pull(who, {}, {}, str(number)))
            and pull["state"] == wanted[0]
            and wanted[1] in (None, f"{str(self.pulls[number]['source']).partition('/')[0]}:{pull['head']['ref']}")
        ]

    def _get_repository(self, _who: Identity, _query: Any, _body: Any) -> Any:
        base = self.contract.example("full-repository-default-response", self.url)
        # What the published example has of other repositories lacks what the description requires of them.
        shown = {key: value for key, value in base.items() if key not in ("parent", "source", "template_repository")}
        return {**shown, "language": None, "full_name": self.repository, "default_branch": self.default_branch}

    def _compare(self, who: Identity, query: dict[str, str], _body: Any, basehead: str) -> Any:
        tip, head = (
            self._git("rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip() for ref in basehead.split("...")
        )
        fork = self._git("merge-base", tip, head).decode().strip()
        commits = self._git("rev-list", "--reverse", f"{fork}..{head}").decode().split()
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        behind = len(self._git("rev-list", f"{fork}..{tip}").split())
        return {
            **self.contract.example("commit-comparison", self.url),
            "base_commit": self._get_commit(who, {}, None, tip),
            "merge_base_commit": self._get_commit(who, {}, None, fork),
            "status": ("diverged" if commits else "behind") if behind else ("ahead" if commits else "identical"),
            "ahead_by": len(commits),
            "behind_by": behind,
            "total_commits": len(commits),
            "commits": [self._get_commit(who, {}, None, item) for item in commits[(page - 1) * size : page * size]],
            "files": [],
        }

    def _get_commit(self, _who: Identity, _query: Any, _body: Any, ref: str) -> Any:
        words = self._git("rev-list", "--parents", "-n1", f"{ref}^{{commit}}").decode().split()
        parents = [
            {"sha": sha, "url": self._at(f"commits/{sha}"), "html_url": f"https://github.example/{sha}"}
            for sha in words[1:]
        ]
        base = {**self.contract.example("commit", self.url), "parents": parents}
        # The files of the published example lack what the description requires of them.
        return {**base, "sha": words[0], "comments_url": "x", "html_url": "x", "files": []}

    def _get_tree(self, _who: Identity, query: dict[str, str], _body: Any, ref: str) -> Any:
        entries = []
        whole = ["-r", "-t"] if "recursive" in query else []
        for line in self._git("ls-tree", *whole, "-l", "-z", f"{ref}^{{tree}}").decode().split("\0")[:-1]:
            facts, _, path = line.partition("\t")
            mode, kind, sha, size = facts.split()
            entry = {"path": path, "mode": mode, "type": kind, "sha": sha, "url": self._at(f"git/{kind}s/{sha}")}
            entries.append(entry | ({} if size == "-" else {"size": int(size)}))
        return {"sha": ref, "url": self._at(f"git/trees/{ref}"), "tree": entries, "truncated": self.truncated}

    def _get_blob(self, _who: Identity, _query: Any, _body: Any, sha: str) -> Any:
        data = self._git("cat-file", "blob", sha)
        content = base64.encodebytes(data).decode()
        url = self._at(f"git/blobs/{sha}")
        return {"sha": sha, "node_id": "x", "size": len(data), "url": url, "content": content, "encoding": "base64"}

    def _git(self, *words: str) -> bytes:
        if self.git is None:
            raise RefusedError(404, "Not Found")
        done = subprocess.run(["git", "-C", str(self.git), *words], capture_output=True, check=False)
        if done.returncode:
            raise RefusedError(404, "Not Found")
        return done.stdout

    def _get_user(self, who: Identity, _query: Any, _body: Any) -> Any:
        if who.kind == "Bot":
            raise RefusedError(403, "Resource not accessible by integration")
        base = self.contract.example("private-user-response-with-public-profile-information", self.url)
        return {**base, "login": who.login, "user_view_type": "public"}

    @staticmethod
    def _found(items: dict[int, dict[str, Any]], key: str) -> dict[str, Any]:
        if int(key) not in items:
            raise RefusedError(404, "Not Found")
        return items[int(key)]


_REPO = r"/repos/([^/]+)/([^/]+)"
_ROUTES: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "GET": [
        (rf"{_REPO}/commits/([^/]+)/check-runs", FakeGitHub._get_checks),
        (rf"{_REPO}/check-runs/(\d+)/annotations", FakeGitHub._get_annotations),
        (rf"{_REPO}/issues/(\d+)/comments", FakeGitHub._get_comments),
        (rf"{_REPO}/pulls/(\d+)", FakeGitHub._get_pull),
        (rf"{_REPO}/pulls", FakeGitHub._get_pulls),
        (rf"{_REPO}", FakeGitHub._get_repository),
        (rf"{_REPO}/compare/(.+)", FakeGitHub._compare),
        (rf"{_REPO}/commits/([^/]+)", FakeGitHub._get_commit),
        (rf"{_REPO}/git/trees/([^/]+)", FakeGitHub._get_tree),
        (rf"{_REPO}/git/blobs/([^/]+)", FakeGitHub._get_blob),
        (r"/user", FakeGitHub._get_user),
    ],
    "POST": [
        (rf"{_REPO}/check-runs", FakeGitHub._post_check),
        (rf"{_REPO}/issues/(\d+)/comments", FakeGitHub._post_comment),
        (rf"{_REPO}/attestations", FakeGitHub._post_attestation),
    ],
    "PATCH": [
        (rf"{_REPO}/check-runs/(\d+)", FakeGitHub._patch_check),
        (rf"{_REPO}/issues/comments/(\d+)", FakeGitHub._patch_comment),
    ],
    "DELETE": [(rf"{_REPO}/issues/comments/(\d+)", FakeGitHub._delete_comment)],
}


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
