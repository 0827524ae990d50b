"""Endpoints of what is judged: pull requests, the repository, commits, trees and blobs, and who asks.

Each gets the state, who asks, the query, the body and the parts of the path, and gives the body of the answer.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.github.state import SHA, Identity, RefusedError, State, found_in


def get_pull(hub: State, _who: Identity, _query: Any, _body: Any, number: str) -> Any:
    pull = found_in(hub.pulls, number)
    base = hub.contract.example("pull-request", hub.url)
    head, target = base.get("head", {}), base.get("base", {})
    repo = {**target.get("repo", {}), "full_name": hub.repository}
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


def get_pulls(hub: State, who: Identity, query: dict[str, str], _body: Any) -> Any:
    wanted = query.get("state", "open"), query.get("head")
    return [
        pull
        for number in hub.pulls
        if (pull := get_pull(hub, who, {}, {}, str(number)))
        and pull["state"] == wanted[0]
        and wanted[1] in (None, f"{str(hub.pulls[number]['source']).partition('/')[0]}:{pull['head']['ref']}")
    ]


def get_repository(hub: State, _who: Identity, _query: Any, _body: Any) -> Any:
    base = hub.contract.example("full-repository-default-response", hub.url)
    # What the published example has of other repositories lacks what the description requires of them.
    shown = {key: value for key, value in base.items() if key not in ("parent", "source", "template_repository")}
    return {**shown, "language": None, "full_name": hub.repository, "default_branch": hub.default_branch}


def get_user(hub: State, who: Identity, _query: Any, _body: Any) -> Any:
    if who.kind == "Bot":
        raise RefusedError(403, "Resource not accessible by integration")
    base = hub.contract.example("private-user-response-with-public-profile-information", hub.url)
    return {**base, "login": who.login, "user_view_type": "public"}


def compare(hub: State, who: Identity, query: dict[str, str], _body: Any, basehead: str) -> Any:
    tip, head = (
        hub.read_git("rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip() for ref in basehead.split("...")
    )
    fork = hub.read_git("merge-base", tip, head).decode().strip()
    commits = hub.read_git("rev-list", "--reverse", f"{fork}..{head}").decode().split()
    size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
    behind = len(hub.read_git("rev-list", f"{fork}..{tip}").split())
    return {
        **hub.contract.example("commit-comparison", hub.url),
        "base_commit": get_commit(hub, who, {}, None, tip),
        "merge_base_commit": get_commit(hub, who, {}, None, fork),
        "status": ("diverged" if commits else "behind") if behind else ("ahead" if commits else "identical"),
        "ahead_by": len(commits),
        "behind_by": behind,
        "total_commits": len(commits),
        "commits": [get_commit(hub, who, {}, None, item) for item in commits[(page - 1) * size : page * size]],
        "files": [],
    }


def get_commit(hub: State, _who: Identity, _query: Any, _body: Any, ref: str) -> Any:
    words = hub.read_git("rev-list", "--parents", "-n1", f"{ref}^{{commit}}").decode().split()
    parents = [
        {"sha": sha, "url": hub.at(f"commits/{sha}"), "html_url": f"https://github.example/{sha}"} for sha in words[1:]
    ]
    base = {**hub.contract.example("commit", hub.url), "parents": parents}
    # The files of the published example lack what the description requires of them.
    return {**base, "sha": words[0], "comments_url": "x", "html_url": "x", "files": []}


def get_tree(hub: State, _who: Identity, query: dict[str, str], _body: Any, ref: str) -> Any:
    entries = []
    whole = ["-r", "-t"] if "recursive" in query else []
    for line in hub.read_git("ls-tree", *whole, "-l", "-z", f"{ref}^{{tree}}").decode().split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        mode, kind, sha, size = facts.split()
        entry = {"path": path, "mode": mode, "type": kind, "sha": sha, "url": hub.at(f"git/{kind}s/{sha}")}
        entries.append(entry | ({} if size == "-" else {"size": int(size)}))
    return {"sha": ref, "url": hub.at(f"git/trees/{ref}"), "tree": entries, "truncated": hub.truncated}


def get_blob(hub: State, _who: Identity, _query: Any, _body: Any, sha: str) -> Any:
    data = hub.read_git("cat-file", "blob", sha)
    content = base64.encodebytes(data).decode()
    url = hub.at(f"git/blobs/{sha}")
    return {"sha": sha, "node_id": "x", "size": len(data), "url": url, "content": content, "encoding": "base64"}
