"""Proofs that stand alone: that an event is in a record, and that a record continues an earlier one.

In: a record that was verified. Out: the bytes of a proof, which need no record to be checked (docs/formats/proofs.md).

    data = inclusion(lambda: open("record.jsonl", "rb"), "sample", 3, values=True)
    found = verify_proof(data, check=check)
    found.status, found.event

A proof carries the signed statement, and a path of hashes that leads from what is proved to the root in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, Literal, cast

from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.audit.content import Content
from runback_gate.audit.frame import (
    INDEX,
    SIGNATURE_LINE,
    STATEMENT_LINE,
    RecordStatement,
    line_entry,
    read_statement,
)
from runback_gate.audit.record import texts
from runback_gate.audit.verify import Check, Status, claimed_payload
from runback_gate.canonical import JsonValue, canonical_bytes, parse_canonical
from runback_gate.chain import ValueLine, is_value_line
from runback_gate.dsse import IN_TOTO
from runback_gate.errors import DocumentError, InputError, IntegrityError
from runback_gate.frozen import dataclass
from runback_gate.merkle import (
    consistency_holds,
    consistency_ranges,
    inclusion_holds,
    inclusion_ranges,
    leaf_hash,
    range_hashes,
)

INCLUSION: Final = "runback.inclusion/v1"
CONSISTENCY: Final = "runback.consistency/v1"

Lines = Callable[[], Iterable[bytes]]
"""Opens a record and gives its lines; called more than once."""


@dataclass(frozen=True, slots=True)
class ProofResult:
    """What a proof says, and whether it holds."""

    kind: Literal["inclusion", "consistency"]
    status: Status
    """As of a record: `unverified` where it holds and nobody vouches for the statement."""
    reason: str
    """Why it is not valid; empty when it is."""
    statement: RecordStatement
    """Of the record."""
    event: bytes | None = None
    """Of an inclusion: the event line."""
    index: int | None = None
    """Of an inclusion: the number of its leaf."""
    values: tuple[bytes, ...] = ()
    """Of an inclusion: the value lines that came with it; each is one that the event names."""
    old: Checkpoint | None = None
    """Of a consistency: the earlier state."""


def inclusion(lines: Lines, run: str, event: int, *, values: bool) -> bytes:
    """Prove that an event is in a record, which must have been verified; with the values that it names, where wanted.

    Raises:
        InputError: the record has no such event.
    """
    index, line = _find(lines, run, event)
    statement, bundle = _closing(lines)
    ranges = inclusion_ranges(index, statement.checkpoint.size)
    hashes = range_hashes((leaf for leaf, *_ in _leaves(lines)), ranges)
    fields: dict[str, JsonValue] = {"event": line.decode(), "index": index}
    if values:
        named = frozenset(texts(parse_canonical(line[:-1])))
        fields["values"] = [item.decode() for item in _values(lines, run, named)]
    return _proof(INCLUSION, fields, hashes, statement, bundle)


def consistency(lines: Lines, old: Checkpoint) -> bytes:
    """Prove that a record, which must have been verified against the earlier state, begins with it."""
    statement, bundle = _closing(lines)
    ranges = consistency_ranges(old.size, statement.checkpoint.size)
    hashes = range_hashes((leaf for leaf, *_ in _leaves(lines)), ranges)
    return _proof(CONSISTENCY, {"old": old.text}, hashes, statement, bundle)


def is_proof(data: bytes) -> bool:
    """Whether bytes are meant as a proof."""
    ends = (b'"format":"%b"' % name.encode() for name in (INCLUSION, CONSISTENCY))
    return any(text in data for text in ends) and not data.startswith(b'{"audit":')


def verify_proof(data: bytes, *, check: Check | None = None) -> ProofResult:
    """Check a proof; nothing but its bytes and the key is needed.

    Raises:
        InputError: not a proof.
    """
    try:
        value = cast("dict[str, Any]", parse_canonical(data.removesuffix(b"\n")))
        statement = read_statement(canonical_bytes(value["statement"]))
        fields = _FIELDS[value["format"]]
        if set(value) - fields[1] != fields[0] or not data.endswith(b"\n"):
            raise DocumentError("a field is missing or unknown")
        proved = (_inclusion if value["format"] == INCLUSION else _consistency)(value, statement)
    except (DocumentError, IntegrityError, KeyError, TypeError, ValueError, AttributeError) as error:
        message = error.message if isinstance(error, InputError) else "a field is missing or of another type"
        raise InputError(f"not a proof: {message}", hint="the file was changed, or another program wrote it") from error
    return _judged(proved, value.get("bundle"), check)


_COMMON: Final = frozenset({"format", "hashes", "statement"})
_FIELDS: Final = {
    INCLUSION: (_COMMON | {"event", "index"}, {"bundle", "values"}),
    CONSISTENCY: (_COMMON | {"old"}, {"bundle"}),
}
"""The fields of each format, and those that may be left out."""


def _inclusion(value: dict[str, Any], statement: RecordStatement) -> ProofResult:
    line, index = value["event"].encode(), value["index"]
    at, hashes = statement.checkpoint, _hashes(value)
    held = type(index) is int and inclusion_holds(index, at.size, leaf_hash(line_entry(line).encode()), hashes, at.root)
    if not held:
        reason = "the path does not lead from the event to the root"
        return ProofResult("inclusion", "invalid", reason, statement, line, index)
    event = parse_canonical(line.removesuffix(b"\n"))
    values = tuple(text.encode() for text in value.get("values", ()))
    named = frozenset(texts(event))
    if not isinstance(event, dict) or "prev" not in event:
        reason = "the line is in the record, but it is no event"
        return ProofResult("inclusion", "invalid", reason, statement, line, index)
    if any(item.state is None or item.id not in named for item in map(ValueLine, values)):
        return ProofResult("inclusion", "invalid", "a value is not one that the event names", statement, line, index)
    return ProofResult("inclusion", "valid", "", statement, line, index, values)


def _consistency(value: dict[str, Any], statement: RecordStatement) -> ProofResult:
    old, new = parse_checkpoint(value["old"]), statement.checkpoint
    held = old.origin == new.origin and consistency_holds(old.size, new.size, old.root, new.root, _hashes(value))
    reason = "" if held else "the hashes do not lead from the old root to the new one"
    return ProofResult("consistency", "valid" if held else "invalid", reason, statement, old=old)


def _judged(proved: ProofResult, bundle: Any, check: Check | None) -> ProofResult:
    """The same, with what the signature says."""
    if proved.status == "invalid":
        return proved
    if bundle is None or check is None:
        reason = "it is not signed" if bundle is None else "no key was given, so the signature was not checked"
        return replace(proved, status="unverified", reason=reason)
    try:
        if claimed_payload(bundle) is None:
            raise IntegrityError("it is not a signature as records hold them")
        payload = check(IN_TOTO, bundle)
    except (IntegrityError, DocumentError) as error:
        return replace(proved, status="invalid", reason=error.message)
    if payload != proved.statement.payload():
        return replace(proved, status="invalid", reason="the signature is of another statement")
    return proved


def _proof(
    name: str, fields: dict[str, JsonValue], hashes: list[bytes], statement: RecordStatement, bundle: JsonValue
) -> bytes:
    value: dict[str, JsonValue] = {"format": name, **fields, "hashes": [item.hex() for item in hashes]}
    value["statement"] = parse_canonical(statement.payload())
    if bundle is not None:
        value["bundle"] = bundle
    return canonical_bytes(value) + b"\n"


def _hashes(value: dict[str, Any]) -> list[bytes]:
    found = [bytes.fromhex(text) for text in value["hashes"]]
    if [item.hex() for item in found] != value["hashes"] or any(len(item) != 32 for item in found):
        raise ValueError("not hashes")
    return found


def _leaves(lines: Lines) -> Iterator[tuple[bytes, str | None, int, bytes]]:
    """Each leaf: its hash, and of an event line the run and its number; the line."""
    content = Content()
    for line in lines():
        if line.startswith((INDEX, STATEMENT_LINE, SIGNATURE_LINE)):
            continue
        entry, event, _ = content.take(line)
        if not entry.startswith("own:"):
            yield leaf_hash(entry.encode()), content.run, event, line


def _find(lines: Lines, run: str, event: int) -> tuple[int, bytes]:
    names: dict[str, int] = {}
    for index, (_, name, number, line) in enumerate(_leaves(lines)):
        if name == run and number == event:
            return index, line
        if name is not None and number >= 0:
            names[name] = number
    if run not in names:
        raise InputError(f"the record has no run {run[:80]!r}", hint=f"it has {', '.join(list(names)[:5]) or 'none'}")
    raise InputError(f"run {run} has no event {event}", hint=f"its events are 0 to {names[run]}")


def _values(lines: Lines, run: str, named: frozenset[str]) -> Iterator[bytes]:
    for _, name, _, line in _leaves(lines):
        if name == run and is_value_line(line) and ValueLine(line).id in named:
            yield line


def _closing(lines: Lines) -> tuple[RecordStatement, JsonValue]:
    statement, bundle = None, None
    for line in lines():
        if line.startswith(STATEMENT_LINE):
            statement = read_statement(line[len(STATEMENT_LINE) : -2])
        elif line.startswith(SIGNATURE_LINE):
            bundle = cast("dict[str, JsonValue]", parse_canonical(line[:-1]))["bundle"]
    if statement is None:
        raise InputError("the record holds no statement", hint="verify it first")
    return statement, bundle
