"""`archive`: run files packed into Parquet, verified, listed and restored byte for byte.

In: run files, and where an archive lies. Out: what was done or found, its JSON and its lines.

    packed = pack_runs(("runs",), "s3://bucket/archive", by=("day",), at=now, note=print)
    verify_archive("s3://bucket/archive").faults
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from runback_gate.app.erase import Selection
from runback_gate.audit.erase import erased, parse_selector, select
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.redact.pseudonym import PSEUDONYM
from runback_gate.report.columns import row_lines
from runback_gate.report.text import line
from runback_gate.store.archive.arrow import open_storage, shown
from runback_gate.store.archive.check import Checked, check
from runback_gate.store.archive.contents import Contents, part_rows, settled
from runback_gate.store.archive.duck import Wanted, listed
from runback_gate.store.archive.pack import Packed, pack
from runback_gate.store.archive.rewrite import Change, Rewritten, rewrite
from runback_gate.store.archive.rows import Row, run_row
from runback_gate.store.folder import MAKE_RUNS, run_files

Note = Callable[[str], None]
_ID: Final = re.compile(r"sha256:[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Restored:
    """A run that was written as it was packed."""

    run: str
    file: str
    digest: str
    size: int


def pack_runs(sources: Sequence[str], where: str, *, by: Sequence[str], at: str, note: Note) -> Packed:
    """Append run files, and those of folders, to an archive; `note` is told of a run without an end, which is left out.

    Raises:
        InputError: a file is no run that verifies, or is in the archive with other bytes; nothing was added.
        WriteError: the archive cannot be written; nothing was added.
    """
    files = [path for source in sources for path in run_files(Path(source))]
    if not files:
        raise InputError("no run in this folder", hint=MAKE_RUNS, location=Location(sources[0]))
    return pack(open_storage(where), _rows(files, note), by=by, at=at)


def _rows(files: Sequence[Path], note: Note) -> Iterator[Row]:
    for path in files:
        row = run_row(read_file(path, MAX_RUN_BYTES, hint=MAKE_RUNS), path.as_posix())
        # It may still be written to, and an archive keeps what it has.
        if row.status == "truncated":
            note(f"{path.as_posix()}: left out: the run has no end")
        else:
            yield row


def verify_archive(where: str) -> Checked:
    """Look at every byte of an archive.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    return check(open_storage(where))


def list_archive(where: str, wanted: Wanted) -> tuple[Row, ...]:
    """The runs of an archive that are wanted.

    Raises:
        InputError: there is no archive, or it cannot be read.
    """
    storage = open_storage(where)

    def look(contents: Contents) -> tuple[Row, ...]:
        return listed(storage.dataset(list(contents.parts)), wanted) if contents.parts else ()

    return settled(storage, look)


def restore_run(where: str, run: str, out: Path) -> Restored:
    """Write a run as it was packed; a file that is there stays unless it holds the same bytes.

    Raises:
        InputError: the archive has no such run, or another file is in the way.
        IntegrityError: what holds it was changed.
        WriteError: it cannot be written.
    """
    storage = open_storage(where)

    def look(contents: Contents) -> list[Row]:
        paths = storage.columns((), list(contents.parts), [run])
        return [row for path in paths for row in part_rows(storage, contents.parts[path]) if row.run == run]

    rows = settled(storage, look)
    if not rows:
        hint = "`runback-gate archive list` shows what it holds"
        raise InputError(f"no run {run[:120]!r} is in the archive", hint=hint, location=Location(storage.name))
    if len({row.digest for row in rows}) > 1:
        raise IntegrityError(f"run {run[:120]!r} stands twice in the archive, with other bytes")
    row = rows[0]
    if run_row(row.data, run).run != run:
        raise IntegrityError(f"the bytes of run {run[:120]!r} are those of another run")
    if out.exists() and read_file(out, MAX_RUN_BYTES) != row.data:
        raise InputError("another file is there", hint="name a new one with --out", location=Location(out.as_posix()))
    write_file(out, row.data)
    return Restored(run, out.as_posix(), row.digest, row.size)


def erase_archived(where: str, selection: Selection, *, at: str, reason: str, dry_run: bool) -> Rewritten:
    """Put tombstones in the place of values of archived runs; parts that held them are removed.

    Args:
        where: of the archive.
        selection: ids of values, pseudonyms, a pattern.
        at: RFC 3339 time, which stands in the tombstones and in the manifest.
        reason: one line, which stands there too.
        dry_run: whether nothing is written.

    Raises:
        InputError: no value matches, or a run holds a pseudonym where none can go; nothing was changed.
        IntegrityError: the archive does not verify; nothing was changed.
        WriteError: it cannot be written.
    """
    found = rewrite(open_storage(where), _Eraser(selection, at, reason), reason=reason, at=at, dry_run=dry_run)
    if not (found.runs or found.strays or found.swept):
        raise InputError("no value matches", hint="nothing was erased", location=Location(shown(where)))
    return found


class _Eraser:
    """What becomes of a run from which values go."""

    def __init__(self, selection: Selection, at: str, reason: str) -> None:
        self.at, self.reason = at, reason
        self.words = [text for text in selection.values if PSEUDONYM.fullmatch(text)]
        ids = [text for text in selection.values if text not in self.words]
        if wrong := next((text for text in ids if not _ID.fullmatch(text)), None):
            hint = "in an archive, give an id (sha256:…) or a pseudonym such as '<email:3f9a1c07be21>'"
            raise InputError(f"not a value: {wrong[:80]!r}", hint=hint)
        self.ids = [text.removeprefix("sha256:") for text in ids]
        patterns = [*map(re.escape, self.words), *([] if selection.pattern is None else [selection.pattern])]
        self.pattern = "|".join(f"(?:{text})" for text in patterns) or None

    def __call__(self, row: Row) -> Change | None:
        lines = partial(row.data.splitlines, keepends=True)
        # An id may mean a value of another run.
        here = [text for text in self.ids if f'"id":"sha256:{text}'.encode() in row.data]
        selectors = [parse_selector(f"sha256:{text}") for text in here]
        held = [item for item in select(lines, selectors, pattern=self.pattern) if item.state == "held"]
        data = b"".join(erased(lines, held, at=self.at, reason=self.reason)) if held else row.data
        if word := next((word for word in self.words if word.encode() in data), None):
            raise InputError(f"run {row.run[:120]!r} holds {word} outside of its values", hint="nothing was erased")
        return Change(data, len(held)) if held else None


def rewritten_json(found: Rewritten, *, at: str, reason: str, dry_run: bool) -> dict[str, Any]:
    """What was erased, for programs."""
    given = {"at": at, "reason": reason, "dryRun": dry_run, "parts": found.parts, "head": found.head}
    given |= {"strays": found.strays, "swept": found.swept}
    return {"erased": found.values, "runs": list(found.runs), **given}


def rewritten_lines(found: Rewritten, *, dry_run: bool) -> Iterator[str]:
    """Each run that lost something, then how much went."""
    yield from map(line, found.runs)
    went = f"{many(found.values, 'value')} of {many(len(found.runs), 'run')}"
    yield f"{went} would be erased" if dry_run else f"{went} erased; {many(found.parts, 'part')} written anew"
    if found.strays:
        verb = "would go" if dry_run else "went"
        yield f"{many(found.strays, 'part')} of an append that was killed or under way {verb}"
    if found.swept:
        yield f"{many(found.swept, 'file')} that an earlier erasure or a killed append left went"
    yield f"head  {found.head}"


def packed_json(packed: Packed) -> dict[str, Any]:
    """What an append did, for programs."""
    parts = [dataclasses.asdict(part) for part in packed.parts]
    return {"added": packed.added, "present": packed.present, "parts": parts, "head": packed.head}


def packed_lines(packed: Packed) -> Iterator[str]:
    """How much was added, and the head of the archive."""
    size, stored = sum(part.bytes for part in packed.parts), sum(part.size for part in packed.parts)
    yield f"added {many(packed.added, 'run')}, {size / 1e6:,.1f} MB as {stored / 1e6:,.1f} MB"
    if packed.present:
        yield f"{many(packed.present, 'run')} were there already"
    yield f"head  {packed.head}"


def checked_json(checked: Checked) -> dict[str, Any]:
    """What verifying found, for programs."""
    return {"valid": not checked.faults, **dataclasses.asdict(checked)}


def checked_lines(checked: Checked) -> Iterator[str]:
    """Each fault with its place, then what was looked at."""
    yield from (f"{line(fault.path)}: {line(fault.message)}" for fault in checked.faults)
    counts = f"{many(checked.runs, 'run')}, {many(checked.steps, 'step')}, {checked.bytes / 1e6:,.1f} MB"
    yield f"{'invalid' if checked.faults else 'valid'}: {counts} in {many(checked.parts, 'part')}"
    if checked.leftovers:
        yield f"{many(checked.leftovers, 'part')} that no manifest names: an append was killed, or is under way"
    if checked.removed:
        yield f"{many(checked.removed, 'part')} that an erasure removed and are still there: erase again"
    yield f"head  {checked.head}"


def listed_json(rows: Sequence[Row]) -> dict[str, Any]:
    """A list of runs, for programs."""
    return {"runs": [{key: item for key, item in dataclasses.asdict(row).items() if key != "data"} for row in rows]}


def listed_lines(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each run, then how many there are."""
    yield from row_lines(
        (row.run, f"{row.at or '-'}  {row.status or '-'}  {many(row.steps, 'step')}  {line(row.agent)}") for row in rows
    )
    yield many(len(rows), "run")


def restored_lines(restored: Restored) -> Iterator[str]:
    """Where the run lies now."""
    yield f"{line(restored.run)} in {line(restored.file)}, {restored.size:,} bytes"
