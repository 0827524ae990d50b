"""Parts are written anew where runs of them change, and the old ones are removed.

rewritten = rewrite(storage, change, reason="asked for", at=now, dry_run=False)

New parts come first, then one manifest that puts them in the place of the old ones and says why, and then the old files
go. Whatever ends this on the way, the archive is as it was or as it is to be; the next rewrite removes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from runback_gate.errors import InputError, IntegrityError, RunbackError
from runback_gate.store.archive.arrow import Storage, read_rows
from runback_gate.store.archive.contents import Contents, MeanwhileError, part_rows, read_contents, row_fault
from runback_gate.store.archive.model import (
    FORMAT,
    MAX_PART_BYTES,
    PARTS,
    Erased,
    Manifest,
    Part,
    head,
    is_half,
    is_part,
    manifest_file,
)
from runback_gate.store.archive.pack import write_part
from runback_gate.store.archive.rows import Row, run_row
from runback_gate.store.archive.versions import Versions, open_versions

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
    strays: int = 0
    """Parts that no manifest named, and that went."""
    swept: int = 0
    """Files that an earlier rewrite should have removed."""


def rewrite(
    storage: Storage, change: Callable[[Row], Change | None], *, reason: str, at: str, dry_run: bool
) -> Rewritten:
    """Put what `change` makes of runs in their place; with `dry_run` nothing is written.

    A part that no manifest names is of an append that was killed, or is under way. One that would change goes, and the
    manifest says so: it is no part of the archive from then on, whoever names it later.

    Args:
        storage: where the archive lies.
        change: what becomes of a run; None where it stays.
        reason: what the manifest says of it.
        at: RFC 3339 time.
        dry_run: whether nothing is written.

    Raises:
        IntegrityError: the archive does not verify where it was read. Nothing was changed.
        InputError: it cannot be read, or others rewrite it at the same time.
        WriteError: a file cannot be written or removed, nor an old version of one.
    """
    before = read_contents(storage)
    sweeper = None if dry_run else Sweeper(storage, open_versions(storage))
    swept = 0
    for _ in range(TRIES):
        if sweeper is not None:
            swept += sweeper.sweep(before)
        try:
            new, runs, values = _written(storage, before, change, dry_run=dry_run)
        except MeanwhileError:
            before = read_contents(storage, known=before)
            continue
        strays = tuple(_strays(storage, before, change))
        if sweeper is None or not (runs or strays):
            return Rewritten(tuple(sorted(runs)), values, len(new), before.head, len(strays), swept)
        now = read_contents(storage, known=before)
        if new.keys() <= now.parts.keys():
            erased = Erased(reason, tuple(sorted(runs)), values)
            found = _commit(storage, now, new, strays, erased, at)
            sweeper.sweep(read_contents(storage, known=now))
            return Rewritten(erased.runs, values, len(new), found, len(strays), swept)
        _discard(storage, new, now)
        before = now
    raise InputError("another process is rewriting the archive", hint="try again", location=storage.place(PARTS))


def _strays(storage: Storage, before: Contents, change: Callable[[Row], Change | None]) -> Iterator[str]:
    """Parts that no manifest names and that would change, or that nobody can read."""
    for path in storage.files(PARTS):
        if path not in before.named and is_part(path):
            try:
                data = storage.read(path, MAX_PART_BYTES)
                rows = read_rows(data, storage.place(path), size=MAX_PART_BYTES)
                stays = all(row_fault(row) is None and change(row) is None for row in rows)
            except FileNotFoundError:
                continue
            except RunbackError:
                stays = False
            if not stays:
                yield path


def _written(
    storage: Storage, before: Contents, change: Callable[[Row], Change | None], *, dry_run: bool
) -> tuple[dict[str, Part | None], set[str], int]:
    """By the path of each old part the new one; the runs that change, and how many values they lose."""
    found: dict[str, Part | None] = {}
    runs: set[str] = set()
    values = 0
    try:
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
    except BaseException:
        _discard(storage, found, before)
        raise
    return found, runs, values


def _discard(storage: Storage, new: dict[str, Part | None], contents: Contents) -> None:
    """Remove new parts that no manifest names."""
    for part in new.values():
        if part is not None and part.path not in contents.named:
            storage.remove(part.path)


def _again(row: Row, data: bytes) -> Row:
    new = run_row(data, row.run)
    if (new.run, new.agent, new.steps) != (row.run, row.agent, row.steps):
        raise IntegrityError(f"run {row.run[:120]!r} would become another run")
    return new


def _commit(
    storage: Storage, now: Contents, new: dict[str, Part | None], strays: Sequence[str], erased: Erased, at: str
) -> str:
    parts, removes = tuple(part for part in new.values() if part is not None), tuple(sorted((*new, *strays)))
    whole = {path: part for path, part in now.parts.items() if path not in removes}
    whole |= {part.path: part for part in parts}
    found = head(whole.values())
    manifest = Manifest(FORMAT, now.number + 1, at, now.tips, parts, len(whole), found, removes=removes, erased=erased)
    storage.write(*manifest_file(manifest))
    return found


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Removes the files of parts that a manifest removed, those of writers that died, and old versions of both."""

    storage: Storage
    versions: Versions | None

    def sweep(self, contents: Contents) -> int:
        """Remove them all, and give how many files there were.

        Raises:
            WriteError: one cannot be removed.
        """
        hidden = [] if self.versions is None else self.versions.of(PARTS)
        files = self.storage.files(PARTS)
        gone = [path for path in files if path in contents.removed or is_half(path)]
        for path in gone:
            self.storage.remove(path)
        if self.versions is not None:
            kept = (files.keys() | contents.parts.keys()) - set(gone)
            # What was hidden meanwhile is not in the list.
            hidden += self.versions.of(PARTS) if gone else ()
            ours = {version.path for version in hidden if is_part(version.path) or is_half(version.path)}
            self.versions.remove(dict.fromkeys(hidden), ours - kept)
        return len(gone)
