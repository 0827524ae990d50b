"""What the commands on audit records share: keys, checkpoints, the clock, and how a verification is shown.

check = checker("acme.pub")
verify_record(read_lines(path), check=check, earlier=read_checkpoint(old))
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from runback_gate import __version__
from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.audit.frame import OWN, STATEMENT_LINE, read_statement
from runback_gate.audit.proof import is_proof
from runback_gate.audit.record import Sign
from runback_gate.audit.scope import covers, excludes_not, open_points
from runback_gate.audit.verify import Check, RecordVerification
from runback_gate.cli import terminal
from runback_gate.documents.named_files import read_file, read_lines
from runback_gate.errors import InputError, Location
from runback_gate.plural import many

MAX_CHECKPOINT_BYTES = 64 << 10
EXIT = {"valid": 0, "invalid": 1, "unverified": 2}


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that a file is, or that the statement of a record holds. Nothing is verified: it was kept."""
    first = next(read_lines(path), b"")
    if not first.startswith(OWN):
        data = read_file(path, MAX_CHECKPOINT_BYTES)
        return parse_checkpoint(data.decode("utf-8", "replace"), path.as_posix())
    for line in read_lines(path):
        if line.startswith(STATEMENT_LINE):
            return read_statement(line[len(STATEMENT_LINE) : -2]).checkpoint
    raise InputError("the record holds no statement", location=Location(path.as_posix()))


def signer(key: str | None) -> Sign | None:
    """What signs with a private key, where one was named."""
    if key is None:
        return None
    from runback_gate.attest.keys import sign_payload  # noqa: PLC0415  40 ms
    from runback_gate.cli.keys import private_key  # noqa: PLC0415

    return partial(sign_payload, private_key(key))


def checker(key: str | None) -> Check | None:
    """What checks signatures of a public key, where one was named."""
    if key is None:
        return None
    from runback_gate.attest.bundle import bundle_bytes, read_bundle  # noqa: PLC0415  40 ms
    from runback_gate.attest.keys import verify_payload  # noqa: PLC0415
    from runback_gate.cli.keys import public_key  # noqa: PLC0415

    known = public_key(key)
    # Read as a bundle file is, which pins what no signature covers.
    return lambda kind, bundle: verify_payload(known, read_bundle(bundle_bytes(bundle), "signature"), kind)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tool() -> str:
    """Name and version of this program."""
    return f"runback-gate {__version__}"


def is_proof_file(path: Path) -> bool:
    """Whether a file is a proof, by its first line."""
    return is_proof(next(read_lines(path), b""))


def facts(found: RecordVerification) -> dict[str, Any]:
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


def _scope(found: RecordVerification, earlier: Checkpoint | None) -> dict[str, Any]:
    return {
        "covers": covers(found),
        "notCovered": open_points(found),
        "cannotExclude": excludes_not(found, earlier=earlier is not None),
    }


def summary(found: RecordVerification) -> str:
    """What a record carries, in a few words."""
    counts = found.counts
    parts = [(counts.runs, "run"), (counts.reports, "report"), (counts.events, "event")]
    return " · ".join(many(number, noun) for number, noun in parts if number)


def show(found: RecordVerification, earlier: Checkpoint | None, *, as_json: bool) -> int:
    """Print what verifying a record found, and give the exit code."""
    if as_json:
        terminal.print_json({**facts(found), **_scope(found, earlier)})
    else:
        for name, text in _rows(found, earlier):
            terminal.row(name, text)
    return EXIT[found.status]


def _rows(found: RecordVerification, earlier: Checkpoint | None) -> Iterator[tuple[str, str]]:
    if (fault := found.fault) is not None:
        event = f" · event {fault.event}" if fault.event else ""
        place = f"bytes {fault.start}–{fault.end - 1}" if fault.end > fault.start else f"byte {fault.start}"
        yield "INVALID", f"line {fault.line:,} of {found.lines:,}{event} · {place} · {fault.kind}"
        yield "", fault.message
        return
    yield found.status.upper(), f"{many(found.lines, 'line')} · {summary(found)}"
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


def _later(count: int) -> str:
    return f" ({count:,} after signing)" if count > 0 else ""
