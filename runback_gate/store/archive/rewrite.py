"""Parts are written anew where runs of them change, and the old ones are removed.

rewritten = rewrite(storage, change, reason="asked for", at=now, dry_run=False)

New parts come first, then one manifest that puts them in the place of the old ones and says why, and then the old files
go. Whatever ends this on the way, the archive is as it was or as it is to be; the next rewrite removes what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from runback_gate.errors import InputError, IntegrityError
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.contents import Contents, part_rows, read_contents
from runback_gate.store.archive.model import FORMAT, PARTS, Erased, Manifest, Part, head, manifest_file
from runback_gate.store.archive.pack import write_part
from runback_gate.store.archive.rows import Row, run_row

TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a run."""

    data: bytes
    values: int
    """Values that it lost."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What was written anew, or would be."""

    runs: tuple[str, ...]
    """Ids, sorted."""
    values: int
    parts: int
    head: str
    """Head of the archive."""


def rewrite(
    storage: Storage, change: Callable[[Row], Change | None], *, reason: str, at: str, dry_run: bool
) -> Rewritten:
    """Put what `change` makes of runs in their place; with `dry_run` nothing is written.

    Args:
        storage: where the archive lies.
        change: what becomes of a run; None where it stays.
        reason: what the manifest says of it.
        at: RFC 3339 time.
        dry_run: whether nothing is written.

    Raises:
        IntegrityError: the archive does not verify where it was read. Nothing was changed.
        InputError: it cannot be read, or others rewrite it at the same time.
        WriteError: a file cannot be written or removed.
    """
    for _ in range(TRIES):
        before = read_contents(storage)
        if not dry_run:
            _sweep(storage, before)
        new, runs, values = _written(storage, before, change, dry_run=dry_run)
        if dry_run or not runs:
            return Rewritten(tuple(sorted(runs)), values, len(new), before.head)
        now = read_contents(storage)
        if new.keys() <= now.parts.keys():
            erased = Erased(reason, tuple(sorted(runs)), values)
            found = _commit(storage, now, new, erased, at)
            _sweep(storage, read_contents(storage))
            return Rewritten(erased.runs, values, len(new), found)
        for part in new.values():
            if part is not None and part.path not in now.parts:
                storage.remove(part.path)
    raise InputError("others rewrite the archive at the same time", hint="try again", location=storage.place(PARTS))


def _written(
    storage: Storage, before: Contents, change: Callable[[Row], Change | None], *, dry_run: bool
) -> tuple[dict[str, Part | None], set[str], int]:
    """By the path of each old part the new one; the runs that change, and how many values they lose."""
    found: dict[str, Part | None] = {}
    runs: set[str] = set()
    values = 0
    for path, part in before.parts.items():
        rows, changed = [], False
        for row in part_rows(storage, part):
            new = change(row)
            if new is not None:
                changed = True
                runs.add(row.run)
                values += new.values
            rows.append(row if new is None else _again(row, new.data))
        if changed:
            folder = path.removeprefix(f"{PARTS}/").rpartition("/")[0]
            found[path] = None if dry_run else write_part(storage, f"{folder}/" if folder else "", rows)
    return found, runs, values


def _again(row: Row, data: bytes) -> Row:
    new = run_row(data, row.run)
    if (new.run, new.agent, new.steps) != (row.run, row.agent, row.steps):
        raise IntegrityError(f"run {row.run[:120]!r} would become another run")
    return new


def _commit(storage: Storage, now: Contents, new: dict[str, Part | None], erased: Erased, at: str) -> str:
    parts = tuple(part for part in new.values() if part is not None)
    whole = {path: part for path, part in now.parts.items() if path not in new} | {part.path: part for part in parts}
    found = head(whole.values())
    manifest = Manifest(
        FORMAT, now.number + 1, at, now.tips, parts, len(whole), found, removes=tuple(sorted(new)), erased=erased
    )
    storage.write(*manifest_file(manifest))
    return found


def _sweep(storage: Storage, contents: Contents) -> None:
    """Remove the files of parts that a manifest removed."""
    for path in storage.files(PARTS).keys() & contents.removed:
        storage.remove(path)
