"""What verifying a record or a proof found: as rows of a name and a text for a terminal, as JSON for programs.

In: a `RecordVerification` or a `ProofResult`. Out: rows, JSON, and the exit code of a status. Texts of others are as
they stand in the file: whoever prints them makes them inert.

    for name, text in record_rows(found, earlier=None): ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.locate import named_event
from runback_gate.audit.proof import ProofResult
from runback_gate.audit.scope import covers, excludes_not, open_points
from runback_gate.audit.verify import RecordVerification
from runback_gate.chain import ValueLine
from runback_gate.plural import many

EXIT: Final = {"valid": 0, "invalid": 1, "unverified": 2}
"""Exit code of each status."""


def record_json(found: RecordVerification) -> dict[str, Any]:
    """A verification as JSON."""
    statement = found.statement
    facts: dict[str, Any] = {"status": found.status, "exit": EXIT[found.status], "reason": found.reason}
    facts["fault"] = None if found.fault is None else dataclasses.asdict(found.fault)
    facts |= {"lines": found.lines, "signed": found.signed, **dataclasses.asdict(found.counts)}
    if statement is not None:
        at = statement.checkpoint
        facts["checkpoint"] = {"origin": at.origin, "size": at.size, "root": at.root.hex(), "text": at.text}
        facts |= {"created": statement.created, "tool": statement.tool}
    return facts


def scope_json(found: RecordVerification, earlier: Checkpoint | None) -> dict[str, Any]:
    """What a record stands for and what it cannot exclude, as JSON."""
    return {
        "covers": covers(found),
        "notCovered": open_points(found),
        "cannotExclude": excludes_not(found, earlier=earlier is not None),
    }


def contents(found: RecordVerification) -> str:
    """What a record carries, in a few words."""
    counts = found.counts
    parts = [(counts.runs, "run"), (counts.reports, "report"), (counts.events, "event")]
    return " · ".join(many(number, noun) for number, noun in parts if number)


def record_rows(found: RecordVerification, earlier: Checkpoint | None) -> Iterator[tuple[str, str]]:
    """What verifying a record found, row by row."""
    if (fault := found.fault) is not None:
        event = f" · event {fault.event}" if fault.event else ""
        place = f"bytes {fault.start}–{fault.end - 1}" if fault.end > fault.start else f"byte {fault.start}"
        yield "INVALID", f"line {fault.line:,} of {found.lines:,}{event} · {place} · {fault.kind}"
        yield "", fault.message
        return
    yield found.status.upper(), f"{many(found.lines, 'line')} · {contents(found)}"
    if found.reason:
        yield "reason", found.reason
    if statement := found.statement:
        at = statement.checkpoint
        yield "checkpoint", f"{at.origin} · {at.size:,} leaves · root {at.root.hex()}"
        yield "made", f"{statement.created} by {statement.tool}"
    counts = found.counts
    if counts.values:
        before = statement.counts.withheld if statement else 0
        erased = f"{counts.erased:,} erased{_later(counts.erased - found.signed_erasures)}"
        withheld = f"{counts.withheld:,} withheld{_later(counts.withheld - before)}"
        yield "values", f"{counts.held:,} to read · {erased} · {withheld}"
    for name, texts in (
        ("covers", covers(found)),
        ("not covered", open_points(found)),
        ("not excluded", excludes_not(found, earlier=earlier is not None)),
    ):
        for number, text in enumerate(texts):
            yield (name if number == 0 else ""), text


def proof_json(proved: ProofResult) -> dict[str, Any]:
    """What a proof says, as JSON."""
    at = proved.statement.checkpoint
    facts: dict[str, Any] = {
        "kind": proved.kind,
        "status": proved.status,
        "exit": EXIT[proved.status],
        "reason": proved.reason,
        "checkpoint": {"origin": at.origin, "size": at.size, "root": at.root.hex(), "text": at.text},
        "created": proved.statement.created,
    }
    if proved.event is not None:
        facts |= {"event": proved.event.decode(), "index": proved.index, "values": [v.decode() for v in proved.values]}
    if proved.old is not None:
        facts["old"] = {"origin": proved.old.origin, "size": proved.old.size, "root": proved.old.root.hex()}
    return facts


def proof_rows(proved: ProofResult) -> Iterator[tuple[str, str]]:
    """What a proof says, row by row."""
    at = proved.statement.checkpoint
    if proved.event is not None:
        yield proved.status.upper(), f"{named_event('event', proved.event)} is leaf {proved.index:,} of {at.size:,}"
    elif proved.old is not None:
        yield proved.status.upper(), f"the first {proved.old.size:,} of {at.size:,} leaves are those of the old record"
    if proved.reason:
        yield "reason", proved.reason
    if proved.status != "invalid":
        yield "checkpoint", f"{at.origin} · {at.size:,} leaves · root {at.root.hex()}"
        yield "made", f"{proved.statement.created} by {proved.statement.tool}"
        if proved.event is not None:
            yield "line", proved.event.decode()
        for value in proved.values:
            yield "value", value.decode() if ValueLine(value).state == "held" else f"{ValueLine(value).id} is not given"


def _later(count: int) -> str:
    return f" ({count:,} after signing)" if count > 0 else ""
