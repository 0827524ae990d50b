"""The comment on the pull request: one for each gate, rewritten in place.

In: an `Event` and an `Outcome`. Out: the comment on GitHub, or none where there is nothing to say.

    publish_comment(api, event, outcome, key="support", footer=footer)

It is known by its hidden first line and by its author, since anyone can write that line. The token of an app, that of
a job too, may not ask who it is: it is whoever made the check run or, without one, a bot. That line also names the head
that it speaks of. A run whose head is no longer the pull request's leaves the comment to the run of the newer one.
"""

from __future__ import annotations

from typing import Final

from runback_gate.errors import GitHubError
from runback_gate.frozen import dataclass
from runback_gate.github.api import Api, Fields, fields, number, words
from runback_gate.github.event import Event
from runback_gate.github.outcome import Outcome

MAX_COMMENT: Final = 20_000
"""Bytes. GitHub takes three times as much; the check has the whole of it."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of ours."""

    id: int
    url: str
    body: str


def publish_comment(
    api: Api, event: Event, outcome: Outcome, *, key: str, footer: str = "", author: str = ""
) -> Comment | None:
    """Write the comment, or write it anew; None where there is nothing to say, or a newer head to speak of.

    Args:
        api: the repository.
        event: the pull request and its head.
        outcome: what there is to say.
        key: of the gate, among those of the repository.
        footer: Markdown of ours that must be shown.
        author: login that the token writes as; empty where it is not known.

    Raises:
        GitHubError: GitHub refuses, as for a token that may only read.
    """
    if event.pull is None:
        return None
    pull = fields(api.get(f"pulls/{event.pull}"), "pulls")
    if words(pull, "head", "sha") != event.head:
        return None
    mark = _mark(key)
    first = f"{mark} head={event.head} report={outcome.digest or 'none'} -->\n"
    room = MAX_COMMENT - len((first + footer).encode())
    body = first + outcome.markdown(room) + footer
    path, author = f"issues/{event.pull}/comments", author or _login(api)

    def find() -> list[Comment] | None:
        # None asks for a new one, an empty list for none at all.
        return _find(api, path, mark, author) or (None if outcome.notable else [])

    own = api.create(find, lambda: [_comment(api.post(path, {"body": body}))])
    return _keep_one(api, own, body) if own else None


def _keep_one(api: Api, own: list[Comment], body: str) -> Comment:
    """Write the oldest anew and delete the others: two jobs at once may each have made one."""
    first, *others = sorted(own, key=lambda item: item.id)
    if first.body != body:
        api.patch(f"issues/comments/{first.id}", {"body": body})
    for item in others:
        api.delete(f"issues/comments/{item.id}")
    return first


def _mark(key: str) -> str:
    return f"<!-- runback-gate:{key}"


def _login(api: Api) -> str:
    """Who the token is; empty for an app, which may not ask."""
    try:
        return words(fields(api.get("/user"), "/user"), "login")
    except GitHubError as error:
        if error.status == 403:
            return ""
        raise


def _find(api: Api, path: str, mark: str, author: str) -> list[Comment]:
    return [
        _comment(item)
        for item in api.pages(path)
        if words(item, "body").startswith(f"{mark} ") and _is_by(item, author)
    ]


def _is_by(item: Fields, author: str) -> bool:
    """Whether a comment is of this author. Where that is some app, no person can pose as it."""
    return words(item, "user", "login") == author if author else words(item, "user", "type") == "Bot"


def _comment(value: Fields) -> Comment:
    return Comment(number(value, "id"), words(value, "html_url"), words(value, "body"))
