"""The contents of an archive, according to its manifests.

contents = read_contents(storage)
contents.parts, contents.head
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Final, TypeVar

from runback_gate.canonical import sha256
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import COLUMNS, Storage, read_rows
from runback_gate.store.archive.model import (
    MANIFESTS,
    MAX_MANIFEST_BYTES,
    MAX_MANIFESTS,
    PARTS,
    Manifest,
    Part,
    digest_of,
    head,
    is_manifest,
    read_manifest,
    root_of,
)
from runback_gate.store.archive.rows import Row

HELD: Final = ("run", "digest", "size", "steps")
"""The columns that a part and its runs are held against."""
VERIFY: Final = "`runback-gate archive verify` shows everything that is wrong"
T = TypeVar("T")


class MeanwhileError(InputError):
    """A part is gone because an erasure put another one in its place."""


@dataclass(frozen=True)
class Contents:
    """The sum of the manifests."""

    manifests: Mapping[str, Manifest]
    """By digest."""
    faults: tuple[tuple[str, str], ...] = ()
    """Manifests that cannot be believed: path, and what is wrong."""
    parts: Mapping[str, Part] = field(init=False)
    """By path, sorted; those that were removed are none."""

    def __post_init__(self) -> None:
        kept = {path: self.added[path] for path in sorted(self.added) if path not in self.removed}
        object.__setattr__(self, "parts", kept)

    @cached_property
    def added(self) -> Mapping[str, Part]:
        """All that a manifest adds, by path, whether it was removed or not."""
        return {part.path: part for manifest in self.manifests.values() for part in manifest.adds}

    @cached_property
    def removed(self) -> frozenset[str]:
        """Paths of the parts that were removed."""
        return frozenset(path for manifest in self.manifests.values() for path in manifest.removes)

    @cached_property
    def named(self) -> frozenset[str]:
        """Paths of the parts that a manifest adds or removes."""
        return self.removed | self.added.keys()

    @cached_property
    def tips(self) -> tuple[str, ...]:
        """Digests of the manifests that no other one names."""
        named = {parent for manifest in self.manifests.values() for parent in manifest.parents}
        return tuple(sorted(self.manifests.keys() - named))

    @property
    def number(self) -> int:
        """The largest of the manifests; 0 where there is none."""
        return max((manifest.number for manifest in self.manifests.values()), default=0)

    @cached_property
    def head(self) -> str:
        """Head of the tree over the parts."""
        return head(self.parts.values())


def survey(storage: Storage, known: Contents | None = None) -> Contents:
    """What the manifests say, with the faults of those that cannot be believed; those that are known are not read.

    Raises:
        InputError: they cannot be listed or read, or there are too many.
    """
    names = sorted(filter(is_manifest, storage.files(MANIFESTS)))
    if len(names) > MAX_MANIFESTS:
        raise InputError(f"more than {MAX_MANIFESTS:,} manifests", location=storage.place(MANIFESTS))
    read = {} if known is None else known.manifests
    found = {digest: read[digest] for digest in map(digest_of, names) if digest in read}
    faults: list[tuple[str, str]] = []
    for name in names:
        if digest_of(name) in found:
            continue
        try:
            data = storage.read(name, MAX_MANIFEST_BYTES)
        except FileNotFoundError:
            faults.append((name, "is missing"))
            continue
        try:
            found[digest_of(name)] = read_manifest(name, data)
        except RunbackError as error:
            faults.append((name, error.message))
    broken = {digest_of(name) for name, _ in faults}
    for digest, manifest in found.items():
        gone = [parent for parent in manifest.parents if parent not in found and parent not in broken]
        faults += [(f"{MANIFESTS}/…-{parent}.json", f"is missing: {digest[:12]}… follows it") for parent in gone]
    return Contents(found, tuple(dict.fromkeys(faults)))


def read_contents(storage: Storage, *, new: bool = False, known: Contents | None = None) -> Contents:
    """What the manifests say; with `new` there may be none yet. `known` is what was read before.

    Raises:
        IntegrityError: one cannot be believed, or is missing.
        InputError: there is no archive, or it cannot be read.
    """
    found = survey(storage, known)
    for path, message in found.faults:
        raise IntegrityError(message, hint=VERIFY, location=storage.place(path))
    if not found.manifests and not new:
        hint = "`runback-gate archive RUNS… --to DEST` makes one"
        raise InputError("there is no archive here", hint=hint, location=Location(storage.name))
    return found


def settled(storage: Storage, look: Callable[[Contents], T], contents: Contents | None = None) -> T:
    """What `look` makes of the contents, which looks again where an erasure removed parts meanwhile.

    Args:
        storage: where the archive lies.
        look: reads parts; a part that is gone is an error.
        contents: as they were read before; None to read them now.

    Raises:
        IntegrityError: as `read_contents` and `look`; a part is missing.
        InputError: as `read_contents` and `look`.
    """
    contents = contents or read_contents(storage)
    while True:
        try:
            return look(contents)
        except (RunbackError, FileNotFoundError) as error:
            now = read_contents(storage, known=contents)
            if not contents.parts.keys() & now.removed:
                if isinstance(error, RunbackError):
                    raise
                raise IntegrityError("a part is missing", hint=VERIFY, location=storage.place(PARTS)) from error
            contents = now


def part_rows(storage: Storage, part: Part, names: Sequence[str] = COLUMNS) -> Iterator[Row]:
    """The runs of a part. Its bytes are held against its digest before any is unpacked, and each run against its own.

    Args:
        storage: where the archive lies.
        part: of it.
        names: the columns that are unpacked; `HELD` at least.

    Raises:
        IntegrityError: the part is missing, or was changed.
        MeanwhileError: an erasure removed it meanwhile.
        InputError: it cannot be read.
    """
    place = storage.place(part.path)
    try:
        data = storage.read(part.path, part.size)
    except FileNotFoundError as error:
        if part.path in survey(storage).removed:
            raise MeanwhileError("an erasure removed it meanwhile", hint="run it again", location=place) from error
        raise IntegrityError("the part is missing", hint=VERIFY, location=place) from error
    if len(data) != part.size or sha256(data).hexdigest() != part.digest:
        raise IntegrityError("was changed: its bytes do not match the digest in its name", location=place)
    rows = []
    for row in read_rows(data, place, size=part.bytes, names=names):
        if message := row_fault(row):
            raise IntegrityError(f"run {row.run[:120]}: {message}", location=place)
        rows.append(replace(row, data=b""))
        yield row
    if message := part_fault(part, rows):
        raise IntegrityError(message, location=place)


def row_fault(row: Row) -> str | None:
    """What is wrong with a row in itself."""
    if len(row.data) != row.size or sha256(row.data).hexdigest() != row.digest:
        return "its bytes do not have the digest that its row says"
    return None


def part_fault(part: Part, rows: list[Row]) -> str | None:
    """What is wrong with all rows of a part, each of which is right."""
    counted = (len(rows), sum(row.steps for row in rows), sum(row.size for row in rows))
    if counted != (part.runs, part.steps, part.bytes) or root_of(row.digest.encode() for row in rows) != part.root:
        return "does not hold the runs that its manifest says"
    return None
