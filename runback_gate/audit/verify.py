"""Verify an audit record: valid, unverified or invalid, and where.

In: the lines of a record as they come, perhaps the check of a signature and a checkpoint that was kept elsewhere. Out:
a `RecordVerification`.

    found = verify_record(file, check=lambda kind, bundle: verify_payload(key, bundle, kind))
    found.status, found.fault

The lines that a record carries must give its own lines again, byte for byte, so nothing in it can differ unseen.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal, cast

from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.frame import (
    OWN,
    STATEMENT_LINE,
    Counts,
    RecordStatement,
    header,
    own_line,
    read_statement,
)
from runback_gate.audit.locate import Fault, byte_range
from runback_gate.audit.reader import Reader
from runback_gate.canonical import JsonValue, parse_canonical
from runback_gate.dsse import IN_TOTO
from runback_gate.errors import DocumentError, InputError, IntegrityError
from runback_gate.frozen import dataclass

Status = Literal["valid", "unverified", "invalid"]
_COUNTED = ("runs", "reports", "events", "values")
"""What does not change when a value is erased or withheld."""
Check = Callable[[str, dict[str, JsonValue]], bytes]
"""Checks the bundle of a payload of a media type and gives the payload.

It raises `IntegrityError` or `DocumentError` when the signature does not hold.
"""


@dataclass(frozen=True, slots=True)
class RecordVerification:
    """What was found."""

    status: Status
    """`valid`: whole, and signed by whom the check trusts. `unverified`: whole, but nobody vouches for it."""
    reason: str
    """Why it is not valid, in a sentence; empty when it is."""
    fault: Fault | None
    """Where it breaks; None unless it is invalid."""
    lines: int
    """Lines of the file."""
    statement: RecordStatement | None
    """What is signed; None where it cannot be read."""
    counts: Counts
    """What the record carries now."""
    signed: bool
    """Whether there is a signature, checked or not."""
    signed_erasures: int
    """Tombstones whose time and reason are under the signature: those from before it was made."""
    unended: int
    """Runs without `run.end`: cut before they were exported, or still running then."""


def verify_record(
    lines: Iterable[bytes], *, check: Check | None = None, earlier: Checkpoint | None = None
) -> RecordVerification:
    """Verify the lines of a record.

    Args:
        lines: the lines as they lie in the file, each with its line end.
        check: checks the signature; without it the record is `unverified` at best.
        earlier: a checkpoint that was kept elsewhere: the record must begin with the lines that it stands for.

    Raises:
        InputError: not an audit record, or a checkpoint that cannot be compared with it.
    """
    reader = Reader(None if earlier is None else earlier.size)
    for line in lines:
        reader.read(line)
    if not reader.first.startswith(OWN) and not reader.blocks and reader.statement is None:
        raise InputError("not an audit record", hint="make one with `runback-gate audit export`")
    reader.close()
    bundle, claimed = _bundle(reader)
    trusted, broken = _checked(bundle, check)
    statement = _statement(reader, [trusted] if trusted is not None else [_payload(reader), claimed])
    if earlier is not None and statement is not None:
        _comparable(statement.checkpoint, earlier)
    faults = [
        _line_fault(reader, statement),
        _statement_fault(reader, statement, trusted),
        _signature_fault(reader, bundle, claimed, broken),
        None if earlier is None else _history_fault(reader, earlier),
    ]
    found = [fault for fault in faults if fault is not None]
    fault = min(found, key=lambda item: item.line) if found else None
    content, signed = reader.content, reader.signature is not None
    verification = RecordVerification(
        "valid", "", fault, reader.number, statement, content.counts(), signed, reader.signed_erasures, content.unended
    )
    if fault is not None:
        return replace(verification, status="invalid", reason=fault.message)
    if reader.signature is None:
        return replace(verification, status="unverified", reason="it is not signed")
    if trusted is None:
        return replace(verification, status="unverified", reason="no key was given, so the signature was not checked")
    return verification


def _payload(reader: Reader) -> bytes | None:
    line = b"" if reader.statement is None else reader.statement[2]
    return line[len(STATEMENT_LINE) : -2] if line.endswith(b"}\n") else None


def _bundle(reader: Reader) -> tuple[dict[str, JsonValue] | None, bytes | None]:
    """The bundle of the signature line, and the payload that it claims to sign; None where there is none."""
    if reader.signature is None:
        return None, None
    line = reader.signature[2]
    try:
        bundle = cast("dict[str, Any]", parse_canonical(line[:-1]))["bundle"]
    except (DocumentError, KeyError, TypeError):
        return None, None
    payload = claimed_payload(bundle)
    whole = payload is not None and line == own_line("signature", {"bundle": bundle})
    return (bundle, payload) if whole else (None, None)


def claimed_payload(bundle: Any) -> bytes | None:
    """The payload that a bundle claims to sign; None where it has not the form that records and proofs hold."""
    try:
        envelope = bundle["dsseEnvelope"]
        # What a check may pass over, because nothing is signed by it, has one form here.
        named = all(item["keyid"] == "" for item in envelope["signatures"])
        return base64.b64decode(envelope["payload"], validate=True) if named else None
    except (KeyError, TypeError, ValueError):
        return None


def _checked(bundle: dict[str, JsonValue] | None, check: Check | None) -> tuple[bytes | None, str | None]:
    """The payload that the signature vouches for, or why it does not."""
    if bundle is None or check is None:
        return None, None
    try:
        return check(IN_TOTO, bundle), None
    except (IntegrityError, DocumentError) as error:
        return None, error.message


def _statement(reader: Reader, payloads: list[bytes | None]) -> RecordStatement | None:
    """The statement that fits the lines best: where there are two and no key, the one that was changed fits less."""
    found = []
    for payload in payloads:
        try:
            found.append(read_statement(payload or b""))
        except IntegrityError:
            continue
    digests = (reader.frame.index_digest, f"sha256:{reader.digest_as_read.hexdigest()}")
    return max(found, key=lambda item: (item.index in digests, _counted(reader, item)), default=None)


def _counted(reader: Reader, statement: RecordStatement) -> bool:
    """Whether the statement has the checkpoint and the counts of what was read."""
    at, tree, now = statement.checkpoint, reader.frame.tree, reader.content.counts()
    same = all(getattr(statement.counts, name) == getattr(now, name) for name in _COUNTED)
    return same and (at.size, at.root) == (tree.size, tree.root)


def _line_fault(reader: Reader, statement: RecordStatement | None) -> Fault | None:
    """The first fault that the lines show. The statement tells whether the lines or the index lines are right."""
    fault = reader.fault
    if statement is None or fault is None or reader.index_fault is None:
        return fault
    right = reader.frame.index_digest == statement.index != f"sha256:{reader.digest_as_read.hexdigest()}"
    return reader.index_fault if right else fault


def _statement_fault(reader: Reader, statement: RecordStatement | None, trusted: bytes | None) -> Fault | None:
    if reader.statement is None:
        return None
    number, start, line = reader.statement
    end = start + len(line)
    payload = _payload(reader)
    if statement is None or payload is None:
        return Fault("changed", number, start, end, "it is not the statement of an audit record")
    if payload != statement.payload():
        said = "it is not the statement that was signed" if trusted is not None else "the signature is of another one"
        first, last = byte_range(payload, statement.payload())
        offset = start + len(STATEMENT_LINE)
        return Fault("changed", number, offset + first, offset + last, said)
    tree = reader.frame.tree
    checkpoint = Checkpoint(statement.checkpoint.origin, tree.size, tree.root)
    if (statement.checkpoint, statement.index) != (checkpoint, reader.frame.index_digest):
        said = "the lines agree with each other, but not with the checkpoint of the statement"
        return Fault("head replaced", number, start, end, said)
    if reader.content.inside or not _counted(reader, statement):
        return Fault("changed", number, start, end, "its counts are not those of the record")
    if reader.first not in [header(checkpoint.origin, signed=signed) for signed in (True, False)]:
        return Fault("changed", 1, 0, len(reader.first), "it is not the first line of this record")
    return None


def _signature_fault(
    reader: Reader, bundle: dict[str, JsonValue] | None, claimed: bytes | None, broken: str | None
) -> Fault | None:
    announced = reader.first.endswith(b',"signed":true}\n')
    if reader.signature is None:
        end = reader.end
        return Fault("signature", reader.number, end, end, "the signature is gone") if announced else None
    number, start, line = reader.signature
    said = broken
    if bundle is None:
        said = "it is not a signature as records hold them"
    elif claimed != _payload(reader) and said is None:
        said = "it is of another statement"
    elif not announced:
        said = "the record was made without one"
    return None if said is None else Fault("signature", number, start, start + len(line), said)


def _comparable(found: Checkpoint, earlier: Checkpoint) -> None:
    if earlier.origin != found.origin:
        message = f"the checkpoint is of {earlier.origin}, the record of {found.origin}"
        raise InputError(message, hint="give a checkpoint of the same log")


def _history_fault(reader: Reader, earlier: Checkpoint) -> Fault | None:
    size = reader.frame.tree.size
    number, start, line = reader.statement or (reader.number, reader.end, b"")
    if size < earlier.size:
        said = f"the checkpoint stands for {earlier.size} lines, the record has {size}"
        return Fault("truncated", number, start, start, said)
    if reader.root != earlier.root:
        said = f"the first {earlier.size} lines are not those of the checkpoint"
        return Fault("head replaced", number, start, start + len(line), said)
    return None
