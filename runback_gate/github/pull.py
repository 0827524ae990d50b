"""Which commits are held against each other: the merge that would land, and the base that it would land on.

In: an `Event`. Out: the event with its pull request and base known, and the commit whose files are judged.

    sides = find_sides(api, event)
    sides.tree, sides.base                  # commits

A pull request is judged as GitHub would merge it, so that what the base gained in the meantime does not look as if the
change took it away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from runback_gate.errors import GitHubError, InputError
from runback_gate.github.api import TRIES, Api, Fields, fields, number, words
from runback_gate.github.event import Event, check_sha


@dataclass(frozen=True, slots=True)
class Sides:
    """What a job holds against each other."""

    event: Event
    """With its pull request, where it has one."""
    tree: str
    """The commit whose files are judged."""
    base: str
    """The commit whose files judge."""


def find_sides(api: Api, event: Event) -> Sides:
    """The two sides of a job that has a base, or is to look it up.

    Raises:
        InputError: the pull request is closed, was pushed to since, or cannot be merged.
        GitHubError: GitHub does not tell.
    """
    if event.trusted:
        return _looked_up(api, event)
    if event.name == "pull_request" and event.sha != event.head:
        # Newer than what the event says when the base moved on before the merge was made.
        parents = _parents(api, event.sha)
        if len(parents) == 2 and parents[1] == event.head:
            return Sides(event, event.sha, parents[0])
    if event.base is None:
        raise InputError(f"on `{event.name}` nothing is merged, so there is no base")
    return Sides(event, event.sha, event.base)


def _looked_up(api: Api, event: Event) -> Sides:
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
            return Sides(found, merge, parents[0])
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
