"""Which commits are compared with each other: what would land, and what it would land on.

In: an `Event`. Out: the event with its pull request and base known, and two commits.

    commits = find_commits(api, event)
    commits.head, commits.base

A pull request is judged as GitHub would merge it, so that what the base gained in the meantime does not look as if the
change took it away. Without a merge, and on a branch, it is compared with the commit at which it began. The default
branch alone has no base: it speaks for itself.
"""

from __future__ import annotations

import dataclasses
from typing import Final
from urllib.parse import quote

from runback_gate.errors import GitHubError, InputError
from runback_gate.frozen import dataclass
from runback_gate.github.api import TRIES, Api, Fields, fields, number, words
from runback_gate.github.event import Event, check_sha

MAX_BEHIND: Final = 1000
"""Commits that a base may have gained since a change began."""


@dataclass(frozen=True, slots=True)
class Commits:
    """What a job holds against each other."""

    event: Event
    """With its pull request, where it has one, and the base that counts."""
    head: str
    """The commit whose files are judged."""
    base: str | None
    """The commit whose files judge as well; None on the default branch."""


def find_commits(api: Api, event: Event) -> Commits:
    """The two sides of a job.

    Raises:
        InputError: the pull request is closed, was pushed to since, or cannot be merged; or a change that did not
            begin at a state of its base.
        GitHubError: GitHub does not tell.
    """
    if event.trusted:
        return _looked_up(api, event)
    if event.about == "branch":
        return _on_branch(api, event)
    assert event.base is not None  # noqa: S101  every other event names one
    if event.about == "queue" and event.sha == event.head:
        return Commits(event, event.sha, event.base)
    if event.sha == event.head:
        return _begun(api, event, event.base)
    # Newer than what the event says when the base moved on before the merge was made.
    parents = _parents(api, event.sha)
    if len(parents) == 2 and parents[1] == event.head:
        return Commits(event, event.sha, parents[0])
    message = f"{event.sha[:7]} is neither the head {event.head[:7]} nor its merge into the base"
    raise InputError(message, hint="start the job when the pull request is opened or pushed to")


def _on_branch(api: Api, event: Event) -> Commits:
    """A branch or a tag. Its check would stand on the head of a pull request too, so it is held against the default."""
    default = event.default_branch or words(fields(api.get(f"/repos/{api.repository}"), "repository"), "default_branch")
    if not default:
        raise GitHubError("GitHub does not tell the default branch")
    if event.ref == f"refs/heads/{default}":
        return Commits(event, event.sha, None)
    return _begun(api, dataclasses.replace(event, base_branch=default), default)


def _begun(api: Api, event: Event, base: str) -> Commits:
    """A head without a merge, and the commit at which it began: a state that the base, a branch or commit, was at."""
    path = f"compare/{quote(base, safe='')}...{event.sha}"
    compared = fields(api.get(path, per_page=1), path)
    tip, found = (
        check_sha(words(compared, name, "sha"), f"{path}: {name}") for name in ("base_commit", "merge_base_commit")
    )
    if found != tip and found not in _states(api, found, tip):
        message = f"{event.sha[:7]} begins at {found[:7]}, which was not lately the state of {event.base_branch}"
        raise InputError(message, hint="merge the base into the change")
    return Commits(dataclasses.replace(event, base=found), event.sha, found)


def _states(api: Api, since: str, tip: str) -> set[str]:
    """What a branch was at, back to and with `since`: first parents, as the others came in by a merge."""
    compared = fields(api.get(f"compare/{since}...{tip}", per_page=1), "compare")
    if number(compared, "total_commits") > MAX_BEHIND:
        return set()
    parents = {
        words(item, "sha"): _first_parent(item) for item in api.pages(f"compare/{since}...{tip}", inside="commits")
    }
    states, here = {tip}, tip
    while here in parents:
        here = parents[here]
        states.add(here)
    return states


def _first_parent(commit: Fields) -> str:
    parents = commit.get("parents")
    return words(fields(parents[0], "commits"), "sha") if isinstance(parents, list) and parents else ""


def _looked_up(api: Api, event: Event) -> Commits:
    """The head of a job that runs with the rights of the base: not checked out, so it is looked up."""
    number_ = event.pull if event.pull is not None else _find_pull(api, event)
    for tried in range(TRIES):
        pull = fields(api.get(f"pulls/{number_}"), "pulls")
        if words(pull, "state") != "open":
            raise InputError(f"pull request {number_} is not open")
        if words(pull, "head", "sha") != event.head:
            hint = "the run of the newer commit gives the verdict"
            raise InputError(f"pull request {number_} is no longer at {event.head[:7]}", hint=hint)
        merge = words(pull, "merge_commit_sha")
        parents = _parents(api, check_sha(merge, "merge_commit_sha")) if merge else ()
        if len(parents) == 2 and parents[1] == event.head:
            branch = words(pull, "base", "ref")
            found = dataclasses.replace(event, pull=number_, base=parents[0], base_branch=branch)
            return Commits(found, merge, parents[0])
        if pull.get("mergeable") is False:
            raise InputError(f"pull request {number_} cannot be merged", hint="resolve its conflicts with the base")
        # GitHub makes the merge in the background, and says null until it did.
        if tried < TRIES - 1:
            api.pause(tried)
    raise GitHubError(f"pull request {number_}: GitHub has not made the merge yet", hint="run the job again")


def _find_pull(api: Api, event: Event) -> int:
    """The one open pull request of a head. GitHub does not say it for forks, and what a run uploads is not trusted."""
    owner = event.head_repository.partition("/")[0]
    pulls = api.pages("pulls", state="open", head=f"{owner}:{event.head_branch}")
    found = [number(item, "number") for item in pulls if _is_head(item, event)]
    if len(found) != 1:
        what = "no open pull request has" if not found else f"{len(found)} open pull requests have"
        raise InputError(f"{what} the head {event.head[:7]} of {event.head_repository}")
    return found[0]


def _is_head(item: Fields, event: Event) -> bool:
    source = words(item, "head", "repo", "full_name").lower()
    return words(item, "head", "sha") == event.head and source == event.head_repository.lower()


def _parents(api: Api, commit: str) -> tuple[str, ...]:
    parents = fields(api.get(f"commits/{commit}"), "commits").get("parents")
    if not isinstance(parents, list):
        raise GitHubError(f"commits/{commit[:7]}: no parents came back")
    return tuple(words(fields(item, "commits"), "sha") for item in parents)
