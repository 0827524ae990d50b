"""What is judged where git says it: the commit of a head, and a base.

In: the folder of a gate, and what someone gave as base, head and approval. Out: `Sides`, for the `with`.

    with sides_of(root, base="origin/main", head=None, approve=None, also=None) as sides:
        judge_sides(sides, options, world=world)

Against a revision both sides are commits and are read in one way, from their objects. A working tree that differs is
named and judged as well, and never approved. The base is the commit at which the head began, so that what was added
since does not look as if the head took it away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from runback_gate.app.against import Against, BaseFiles, Sides
from runback_gate.errors import InputError
from runback_gate.plural import many
from runback_gate.report.model import Notice
from runback_gate.revision.layout import laid_out
from runback_gate.revision.repository import Repository, find_repository
from runback_gate.revision.selection import select
from runback_gate.revision.snapshot import differences, revision_in

_SHOWN = 3
"""Names of files in a notice."""


@contextlib.contextmanager
def sides_of(
    root: Path, *, base: str | None, head: str | None, approve: str | None, also: str | None
) -> Iterator[Sides]:
    """The two sides of a run; arguments and errors as `open_sides`."""
    repository = None if base is None else revision_in(root, base)
    if base is not None and repository is not None:
        with _two_commits(root, repository, base, head, approve, also) as sides:
            yield sides
        return
    files = None if base is None else BaseFiles(base, "", lambda: contextlib.nullcontext(Path(base)))
    repository = find_repository(root) if head or approve else None
    if repository is None:
        yield Sides(root, Against(files, approve, head))
    else:
        # An approval is of a commit: what a working tree holds beside it, ignored files too, is never covered.
        tree = repository.tree(repository.commit(head or "HEAD"))
        selection = select(tree, also=also)
        unlike = "" if head else _names(differences(root, repository, selection))
        with laid_out(tree, selection.entries) as folder:
            yield Sides(folder, Against(files, approve, tree.commit, unlike=unlike))


@contextlib.contextmanager
def _two_commits(
    root: Path, repository: Repository, base: str, head: str | None, approve: str | None, also: str | None
) -> Iterator[Sides]:
    commit = repository.commit(head or "HEAD")
    fork = repository.fork(repository.commit(base), commit)
    files = BaseFiles(base, fork.commit, lambda: laid_out(repository.tree(fork.commit)))
    notices: tuple[Notice, ...] = ()
    if fork.behind:
        begun = f"held against {fork.commit[:7]}, where the change begins"
        notices = (Notice(f"{begun}: what {many(fork.behind, 'commit')} of {base} did since is not judged"),)
    tree = repository.tree(commit)
    selection = select(tree, also=also)
    if not selection.entries:
        hint = "commit its runback.yaml: with a revision as the base, the commit is judged"
        raise InputError(f"{commit[:7]} has no gate in this folder", hint=hint)
    unlike = "" if head else _names(differences(root, repository, selection))
    working = None
    if unlike:
        said = Notice(f"judged is the working tree, which differs from {commit[:7]}: {unlike}")
        working = Sides(root, Against(files, approve, None, (*notices, said), unlike))
        notices = (*notices, Notice(f"judged is {commit[:7]}; the working tree differs from it: {unlike}"))
    with laid_out(tree, selection.entries) as folder:
        yield Sides(folder, Against(files, approve, commit, notices, unlike), working)


def _names(paths: list[str]) -> str:
    shown = ", ".join(paths[:_SHOWN])
    return f"{shown} and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else shown
