"""Proofs: checked alone, for every event, and no changed byte is accepted."""

from __future__ import annotations

import json
from functools import cache
from random import Random  # noqa: TID251  seeded, so it is no chance
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.attest.keys import new_key
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.frame import line_entry
from runback_gate.audit.proof import ProofResult, consistency, inclusion, is_proof, verify_proof
from runback_gate.canonical import canonical_bytes
from runback_gate.chain import value_line
from runback_gate.errors import InputError
from runback_gate.merkle import inclusion_ranges, leaf_hash, range_hashes
from tests.audit.conftest import checker, record, report_part, run_lines, run_part, verified

LINES = record(run_part("first", 9), report_part(), run_part("second", 70, erased=(2,)))


def proved(data: bytes) -> ProofResult:
    """What the proof says under the key."""
    return verify_proof(data, check=checker())


@cache
def sample() -> bytes:
    """A proof of one event with its value."""
    return inclusion(lambda: LINES, "second", 41, values=True)


def checkpoint(lines: list[bytes]) -> Checkpoint:
    """The checkpoint of a record."""
    statement = verified(lines).statement
    assert statement is not None
    return statement.checkpoint


@pytest.mark.parametrize(("run", "events"), [("first", 9), ("second", 70)])
def test_every_event_can_be_proved(run: str, events: int) -> None:
    """The proof holds without the record, and carries the line to the byte."""
    lines = [line for line in run_lines(run, events, erased=(2,) if run == "second" else ()) if b'"prev"' in line]
    for number, line in enumerate(lines):
        data = inclusion(lambda: LINES, run, number, values=False)
        found = proved(data)
        assert (found.status, found.reason, found.event, found.values) == ("valid", "", line, ())
        assert is_proof(data)


def test_values_come_with_the_event_where_wanted() -> None:
    """Held values in full, erased ones as tombstones; only those that the event names."""
    [value] = proved(sample()).values
    assert b'"content":"message 41"' in value
    [gone] = proved(inclusion(lambda: LINES, "second", 5, values=True)).values
    assert b"tombstone" in gone


def test_without_key_or_signature_a_proof_is_unverified() -> None:
    """The path holds, and nobody vouches for the root."""
    assert verify_proof(sample()).reason == "no key was given, so the signature was not checked"
    lines = record(run_part("a"), signed=False)
    found = proved(inclusion(lambda: lines, "a", 1, values=False))
    assert (found.status, found.reason) == ("unverified", "it is not signed")


def test_another_key_is_refused() -> None:
    """As of a record."""
    found = verify_proof(sample(), check=checker(new_key("ed25519")))
    assert (found.status, found.reason) == ("invalid", "the bundle names another key")


@pytest.mark.parametrize(
    ("run", "event", "message"), [("first", 9, "its events are 0 to 8"), ("x", 0, "first, second")]
)
def test_an_event_that_is_not_there(run: str, event: int, message: str) -> None:
    """The error says which there are."""
    with pytest.raises(InputError, match=message):
        inclusion(lambda: LINES, run, event, values=False)


def test_a_record_without_statement_proves_nothing() -> None:
    """It is to be verified first."""
    with pytest.raises(InputError, match="holds no statement"):
        inclusion(lambda: LINES[:-2], "first", 1, values=False)


def changed(data: bytes, **fields: Any) -> bytes:
    """The proof with other fields; None leaves one out."""
    value = {**json.loads(data), **fields}
    return canonical_bytes({key: item for key, item in value.items() if item is not None}) + b"\n"


def test_what_is_not_proved_is_refused() -> None:
    """Another event, another place, a value of another event, a statement of another record."""
    other = proved(inclusion(lambda: LINES, "second", 40, values=True))
    assert other.event is not None
    foreign, _ = value_line(b"s" * 16, "foreign")
    statement = json.loads(inclusion(lambda: record(run_part("a")), "a", 1, values=False))["statement"]
    report = next(line for line in LINES if line.startswith(b'  "verdict"'))
    for fields, reason in (
        ({"event": other.event.decode()}, "the path does not lead from the event to the root"),
        ({"event": report.decode()}, "the path does not lead from the event to the root"),
        ({"index": 7}, "the path does not lead from the event to the root"),
        ({"index": True}, "the path does not lead from the event to the root"),
        ({"hashes": []}, "the path does not lead from the event to the root"),
        ({"values": [foreign.decode()]}, "a value is not one that the event names"),
        ({"values": ["x"]}, "a value is not one that the event names"),
        ({"statement": statement}, "the path does not lead from the event to the root"),
        ({"bundle": {"dsseEnvelope": 5}}, "it is not a signature as records hold them"),
    ):
        found = proved(changed(sample(), **fields))
        assert (found.status, found.reason) == ("invalid", reason)


def test_a_line_that_is_no_event_is_not_proved_as_one() -> None:
    """The line that begins a run is in the tree, and says nothing that happened."""
    lines = record(run_part("a", 5))
    data = inclusion(lambda: lines, "a", 0, values=False)
    two = record(run_part("a", 5), signed=False)
    # The first leaf is the line that begins the run.
    size = checkpoint(lines).size
    entries = [
        line_entry(two[1]),
        *(line_entry(line) if b'"prev"' in line else f"id:{line[14:78].decode()}" for line in run_lines("a", 5)),
    ]
    hashes = range_hashes([leaf_hash(entry.encode()) for entry in entries], inclusion_ranges(0, size))
    found = proved(changed(data, event=two[1].decode(), index=0, hashes=[item.hex() for item in hashes]))
    assert (found.status, found.reason) == ("invalid", "the line is in the record, but it is no event")


@pytest.mark.parametrize(
    "fields",
    [
        {"more": 1},
        {"event": None},
        {"event": 5},
        {"hashes": "x"},
        {"hashes": ["zz"]},
        {"hashes": ["AB" * 32]},
        {"hashes": ["ab"]},
        {"values": 5},
        {"statement": {}},
        {"format": "runback.inclusion/v2"},
        {"format": None},
    ],
    ids=str,
)
def test_another_form_is_no_proof(fields: dict[str, Any]) -> None:
    """A field more or less or of another type is refused, not called invalid."""
    with pytest.raises(InputError, match="not a proof"):
        verify_proof(changed(sample(), **fields), check=checker())


def test_no_changed_byte_is_accepted() -> None:
    """Every byte of a proof counts."""
    chance = Random(3)
    for data in (sample(), consistency(lambda: LINES, checkpoint(record(run_part("first", 9))))):
        assert proved(data).status == "valid"
        for place in range(0, len(data), 3):
            byte = chance.choice([item for item in b'\n"{}0a ' if item != data[place]])
            other = data[:place] + bytes([byte]) + data[place + 1 :]
            try:
                assert proved(other).status == "invalid"
            except InputError as error:
                assert "not a proof" in error.message
        for size in range(0, len(data), 11):
            with pytest.raises(InputError, match="not a proof"):
                verify_proof(data[:size], check=checker())


@pytest.mark.parametrize("runs", range(1, 6))
def test_a_record_extends_every_earlier_one(runs: int) -> None:
    """And the proof of it needs neither record."""
    parts = [run_part(f"r{number}", 3 + number) for number in range(6)]
    old, new = checkpoint(record(*parts[:runs])), record(*parts)
    found = proved(consistency(lambda: new, old))
    assert (found.kind, found.status, found.old) == ("consistency", "valid", old)
    assert found.statement.checkpoint == checkpoint(new)


def test_another_beginning_is_not_proved() -> None:
    """Another root, or another log."""
    old = checkpoint(record(run_part("first", 9)))
    data = consistency(lambda: LINES, old)
    for other in (Checkpoint(old.origin, old.size, b"x" * 32), Checkpoint("other", old.size, old.root)):
        found = proved(changed(data, old=other.text))
        assert (found.status, found.reason) == ("invalid", "the hashes do not lead from the old root to the new one")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_proof_or_refused(data: bytes) -> None:
    """Nothing but our error comes out."""
    with pytest.raises(InputError, match="not a proof"):
        verify_proof(data)
    assert not is_proof(data)
