"""Endpoints of the conversation: checks with their annotations, comments, attestations.

Each gets the state, who asks, the query, the body and the parts of the path, and gives the body of the answer.
"""

from __future__ import annotations

from typing import Any

from tests.github.state import NOW, Identity, RefusedError, State, found_in


def get_checks(hub: State, _who: Identity, query: dict[str, str], _body: Any, sha: str) -> Any:
    name = query.get("check_name")
    found = [item for item in hub.checks.values() if item["head_sha"] == sha and name in (None, item["name"])]
    if query.get("filter", "latest") == "latest":
        found = list({item["name"]: item for item in found}.values())
    return {"total_count": len(found), "check_runs": found[::-1]}


def post_check(hub: State, who: Identity, _query: Any, body: dict[str, Any]) -> Any:
    key = hub.next_id()
    base = hub.contract.example("check-run", hub.url)
    output = {"title": None, "summary": None, "text": None, "annotations_count": 0}
    hub.annotations[key] = []
    hub.checks[key] = {
        **base,
        "id": key,
        "name": body["name"],
        "head_sha": body["head_sha"],
        "external_id": "",
        "url": hub.at(f"check-runs/{key}"),
        "html_url": f"https://github.example/{hub.repository}/runs/{key}",
        "details_url": None,
        "status": "queued",
        "conclusion": None,
        "started_at": NOW,
        "completed_at": None,
        "output": {**output, "annotations_url": hub.at(f"check-runs/{key}/annotations")},
        "pull_requests": [],
    }
    hub.checks[key]["app"] = {**base.get("app", {}), "slug": who.login.removesuffix("[bot]")}
    return patch_check(hub, who, {}, body, str(key))


def patch_check(hub: State, _who: Identity, _query: Any, body: dict[str, Any], key: str) -> Any:
    check = found_in(hub.checks, key)
    for name in ("status", "details_url", "external_id", "conclusion", "name"):
        if name in body:
            check[name] = body[name]
    if body.get("conclusion"):
        check |= {"status": "completed", "completed_at": NOW}
    output = body.get("output", {})
    for name in ("title", "summary", "text"):
        if name in output:
            check["output"][name] = output[name]
    hub.annotations[int(key)] += output.get("annotations", [])
    check["output"]["annotations_count"] = len(hub.annotations[int(key)])
    return check


def get_annotations(hub: State, _who: Identity, _query: Any, _body: Any, key: str) -> Any:
    found_in(hub.checks, key)
    blank = {"start_column": None, "end_column": None, "title": None, "raw_details": None, "blob_href": "x"}
    return [{**blank, **item} for item in hub.annotations[int(key)]]


def get_comments(hub: State, _who: Identity, _query: Any, _body: Any, number: str) -> Any:
    return [item for item in hub.comments.values() if item["issue_url"].endswith(f"/issues/{number}")]


def post_comment(hub: State, who: Identity, _query: Any, body: dict[str, Any], number: str) -> Any:
    key = hub.next_id()
    hub.comments[key] = {
        **hub.contract.example("issue-comment", hub.url),
        "id": key,
        "url": hub.at(f"issues/comments/{key}"),
        "issue_url": hub.at(f"issues/{number}"),
        "html_url": f"https://github.example/{hub.repository}/pull/{number}#issuecomment-{key}",
        "body": body["body"],
        "user": hub.user(who),
    }
    return hub.comments[key]


def post_attestation(hub: State, _who: Identity, _query: Any, body: dict[str, Any]) -> Any:
    if not body["bundle"]:
        raise RefusedError(422, "Invalid bundle")
    key = hub.next_id()
    hub.attestations[key] = body["bundle"]
    return {"id": key}


def own_comment(hub: State, who: Identity, key: str) -> dict[str, Any]:
    comment = found_in(hub.comments, key)
    if comment["user"]["login"] != who.login:
        raise RefusedError(403, "Resource not accessible by integration")
    return comment


def patch_comment(hub: State, who: Identity, _query: Any, body: dict[str, Any], key: str) -> Any:
    comment = own_comment(hub, who, key)
    comment["body"] = body["body"]
    return comment


def delete_comment(hub: State, who: Identity, _query: Any, _body: Any, key: str) -> Any:
    own_comment(hub, who, key)
    del hub.comments[int(key)]
