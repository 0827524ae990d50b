"""Parts are written anew where runs of them change, and the old ones are removed.

rewritten = rewrite(storage, change, reason="asked for", at=now, dry_run=False)

New parts come first, then one manifest that puts them in the place of the old ones and says why, and then the old files
go. Whatever ends this on the way, the archive is as it was or as it is to be; the next rewrite removes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from runback_gate.errors import InputError, IntegrityError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import Storage, read_rows
from runback_gate.store.archive.claim import claimed
from runback_gate.store.archive.contents import Contents, part_rows, read_contents, row_fault
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
from runback_gate.store.archive.pack import discard, write_part
from runback_gate.store.archive.rows import Row, run_row
from runback_gate.store.archive.versions import Versions, open_versions


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
        InputError: it cannot be read, or somebody else rewrites it.
        WriteError: a file cannot be written or removed, nor an old version of one.
    """
    if dry_run:
        contents = read_contents(storage)
        new, runs, values = _written(storage, contents.parts, change, dry_run=True)
        return Rewritten(
            tuple(sorted(runs)), values, len(new), contents.head, len([*_strays(storage, contents, change)])
        )
    read_contents(storage)
    versions = open_versions(storage)
    with claimed(storage, versions, at):
        return _rewrite(storage, Sweeper(storage, versions), change, reason, at)


def _rewrite(
    storage: Storage, sweeper: Sweeper, change: Callable[[Row], Change | None], reason: str, at: str
) -> Rewritten:
    """Round by round, until no part is left that was not looked at: others may append meanwhile."""
    contents = read_contents(storage)
    found = Rewritten((), 0, 0, contents.head, swept=sweeper.sweep(contents))
    seen: set[str] = set()
    revived: dict[str, Part] = {}
    while True:
        fresh = {path: part for path, part in contents.parts.items() if path not in seen} | revived
        new, runs, values = _written(storage, fresh, change, dry_run=False)
        strays = tuple(_strays(storage, contents, change))
        seen |= fresh.keys() | {part.path for part in new.values() if part is not None}
        if not (new or strays):
            return replace(found, head=contents.head)
        now = read_contents(storage, known=contents)
        if not new.keys() - revived.keys() <= now.parts.keys():
            discard(storage, [part for part in new.values() if part is not None])
            hint = "run it again"
            raise InputError("another process is rewriting the archive", hint=hint, location=storage.place(PARTS))
        strays = tuple(path for path in strays if path not in now.named)
        if new or strays:
            _commit(storage, now, new, strays, Erased(reason, tuple(sorted(runs)), values), at)
        found = replace(
            found,
            runs=tuple(sorted({*found.runs, *runs})),
            values=found.values + values,
            parts=found.parts + len(new),
            strays=found.strays + len(strays),
        )
        contents = read_contents(storage, known=now)
        # Whoever added a stray before the manifest was there was not told that it is none: its runs are to stay.
        revived = {path: contents.added[path] for path in strays if path in contents.added}
        sweeper.sweep(contents, but=revived)


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
    storage: Storage, parts: Mapping[str, Part], change: Callable[[Row], Change | None], *, dry_run: bool
) -> tuple[dict[str, Part | None], set[str], int]:
    """By the path of each old part the new one; the runs that change, and how many values they lose."""
    found: dict[str, Part | None] = {}
    runs: set[str] = set()
    values = 0
    try:
        for path, part in parts.items():
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
        discard(storage, [part for part in found.values() if part is not None])
        raise
    return found, runs, values


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

    def sweep(self, contents: Contents, but: Collection[str] = ()) -> int:
        """Remove them all but for some, and give how many files there were.

        Raises:
            WriteError: one cannot be removed.
        """
        hidden = [] if self.versions is None else self.versions.of(PARTS)
        files = self.storage.files(PARTS)
        gone = [path for path in files if (path in contents.removed and path not in but) or is_half(path)]
        for path in gone:
            self.storage.remove(path)
        if self.versions is not None:
            kept = (files.keys() | contents.parts.keys()) - set(gone)
            # What was hidden meanwhile is not in the list.
            hidden += self.versions.of(PARTS) if gone else ()
            ours = {version.path for version in hidden if is_part(version.path) or is_half(version.path)}
            self.versions.remove(dict.fromkeys(hidden), ours - kept)
        return len(gone)
