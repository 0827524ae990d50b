"""The parts of an archive as the shards of a backtest.

shards = archive_shards("s3://bucket/archive")
for path, data in shards[0].read(): ...

A part is fetched whole and held against the digest that its manifest says: one SHA-256 over its packed bytes, which
covers the runs, their digests and all columns. Of the columns only those are unpacked by which each run is held against
its own digest, and all of them against the part's root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import partial
from pathlib import Path

from runback_gate.canonical import sha256
from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import Storage, open_storage
from runback_gate.store.archive.contents import HELD, Contents, part_rows, settled
from runback_gate.store.archive.model import MANIFESTS, Part, is_manifest


@dataclass(frozen=True, slots=True)
class PartShard:
    """The runs of a part."""

    where: str = field(repr=False)
    """Of the archive. A URI may hold what is secret."""
    part: Part
    steps: int
    """Steps of its runs."""
    days: tuple[str, str]
    """First and last day (YYYY-MM-DD) of its runs; empty where nothing says them."""
    without: tuple[str, ...] = ()
    """Ids of runs that stand in an earlier part too: two appended them at the same time."""

    def __str__(self) -> str:
        return self.part.path

    @property
    def names(self) -> tuple[str, ...]:
        """The path of the part, and what is left out."""
        return (self.part.path, *self.without)

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return self.part.runs - len(self.without)

    @property
    def size(self) -> int:
        """Bytes of the run files; those of runs that are left out count too."""
        return self.part.bytes

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Each run file and where it lies.

        Raises:
            InputError: it cannot be read.
            IntegrityError: the part is missing, or was changed.
        """
        storage, without = open_storage(self.where), frozenset(self.without)
        place = storage.place(self.part.path)
        for row in part_rows(storage, self.part, HELD):
            if row.run not in without:
                yield f"{place.path}: run {row.run[:120]}", row.data

    def content(self) -> tuple[str, Iterable[tuple[str, bytes]]]:
        """A name of the content, which the manifest says without a look at the part, and what `read` gives."""
        return sha256("\n".join((self.part.root, *self.without)).encode()).hexdigest(), self.read()


def is_archive(name: str) -> bool:
    """Whether what a person named is an archive: a URI, or a folder with manifests.

    Raises:
        InputError: the folder holds run files as well.
    """
    if "://" in name:
        return True
    folder = Path(name)
    if not any(is_manifest(f"{MANIFESTS}/{path.name}") for path in folder.glob(f"{MANIFESTS}/*.json")):
        return False
    if next(folder.glob("*.jsonl"), None) is not None:
        raise InputError("this folder holds run files and an archive", location=Location(folder.as_posix()))
    return True


def archive_shards(where: str) -> tuple[PartShard, ...]:
    """The parts of an archive by path, each run once.

    Raises:
        InputError: there is no archive, or it cannot be read.
        IntegrityError: a manifest cannot be believed, or a run stands there twice with other bytes.
    """
    storage = open_storage(where)
    return settled(storage, partial(_shards, where, storage))


def _shards(where: str, storage: Storage, contents: Contents) -> tuple[PartShard, ...]:
    columns = storage.columns(("run", "digest", "steps", "day"), list(contents.parts))
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for path, part in contents.parts.items():
        twice, steps, days = [], 0, set[str]()
        for run, digest, own, day in columns.get(path, ()):
            known, other = seen.setdefault(run, (digest, path))
            if known != digest:
                raise IntegrityError(
                    f"run {run[:120]!r} stands in {other} too, with other bytes", location=storage.place(path)
                )
            if other != path:
                twice.append(run)
                continue
            steps += own
            days |= {day} - {""}
        if len(twice) < part.runs:
            found.append(PartShard(where, part, steps, (min(days, default=""), max(days, default="")), tuple(twice)))
    return tuple(found)
