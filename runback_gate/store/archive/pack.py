"""Run files become parts and one manifest.

packed = pack(storage, rows, by=("day",), at=now)

Parts are written first, under names of their own; the manifest is one write, and only with it they are in the archive.
Whatever ends this before, the archive is as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Final

from runback_gate.canonical import sha256
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import Storage, part_bytes
from runback_gate.store.archive.contents import Contents, read_contents, settled, survey
from runback_gate.store.archive.model import FORMAT, PARTS, Manifest, Part, head, manifest_file, root_of
from runback_gate.store.archive.rows import Row, order, partition

TARGET: Final = 64 << 20
"""Bytes of run files at which a part ends."""
MOST: Final = 4 * TARGET
"""Bytes of run files that are held at once."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What an append did."""

    added: int
    """Runs."""
    present: int
    """Runs that were in the archive already, with the same bytes."""
    parts: tuple[Part, ...]
    head: str
    """Head of the archive."""


class _Packer:
    def __init__(self, storage: Storage, contents: Contents, by: Sequence[str]) -> None:
        self.storage, self.contents, self.by = storage, contents, by
        self.seen: dict[str, str] = {}
        self.held: dict[str, list[Row]] = defaultdict(list)
        self.parts: list[Part] = []
        self.present = 0

    def add(self, row: Row) -> None:
        if row.run in self.seen:
            self.same(row.run, row.digest, self.seen[row.run])
            return
        self.seen[row.run] = row.digest
        folder = partition(row, self.by)
        self.held[folder].append(row)
        if _size(self.held[folder]) >= TARGET:
            self.flush(folder)
        elif sum(map(_size, self.held.values())) >= MOST:
            self.flush(max(self.held, key=lambda name: _size(self.held[name])))

    def flush(self, folder: str) -> None:
        rows = self.held.pop(folder)
        known = settled(self.storage, partial(digests, self.storage, [row.run for row in rows]), self.contents)
        for row in rows:
            if row.run in known:
                self.same(row.run, row.digest, known[row.run])
        if new := [row for row in rows if row.run not in known]:
            self.parts.append(write_part(self.storage, folder, new))

    def same(self, run: str, new: str, old: str) -> None:
        if new != old:
            hint = "an archive keeps a run as it was packed; nothing was added"
            raise InputError(f"run {run[:120]!r} is in the archive with other bytes", hint=hint)
        self.present += 1


def pack(storage: Storage, rows: Iterable[Row], *, by: Sequence[str], at: str) -> Packed:
    """Append runs to an archive; the first append makes it.

    Args:
        storage: where the archive lies.
        rows: each with its bytes; taken one by one.
        by: columns whose values name the folders of the parts.
        at: RFC 3339 time.

    Raises:
        InputError: a run is there with other bytes, or the archive cannot be read. Nothing was added.
        WriteError: a file cannot be written. Nothing was added.
    """
    before = read_contents(storage, new=True)
    packer = _Packer(storage, before, by)
    try:
        for row in rows:
            packer.add(row)
        for folder in list(packer.held):
            packer.flush(folder)
        if not packer.parts:
            return Packed(0, packer.present, (), before.head)
        # Somebody else may have appended meanwhile.
        now = read_contents(storage, new=True, known=before)
        _refuse_removed(storage, now, packer.parts)
        met = settled(storage, partial(digests, storage, list(packer.seen), but=before.parts), now)
        for run, digest in met.items():
            packer.same(run, packer.seen[run], digest)
    except BaseException:
        discard(storage, packer.parts)
        raise
    found = commit(storage, now, packer.parts, at)
    _refuse_removed(storage, read_contents(storage, known=now), packer.parts)
    return Packed(sum(part.runs for part in packer.parts), packer.present, *found)


def _refuse_removed(storage: Storage, contents: Contents, parts: Sequence[Part]) -> None:
    """What an erasure removed is no part of the archive, whatever names it later."""
    if any(part.path in contents.removed for part in parts):
        discard(storage, parts)
        hint = "erase it from the run files as well (`runback-gate audit erase`), then add them again"
        raise InputError("these runs hold what an erasure removes; they were not added", hint=hint)


def commit(storage: Storage, contents: Contents, parts: Sequence[Part], at: str) -> tuple[tuple[Part, ...], str]:
    """Write the manifest that adds parts; gives them, and the head of the archive with them."""
    whole = {**contents.parts, **{part.path: part for part in parts}}
    found = head(whole.values())
    manifest = Manifest(FORMAT, contents.number + 1, at, contents.tips, tuple(parts), len(whole), found)
    storage.write(*manifest_file(manifest))
    return tuple(parts), found


def digests(storage: Storage, runs: Sequence[str], contents: Contents, but: Collection[str] = ()) -> dict[str, str]:
    """Of those runs that the parts say they hold, the digests; but for some parts."""
    paths = [path for path in contents.parts if path not in but]
    return dict(pair for rows in storage.columns(("run", "digest"), paths, runs).values() for pair in rows)


def discard(storage: Storage, parts: Sequence[Part]) -> None:
    """Remove new parts, but for those that a manifest names: another one may have written the same part."""
    contents = survey(storage)
    for part in parts:
        if part.path not in contents.parts and not contents.faults:
            storage.remove(part.path)


def write_part(storage: Storage, folder: str, rows: Sequence[Row]) -> Part:
    """Write the file of a part, which no manifest names yet; its runs are sorted."""
    rows = sorted(rows, key=lambda row: order(row.run))
    data = part_bytes(rows)
    path = f"{PARTS}/{folder}{sha256(data).hexdigest()}.parquet"
    storage.write(path, data)
    steps, root = sum(row.steps for row in rows), root_of(row.digest.encode() for row in rows)
    return Part(path, len(data), len(rows), steps, _size(rows), root)


def _size(rows: Iterable[Row]) -> int:
    return sum(row.size for row in rows)
