"""What a run is held against.

In: the files of the base, the gate of the head, and the approval that somebody gave. Out: the gate of the base as it
was with what the head takes away from it, and what a report says of both.

    base, context = hold_against(Against(BaseFolder(folder, "main", commit)), plan)
    run_gate(plan, engine, live, base=base)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runback_gate.errors import InputError
from runback_gate.gate.base import Base
from runback_gate.gate.config import GATE_FILE
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.gate.weakening import find_weakenings, refusal
from runback_gate.report.build import Context
from runback_gate.report.model import Notice, Revision

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BaseFolder:
    """The files of a base, and what to call it."""

    path: Path
    name: str
    """As a person calls it: a branch, a tag, a folder."""
    commit: str
    """Id of the commit; empty for a folder that is no revision."""


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is held against; nothing for one revision alone."""

    base: BaseFolder | None = None
    approve: str | None = None
    """Commit for which somebody accepted what the head loosens."""
    head: str | None = None
    """Commit that is judged; None where it is not known, or where the files differ from it."""


def hold_against(against: Against, plan: Plan) -> tuple[Base | None, Context]:
    """What the head is held against, and what the report says of it.

    Args:
        against: the base, the approval and the commit of the head.
        plan: the gate of the head, without filters: what a filter leaves out is no weakening.

    Raises:
        InputError: a gate of the base that cannot be read, or an approval that names no commit.
    """
    commit = against.head
    judged = None if commit is None else Revision(commit[:7], commit)
    if against.base is None:
        return None, Context(head=judged)
    approval, void = _approval(against.approve, commit)
    revision = Revision(against.base.name, against.base.commit)
    base, theirs, notices = _base(against.base.path, str(revision), plan, approval)
    return base, Context(base=revision, base_plan=theirs, head=judged, notices=(*void, *notices))


def is_commit(text: str) -> bool:
    """Whether this is the full id of a commit: 40 or 64 lower-case hexadecimal digits."""
    return _COMMIT.fullmatch(text) is not None


def _approval(given: str | None, commit: str | None) -> tuple[str | None, tuple[Notice, ...]]:
    """The approval as far as it holds. One of an earlier push is void, which is no fault of who runs the gate."""
    why = None if given is None else refusal(given, commit)
    if why is None:
        return given, ()
    if commit is None or not is_commit(given or ""):
        raise InputError(f"approve: {why}", hint="approve the commit that is judged: git rev-parse HEAD")
    return None, (Notice(f"not approved: {why}"),)


def _base(folder: Path, name: str, plan: Plan, approve: str | None) -> tuple[Base, Plan | None, tuple[Notice, ...]]:
    """The gate of the base, and what a report says of it."""
    if not (folder / GATE_FILE).exists():
        notice = Notice(f"the base {name} has no gate: the rules of the change judge alone")
        return Base(None), None, (notice,)
    try:
        theirs = load_plan(folder, day=plan.day)
    except InputError as error:
        if approve is None:
            message = f"the gate of the base {name} cannot be read: {error.message}"
            raise type(error)(message, hint=error.hint, location=error.location) from error
        notice = Notice(f"the gate of the base {name} cannot be read ({error.message}); approved for {approve[:7]}")
        return Base(None), None, (notice,)
    return Base(theirs, find_weakenings(theirs, plan), approve or ""), theirs, ()
