"""The revision that a run is held against: `--base`, `--approve`, `--head` and `--shard` as values.

In: what somebody gave. Out: the gate of the base as it was, what the head takes away from it, and whether that was
approved for the commit that is judged.

    with against("main", load_plan(root, day=day), approve=None, head=None) as (base, context):
        run_gate(plan, engine, drive, base=base)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from runback_gate.cli.revision import Snapshot, clean_commit, folder_of
from runback_gate.errors import InputError
from runback_gate.gate.base import Base
from runback_gate.gate.config import GATE_FILE
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.gate.weakening import find_weakenings, refusal
from runback_gate.report.build import Context
from runback_gate.report.model import Notice, Revision

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@contextmanager
def against(
    given: str | None,
    plan: Plan,
    *,
    approve: str | None,
    head: str | None,
    called: tuple[str, str] | None = None,
) -> Iterator[tuple[Base | None, Context]]:
    """What a run is held against. The files of a revision are there as long as the `with`.

    Args:
        given: a folder or a git revision; None for a run of one revision alone.
        plan: the gate of the head, without filters: what a filter leaves out is no weakening.
        approve: commit for which somebody accepted what the head loosens.
        head: commit that is judged; None for that of the working tree.
        called: name and commit of a base that is given as a folder, where the caller knows them.

    Raises:
        InputError: no such folder or revision, a gate of the base that cannot be read, or an approval that names no
            commit.
    """
    if given is None and approve is not None:
        raise InputError("--approve: there is nothing to approve without a base", hint="add --base")
    # Which commit lies here takes time to tell, and only an approval hangs on it.
    commit = clean_commit(plan.root) if head is None and approve is not None else _stated(head)
    judged = None if commit is None else Revision(commit[:7], commit)
    if given is None:
        yield None, Context(head=judged)
        return
    approval, void = _approval(approve, commit)
    with folder_of(plan.root, given) as snapshot:
        revision = Revision(*(called or (snapshot.name, snapshot.commit or "")))
        base, theirs, notices = _base(snapshot, str(revision), plan, approval)
        yield base, Context(base=revision, base_plan=theirs, head=judged, notices=(*void, *notices))


def _approval(given: str | None, commit: str | None) -> tuple[str | None, tuple[Notice, ...]]:
    """The approval as far as it holds. One of an earlier push is void, which is no fault of who runs the gate."""
    why = None if given is None else refusal(given, commit)
    if why is None:
        return given, ()
    if commit is None or not _COMMIT.fullmatch(given or ""):
        raise InputError(f"--approve: {why}", hint="approve the commit that is judged: git rev-parse HEAD")
    return None, (Notice(f"not approved: {why}"),)


def _stated(head: str | None) -> str | None:
    if head is not None and not _COMMIT.fullmatch(head):
        raise InputError(f"--head {head[:80]}: not a commit id", hint="40 or 64 lower-case hexadecimal digits")
    return head


def _base(
    snapshot: Snapshot, name: str, plan: Plan, approve: str | None
) -> tuple[Base, Plan | None, tuple[Notice, ...]]:
    """The gate of the base, and what a report says of it."""
    if not (snapshot.path / GATE_FILE).exists():
        notice = Notice(f"the base {name} has no gate: the rules of the change judge alone")
        return Base(None), None, (notice,)
    try:
        theirs = load_plan(snapshot.path, day=plan.day)
    except InputError as error:
        if approve is None:
            message = f"the gate of the base {name} cannot be read: {error.message}"
            raise type(error)(message, hint=error.hint, location=error.location) from error
        notice = Notice(f"the gate of the base {name} cannot be read ({error.message}); approved for {approve[:7]}")
        return Base(None), None, (notice,)
    return Base(theirs, find_weakenings(theirs, plan), approve or ""), theirs, ()
