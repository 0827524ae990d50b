"""`audit erase`: replaces values of a run or a record with tombstones.

In: a file, which values are meant, why and when. Out: what was erased, or would be; the file is replaced.

    erase_values(Path("runs/a.jsonl"), Selection(("sha256:12345678",)), at=now, reason="asked for", dry_run=False)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from runback_gate.app.records import check_whole
from runback_gate.audit.erase import Erasable, erased, parse_selector, select
from runback_gate.chain import MAX_REASON
from runback_gate.documents.named_files import read_lines, write_lines
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.report.columns import row_lines

SHOWN = 5
"""Events that are listed for one value."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which values are meant."""

    values: tuple[str, ...]
    """As `audit.erase.parse_selector` reads them."""
    pattern: str | None = None
    """Regular expression: every value that it finds, too."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be."""

    values: tuple[Erasable, ...]
    """Those that were erased before as well."""
    at: str
    reason: str
    dry_run: bool

    @property
    def held(self) -> list[Erasable]:
        """Values that were there until now."""
        return [item for item in self.values if item.state == "held"]


def parse_reason(text: str) -> str:
    """Why something is erased, as somebody wrote it.

    Raises:
        ValueError: it is no line that a tombstone could hold.
    """
    if not (text.strip() and text.isprintable() and len(text) <= MAX_REASON):
        raise ValueError(f"one printable line of at most {MAX_REASON} characters")
    return text


def erase_values(file: Path, selection: Selection, *, at: str, reason: str, dry_run: bool) -> Erasure:
    """Put tombstones in the place of values; with `dry_run` the file stays as it is.

    Args:
        file: a run or a record.
        selection: which values.
        at: RFC 3339 time, which stands in the tombstones.
        reason: one line, which stands there too.
        dry_run: whether nothing is written.

    Raises:
        InputError: no value matches.
        IntegrityError: the file does not verify.
    """
    lines = partial(read_lines, file)
    check_whole(file)
    found = select(lines, [parse_selector(text) for text in selection.values], pattern=selection.pattern)
    if not found:
        raise InputError("no value matches", hint="nothing was erased", location=Location(file.as_posix()))
    erasure = Erasure(tuple(found), at, reason, dry_run)
    if erasure.held and not dry_run:
        write_lines(file, erased(lines, erasure.held, at=at, reason=reason))
    return erasure


def erasure_json(erasure: Erasure) -> dict[str, Any]:
    """What was erased, for programs."""
    rows = [{"id": item.id, "was": item.state, "run": item.run, "named": item.used} for item in erasure.values]
    given = {"at": erasure.at, "reason": erasure.reason, "dryRun": erasure.dry_run}
    return {"erased": len(erasure.held), **given, "values": rows}


def erasure_lines(erasure: Erasure) -> Iterator[str]:
    """Each value and the events that name it, then how many there are."""
    yield from row_lines(map(_row, erasure.values))
    yield f"{many(len(erasure.held), 'value')} {'would be erased' if erasure.dry_run else 'erased'}"


def _row(value: Erasable) -> tuple[str, str]:
    names = value.used
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    shared = f" (all {len(names):,} lose it)" if len(names) > 1 else ""
    before = " was erased before;" if value.state == "erased" else ""
    return value.id[:19], f"{before}named by {', '.join(names[:SHOWN]) or 'no event'}{more}{shared}"
