"""The check run: one for each head commit and gate, found again by its external id.

In: an `Event` and an `Outcome`. Out: the check run on GitHub, with its table and its annotations.

    check = start_check(api, event, name="Runback gate")
    finish_check(api, check, outcome, footer)

A check run belongs to one commit; a new head gets a new one. It is made once: after a POST whose answer was lost, and
after a job that was killed, it is found again by its external id. Annotations are added by each request and can never
be taken back, so those that are there already are not sent twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from runback_gate.errors import UnansweredError
from runback_gate.frozen import dataclass
from runback_gate.github.api import TRIES, Api, Fields, number, words
from runback_gate.github.event import Event
from runback_gate.github.outcome import Outcome
from runback_gate.report.annotations import Annotation
from runback_gate.report.text import cut

MAX_SUMMARY: Final = 65_535
"""Bytes of UTF-8 that GitHub takes for a summary, although its description speaks of characters."""
BATCH: Final = 50
"""Annotations of one request."""
MAX_ANNOTATIONS: Final = 500
"""Annotations of one check: ten requests. What is left out is counted in the summary."""
JUDGING: Final = "Judging"

_LEVELS: Final = {"error": "failure", "warning": "warning", "notice": "notice"}
_ANNOTATION_TITLE: Final = 255
_MESSAGE: Final = 60_000

Key = tuple[str, int, str, str, str]
"""Path, line, level, title and message: what makes two annotations the same to a reader."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check run on GitHub."""

    id: int
    url: str
    """Its page, for people."""
    annotated: int
    """How many annotations it carries."""
    author: str = ""
    """Login of the app that made it, and so of the token; empty where GitHub does not say it."""
    others: tuple[int, ...] = ()
    """Check runs of the same identity: two jobs at once may each have made one, and none can be deleted."""


def external_id(event: Event, key: str) -> str:
    """The name by which a check run is found again: of the gate, and of the pull request or kind of event."""
    return f"runback-gate:{key}:{event.pull or event.name}"


def start_check(api: Api, event: Event, *, name: str, key: str) -> Check:
    """The check run of this head: the one that is there, or a new one that is in progress.

    Raises:
        GitHubError: GitHub refuses, as for a token that may only read.
    """
    identity = external_id(event, key)
    body = {
        "name": name,
        "head_sha": event.head,
        "external_id": identity,
        "details_url": event.run_url,
        "status": "in_progress",
        "output": {"title": JUDGING, "summary": "The gate is judging this commit."},
    }
    return api.create(lambda: _find(api, event.head, name, identity), lambda: _check(api.post("check-runs", body)))


def finish_check(api: Api, check: Check, outcome: Outcome, footer: str = "") -> None:
    """Set the conclusion, then add the annotations. `footer` is Markdown of ours that must be shown.

    Raises:
        GitHubError: GitHub refuses. The conclusion goes first, so that it stands even where an annotation does not.
    """
    wanted = _annotations(outcome.annotations)
    shown = dict(list(wanted.items())[:MAX_ANNOTATIONS])
    present = _present(api, check) if check.annotated else set()
    note = _notes(len(wanted) - len(shown), len(present - wanted.keys())) + footer
    room = MAX_SUMMARY - len(note.encode())
    output = {"title": outcome.title, "summary": outcome.markdown(room) + note}
    path = f"check-runs/{check.id}"
    done = {"status": "completed", "conclusion": outcome.conclusion}
    api.patch(path, {**done, "output": output})
    for other in check.others:
        api.patch(f"check-runs/{other}", {**done, "output": {**output, "summary": f"See {check.url}"}})
    tried = 0
    while missing := [item for key, item in shown.items() if key not in present]:
        try:
            for start in range(0, len(missing), BATCH):
                api.append(path, {"output": {**output, "annotations": missing[start : start + BATCH]}})
            return
        except UnansweredError:
            tried += 1
            if tried == TRIES:
                raise
            api.pause(tried - 1)
            present = _present(api, check)


def cancel_check(api: Api, check: Check) -> None:
    """End a check run whose job was cancelled: it is neither green nor for ever in progress."""
    output = {"title": "Cancelled", "summary": "The job was cancelled before there was a verdict."}
    api.patch(f"check-runs/{check.id}", {"status": "completed", "conclusion": "cancelled", "output": output})


def _find(api: Api, head: str, name: str, identity: str) -> Check | None:
    """The oldest check run of this identity, with the others."""
    runs = api.pages(f"commits/{head}/check-runs", inside="check_runs", check_name=name, filter="all")
    own = [_check(run) for run in runs if words(run, "external_id") == identity]
    own.sort(key=lambda run: run.id)
    return dataclasses.replace(own[0], others=tuple(run.id for run in own[1:])) if own else None


def _check(value: Fields) -> Check:
    output = value.get("output")
    annotated = number(output, "annotations_count") if isinstance(output, dict) else 0
    app = words(value, "app", "slug")
    return Check(number(value, "id"), words(value, "html_url"), annotated, f"{app}[bot]" if app else "")


def _present(api: Api, check: Check) -> set[Key]:
    found = set()
    for item in api.pages(f"check-runs/{check.id}/annotations"):
        line = number(item, "start_line")
        path, level, title, message = (words(item, key) for key in ("path", "annotation_level", "title", "message"))
        found.add((path, line, level, title, message))
    return found


def _annotations(items: Sequence[Annotation]) -> dict[Key, Fields]:
    """Those that stand in a file, as GitHub takes them."""
    made: dict[Key, Fields] = {}
    for item in items:
        if item.location is None:
            continue
        path, line = item.location.path, max(item.location.line or 1, 1)
        title, message = cut(item.title, _ANNOTATION_TITLE), cut(item.message, _MESSAGE)
        body = {
            "path": path,
            "start_line": line,
            "end_line": line,
            "annotation_level": _LEVELS[item.level],
            "title": title,
            "message": message,
        }
        made.setdefault((path, line, _LEVELS[item.level], title, message), body)
    return made


def _notes(left: int, stale: int) -> str:
    notes = [f"{left:,} more annotations are not shown."] if left else []
    if stale:
        notes.append(
            f"{stale:,} annotations below are of an earlier attempt on this commit. GitHub cannot take them back; "
            "what is said here counts."
        )
    return "".join(f"\n{note}\n" for note in notes)
