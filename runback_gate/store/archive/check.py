"""Every digest of an archive held against its bytes; what is wrong is a value, with its place.

checked = check(storage)
checked.faults
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runback_gate.canonical import sha256
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import Storage, read_rows
from runback_gate.store.archive.contents import Contents, part_fault, row_fault, survey
from runback_gate.store.archive.model import PARTS, Part, head
from runback_gate.store.archive.rows import Row, run_row


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong, and where."""

    path: str
    """Of the manifest or the part, below the archive."""
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at every byte found."""

    manifests: int
    parts: int
    runs: int
    steps: int
    bytes: int
    head: str
    faults: tuple[Fault, ...]
    leftovers: int
    """Parts that no manifest adds: of an append that was killed, or is under way."""
    removed: int
    """Parts that an erasure removed and that are still there: it was killed, or is under way."""


def check(storage: Storage) -> Checked:
    """Look at every manifest, part and run.

    Raises:
        InputError: there is no archive, or it cannot be read.
    """
    contents = survey(storage)
    if not contents.manifests and not contents.faults:
        raise InputError("there is no archive here", location=Location(storage.name))
    faults = [Fault(path, message) for path, message in contents.faults]
    faults += _wrong_heads(contents)
    seen: dict[str, tuple[str, str]] = {}
    for part in contents.parts.values():
        faults += [Fault(part.path, message) for message in _wrong_part(storage, part, seen)]
    files = storage.files(PARTS)
    parts = contents.parts.values()
    return Checked(
        len(contents.manifests),
        len(parts),
        sum(part.runs for part in parts),
        sum(part.steps for part in parts),
        sum(part.bytes for part in parts),
        contents.head,
        tuple(faults),
        sum(path not in contents.named for path in files),
        sum(path in contents.removed for path in files),
    )


def _wrong_heads(contents: Contents) -> Iterator[Fault]:
    """Newest manifests whose head is not that of the parts which they and all before them add."""
    for digest in contents.tips:
        manifest = contents.manifests[digest]
        waiting, before = [digest], dict[str, None]()
        while waiting:
            name = waiting.pop()
            if name not in before and name in contents.manifests:
                before[name] = None
                waiting += contents.manifests[name].parents
        own = Contents({name: contents.manifests[name] for name in before})
        if (manifest.size, manifest.head) != (len(own.parts), head(own.parts.values())):
            yield Fault(f"manifest/{manifest.number:08}-{digest}.json", "its tree head is not that of its parts")


def _wrong_part(storage: Storage, part: Part, seen: dict[str, tuple[str, str]]) -> Iterator[str]:
    place = storage.place(part.path)
    try:
        data = storage.read(part.path, part.size)
    except FileNotFoundError:
        yield "is missing"
        return
    changed = len(data) != part.size or sha256(data).hexdigest() != part.digest
    rows: list[Row] = []
    wrong = False
    try:
        for row in read_rows(data, place, size=part.bytes):
            rows.append(replace(row, data=b""))
            if message := _wrong_row(row, seen, part):
                wrong = True
                yield f"run {row.run[:120]}: {message}"
    except IntegrityError as error:
        yield error.message
        return
    if not wrong and (message := part_fault(part, rows)):
        yield message
    elif changed and not wrong:
        yield "was changed beside its runs, which are whole"


def _wrong_row(row: Row, seen: dict[str, tuple[str, str]], part: Part) -> str | None:
    """What is wrong with a row: in itself, beside its run, or beside another row."""
    if message := row_fault(row):
        return message
    try:
        if run_row(row.data, row.run) != row:
            return "its columns are not those of its run"
    except RunbackError as error:
        return error.message
    digest, path = seen.setdefault(row.run, (row.digest, part.path))
    return None if digest == row.digest else f"stands in {path} too, with other bytes"
