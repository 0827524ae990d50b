"""GitHub's own description of its API, where it lies at hand: requests and answers are held against it.

The description is data of others and no part of the repository: `RUNBACK_SHARED_DATA` names the folder that holds it.
Without it the fake still plays its part, and `LIMITS` below still hold.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
SLICE = Path(os.environ.get("RUNBACK_SHARED_DATA") or ROOT.parent / "shared" / "data") / "github-openapi" / "slice.json"
HOST = "https://api.github.com"

# The description has no way to say these; each was seen by somebody who met it.
LIMITS = {"summary": 65_535, "text": 65_535, "body": 65_536, "description": 140}
"""Bytes of UTF-8 that GitHub takes for a field of a check, a comment, a status."""


def over_limits(method: str, path: str, body: dict[str, Any]) -> list[str]:
    """What GitHub refuses though its description allows it."""
    found = []
    output = body.get("output") or {}
    for name, text in [*((key, output.get(key)) for key in ("summary", "text")), ("body", body.get("body"))]:
        if isinstance(text, str) and len(text.encode()) > LIMITS[name]:
            found.append(f"{name} exceeds a maximum bytesize of {LIMITS[name]}")
    if method in ("POST", "PATCH") and "/check-runs" in path:
        if body.get("status") == "completed" and not body.get("conclusion"):
            found.append("conclusion is required when a check run is completed")
        if len(output.get("annotations", [])) > 50:
            found.append("only 50 annotations are allowed in a request")
        known = {
            "name",
            "head_sha",
            "details_url",
            "external_id",
            "status",
            "started_at",
            "conclusion",
            "completed_at",
            "output",
        }
        found += [f"{key} is not a permitted key" for key in set(body) - known]
        found += [
            "annotation without a line or a message"
            for item in output.get("annotations", [])
            if item["start_line"] < 1 or item["end_line"] < item["start_line"] or not item["message"]
        ]
        found += [
            "message too long" for item in output.get("annotations", []) if len(item["message"].encode()) > 65_536
        ]
    return found


class Contract:
    """The description, or its absence."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] | None = _slice()
        self.requests = 0
        """Requests that were held against the description."""

    def example(self, name: str, base: str) -> dict[str, Any]:
        """A published example, its addresses moved to another host; empty without the description."""
        if self.spec is None:
            return {}
        value = self.spec["components"]["examples"][name]["value"]
        moved: dict[str, Any] = json.loads(json.dumps(value).replace(HOST, base))
        return moved

    def faults(self, method: str, path: str, query: dict[str, str], raw: bytes) -> list[str]:
        """What the description has against a request; it says nothing of headers."""
        if self.spec is None or _listed_elsewhere(path):
            return []
        self.requests += 1
        return _request_faults(method, path, tuple(query.items()), raw)

    def answer_faults(self, method: str, path: str, status: int, data: bytes, base: str) -> list[str]:
        """What the description has against an answer of the fake, whose own address is `base`."""
        if self.spec is None or _listed_elsewhere(path):
            return []
        return _answer_faults(method, path, status, data.replace(base.encode(), HOST.encode()))


# Tests ask for the same things again and again, and openapi-core takes five milliseconds to look at one of them.
@cache
def _request_faults(method: str, path: str, query: tuple[tuple[str, str], ...], raw: bytes) -> list[str]:
    from openapi_core.exceptions import OpenAPIError  # noqa: PLC0415

    try:
        _openapi().validate_request(_request(method, path, dict(query), raw))
    except OpenAPIError as error:
        return [_told(error)]
    return []


@cache
def _answer_faults(method: str, path: str, status: int, data: bytes) -> list[str]:
    from openapi_core.exceptions import OpenAPIError  # noqa: PLC0415
    from openapi_core.testing import MockResponse  # noqa: PLC0415

    answer = MockResponse(data, status_code=status, content_type="application/json")
    try:
        _openapi().validate_response(_request(method, path, {}, b""), answer)
    except OpenAPIError as error:
        return [f"{method} {path} {status}: {_told(error)}"]
    return []


def _listed_elsewhere(path: str) -> bool:
    # The list of pull requests is not among the operations that the description at hand keeps.
    return re.fullmatch(r"/repos/[^/]+/[^/]+/pulls", path) is not None


def _request(method: str, path: str, query: dict[str, str], raw: bytes) -> Any:
    from openapi_core.testing import MockRequest  # noqa: PLC0415

    # A path parameter matches one segment of the description.
    path = re.sub(r"(/(?:contents|compare)/)(.+)$", lambda found: found[1] + found[2].replace("/", "%2F"), path)
    return MockRequest(HOST, method.lower(), path, args=query, data=raw or None, content_type="application/json")


def _told(error: Exception) -> str:
    causes = getattr(error.__cause__, "schema_errors", ())
    return "; ".join(str(getattr(item, "message", item)) for item in causes) or f"{type(error).__name__}: {error}"


@cache
def _slice() -> dict[str, Any] | None:
    if not SLICE.is_file():
        if os.environ.get("RUNBACK_REQUIRE_SHARED") == "1":
            raise AssertionError(f"{SLICE} is missing")
        return None
    spec: dict[str, Any] = json.loads(SLICE.read_bytes())
    return spec


@cache
def _openapi() -> Any:
    from openapi_core import Config, OpenAPI  # noqa: PLC0415

    # The description as a whole is checked by those who publish it.
    return OpenAPI.from_dict(_slice() or {}, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]
