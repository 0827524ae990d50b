"""What is judged, and what it is compared with.

In: the folder of a gate, and what someone gave as base and head. Out: `Sides`, whose files are there for the `with`.

    with open_sides(root, base="origin/main") as sides:
        judge_sides(sides, options, world=world)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from runback_gate.app.against import Against, Sides
from runback_gate.canonical import is_git_id
from runback_gate.errors import InputError


@contextlib.contextmanager
def open_sides(
    root: Path, *, base: str | None = None, head: str | None = None, approve: str | None = None, also: str | None = None
) -> Iterator[Sides]:
    """The two sides of a run.

    Args:
        root: the folder of the gate.
        base: a folder or a git revision; None for a head alone.
        head: full id of the commit that is judged. None for the one that the working tree is at or, without a revision
            as base, for the working tree itself.
        approve: commit for which somebody accepted what the head loosens.
        also: path of another file that will be asked for.

    Raises:
        InputError: no such folder, revision or commit, or no common history.
    """
    if base is None and approve is not None:
        raise InputError("--approve: there is nothing to approve without a base", hint="add --base")
    if head is not None and not is_git_id(head):
        raise InputError(f"--head {head[:80]}: not a commit id", hint="40 or 64 lower-case hexadecimal digits")
    if base is None and head is None and approve is None:
        yield Sides(root, Against())
        return
    # Imported here: most runs hold nothing against a base, and need no git.
    from runback_gate.app.commits import sides_of  # noqa: PLC0415

    with sides_of(root, base=base, head=head, approve=approve, also=also) as sides:
        yield sides
