"""What a run is compared with.

In: the files of the base, the gate of the head, and the approval that someone gave. Out: the gate of the base as it
was with what the head says otherwise, and what a report says of both.

    with held_against(Against(BaseFiles("main", commit, lay_out)), plan) as (base, context):
        run_gate(plan, engine, live, base=base)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from runback_gate.canonical import is_git_id
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.proof import Proof
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.gate.approval import refusal
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.report.build import Context
from runback_gate.report.model import Notice, Revision
from runback_gate.revision.selection import check_gate_file


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """The files of a base, and what to call it."""

    name: str
    """As a person calls it: a branch, a tag, a folder."""
    commit: str
    """Id of the commit; empty for a folder that is no revision."""
    lay_out: Callable[[], AbstractContextManager[Path]]
    """Gives the folder of the gate, for as long as the `with`."""


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is held against; nothing for one revision alone."""

    base: BaseFiles | None = None
    approve: str | None = None
    """Commit for which somebody accepted what the head loosens."""
    head: str | None = None
    """Commit that is judged; None where it is not known, or where the files differ from it."""
    notices: tuple[Notice, ...] = ()
    """What the report says of the two."""
    unlike: str = ""
    """Files in which the working tree differs from its commit, in words."""


@dataclass(frozen=True, slots=True)
class Sides:
    """A head, and what it is held against."""

    head: Path
    """The folder of the gate that is judged."""
    against: Against
    working: Sides | None = None
    """The same for the working tree, where that is not the commit that is judged."""


@contextmanager
def held_against(against: Against, plan: Plan, *, prove: bool = False) -> Iterator[tuple[Base | None, Context]]:
    """What the head is held against, and what the report says of it. The base is there for as long as the `with`.

    Args:
        against: the base, the approval and the commit of the head.
        plan: the gate of the head, without filters: what a filter leaves out is no weakening.
        prove: whether changed rules are proved to weaken nothing.

    Raises:
        InputError: a gate that cannot be read, or an approval that names no commit.
    """
    head = None if against.head is None else Revision(against.head[:7], against.head)
    if against.base is None:
        yield None, Context(head=head, notices=against.notices)
        return
    # Imported here: a run without a base does without.
    from runback_gate.change.gates import compare_gates  # noqa: PLC0415

    check_gate_file(plan.root)
    approval, void = _approval(against)
    with ExitStack() as stack:
        base, theirs, notices = _base(stack, against.base, plan, approval)
        proofs = _proofs(theirs, plan) if prove and theirs else ()
        if theirs is not None:
            base = replace(base, changes=compare_gates(theirs, plan, proofs))
        revision = Revision(against.base.name, against.base.commit)
        notices = (*against.notices, *void, *notices)
        yield (
            base,
            Context(base=revision, base_plan=theirs, changes=base.changes, head=head, notices=notices, proofs=proofs),
        )


def _approval(against: Against) -> tuple[str | None, tuple[Notice, ...]]:
    """The approval as far as it holds. One of an earlier push is void, which is no fault of who runs the gate."""
    given, commit = against.approve, against.head
    if given is not None and against.unlike:
        hint = "commit what belongs to the change, or name the commit with --head"
        raise InputError(f"approve: the working tree differs from its commit: {against.unlike}", hint=hint)
    why = None if given is None else refusal(given, commit)
    if why is None:
        return given, ()
    if commit is None or not is_git_id(given or ""):
        raise InputError(f"approve: {why}", hint="approve the commit that is judged: git rev-parse HEAD")
    return None, (Notice(f"not approved: {why}"),)


def _base(
    stack: ExitStack, files: BaseFiles, plan: Plan, approve: str | None
) -> tuple[Base, Plan | None, tuple[Notice, ...]]:
    """The gate of the base, and what a report says of it."""
    name, theirs = str(Revision(files.name, files.commit)), None
    approved = f"; approved for {approve[:7]}" if approve else ""
    try:
        folder = stack.enter_context(files.lay_out())
        if check_gate_file(folder):
            theirs = load_plan(folder, day=plan.day, redact_key=plan.redact_key)
    except InputError as error:
        if approve is None:
            message = f"the gate of the base {name} cannot be read: {error.message}"
            raise type(error)(message, hint=error.hint, location=error.location) from error
        notice = Notice(f"the gate of the base {name} cannot be read ({error.message}){approved}")
        return Base(None, approval=approve), None, (notice,)
    if theirs is None:
        notice = Notice(f"the base {name} has no gate: the rules of the change judge alone{approved}")
        return Base(None, approval=approve or ""), None, (notice,)
    return Base(theirs, approval=approve or ""), theirs, ()


def _proofs(theirs: Plan, plan: Plan) -> tuple[Proof, ...]:
    # Imported here: few runs prove anything, and the second engine takes a while to start.
    from runback_gate.analysis.proof.changed import prove_policies  # noqa: PLC0415
    from runback_gate.cel.py_engine import PyEngine  # noqa: PLC0415

    return prove_policies(theirs.policies, plan.policies, (CppEngine(), PyEngine()))
