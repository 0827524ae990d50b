"""Records: what is exported is carried to the byte, and whoever holds the values can check them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.audit.frame import BLOCK, RecordStatement, line_entry, read_statement
from runback_gate.audit.record import Part, export
from runback_gate.canonical import canonical_bytes
from runback_gate.chain import append
from runback_gate.errors import InputError, IntegrityError, RunbackError
from runback_gate.merkle import leaf_hash
from tests.audit.conftest import NOW, ORIGIN, REPORT, record, report_part, run_lines, run_part, split, verified
from tests.examples import examples
from tests.naive import naive_root


def carried(lines: list[bytes]) -> list[bytes]:
    """What is left without the record's own lines."""
    return [line for line in lines if not line.startswith(b'{"audit":"')]


def own(lines: list[bytes], kind: str) -> list[dict[str, Any]]:
    """The own lines of a kind, read."""
    return [json.loads(line) for line in lines if line.startswith(b'{"audit":"%b"' % kind.encode())]


def test_runs_and_reports_are_carried_to_the_byte() -> None:
    """Without its own lines a record is its files, one after the other."""
    lines = record(run_part("first", 90), report_part(), run_part("second", 3))
    assert carried(lines) == [*run_lines("first", 90), *split(REPORT), *run_lines("second", 3)]


def test_the_frame_is_the_documented_one() -> None:
    """First line, one index line for 64 lines, what each file is, the statement over the checkpoint."""
    lines = record(run_part("first", 90), report_part())
    assert json.loads(lines[0]) == {"audit": "record", "format": "runback.audit/v1", "origin": ORIGIN, "signed": True}
    data, report = b"".join(run_lines("first", 90)), REPORT
    assert own(lines, "input") == [
        {
            "audit": "input",
            "run": "first",
            "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "events": 90,
            "head": f"sha256:{hashlib.sha256(run_lines('first', 90)[-1]).hexdigest()}",
            "values": 45,
        },
        {
            "audit": "input",
            "report": "report.json",
            "digest": f"sha256:{hashlib.sha256(report).hexdigest()}",
            "lines": report.count(b"\n"),
        },
    ]
    index = own(lines, "index")
    assert [item["block"] for item in index] == [0, 1, 2]
    assert [len(item["lines"]) for item in index] == [BLOCK, BLOCK, 16]
    [statement] = own(lines, "statement")
    payload = canonical_bytes(statement["statement"])
    told = read_statement(payload)
    entries = [text for item in index for text in item["lines"] if not text.startswith("own:")]
    assert told.checkpoint.root == naive_root([leaf_hash(text.encode()) for text in entries])
    assert (told.checkpoint.origin, told.checkpoint.size) == (ORIGIN, len(entries))
    index_lines = b"".join(line for line in lines if line.startswith(b'{"audit":"index"'))
    assert told.index == f"sha256:{hashlib.sha256(index_lines).hexdigest()}"
    subject = hashlib.sha256(told.checkpoint.text.encode()).hexdigest()
    assert statement["statement"]["subject"] == [{"digest": {"sha256": subject}, "name": "checkpoint"}]


def test_an_entry_is_the_hash_of_its_line_or_the_id_of_its_value() -> None:
    """`sha256sum` of a line gives its entry; a value stands by its id, whatever became of the value."""
    lines = record(run_part("sample", 5, erased=(1,)))
    [index] = own(lines, "index")
    kept = lines[: lines.index(next(line for line in lines if line.startswith(b'{"audit":"index"')))]
    for line, entry in zip(kept, index["lines"], strict=True):
        if line.startswith(b'{"id":"'):
            assert entry == f"id:{json.loads(line)['id'].removeprefix('sha256:')}"
        else:
            assert entry.removeprefix("own:") == hashlib.sha256(line).hexdigest()
    place = next(number for number, line in enumerate(kept) if b"tombstone" in line)
    assert index["erased"] == {str(place): line_entry(kept[place])}


def test_the_index_lines_are_canonical_json() -> None:
    """They are put together by hand; the result is that of the canonical form."""
    for line in record(run_part("sample", 90, erased=(0, 40))):
        if line.startswith(b'{"audit":'):
            assert canonical_bytes(json.loads(line)) + b"\n" == line


def test_only_the_values_of_named_events_are_disclosed() -> None:
    """All others are withheld; the tree is the same, so both records have one root."""
    whole, part = record(run_part("sample", 9)), record(run_part("sample", 9, disclosed=frozenset({3})))
    kept = [json.loads(line)["value"]["content"] for line in carried(part) if b'"salt"' in line]
    assert kept == ["message 3"]
    assert [line for line in carried(part) if not line.startswith(b'{"id"')] == [
        line for line in carried(whole) if not line.startswith(b'{"id"')
    ]
    one, other = verified(whole), verified(part)
    assert (other.status, other.counts.held, other.counts.withheld) == ("valid", 1, 3)
    assert one.statement is not None
    assert other.statement is not None
    assert one.statement.checkpoint == other.statement.checkpoint


def test_a_text_that_looks_like_an_id_discloses_nothing_else() -> None:
    """Only what is a text of the event counts; the link of the chain does not."""
    first, head = append(None, {"type": "run.start", "format": "runback.run/v1"})
    line, _ = append(head, {"type": "note", "text": f'"{head}"', "list": [{"deep": "sha256:0"}]})
    part = Part("run", "r", lambda: [first, line], frozenset({1}))
    assert verified(record(part)).counts.held == 0


def test_an_event_that_is_not_there_cannot_be_disclosed() -> None:
    """The error says which there are."""
    with pytest.raises(InputError, match=r"run sample has no event 9 \(its events are 0 to 4\)"):
        record(run_part("sample", disclosed=frozenset({9})))


def test_a_run_that_does_not_verify_is_not_exported() -> None:
    """A signature on a broken chain would say more than is known."""
    lines = run_lines("sample", 5)
    lines[1] = lines[1].replace(b"message", b"massage")
    with pytest.raises(IntegrityError, match="sample:2"):
        record(Part("run", "sample", lambda: lines))


@pytest.mark.parametrize("data", [b"no line end", b'{"audit":"run","name":"x"}\n', b'{"id":"sha256:x"}\n'])
def test_lines_that_a_record_could_not_carry_are_refused(data: bytes) -> None:
    """A line that would be read as one of the record itself."""
    with pytest.raises(InputError, match="no record can carry it"):
        record(report_part(data))


def test_nothing_is_no_record() -> None:
    """A record carries at least one file, and its log has a name."""
    with pytest.raises(InputError, match="nothing to export"):
        list(export([], origin=ORIGIN, created=NOW, tool="t"))
    with pytest.raises(InputError, match="an origin has"):
        list(export([report_part()], origin="a\nb", created=NOW, tool="t"))


@settings(max_examples=examples(30))
@given(
    st.lists(st.tuples(st.integers(2, 70), st.sets(st.integers(0, 9))), min_size=1, max_size=3),
    st.lists(st.binary(max_size=20).filter(lambda text: b"\n" not in text), max_size=70),
)
def test_every_record_is_valid(runs: list[tuple[int, set[int]]], texts: list[bytes]) -> None:
    """Whatever is exported verifies."""
    parts = [run_part(f"r{n}", size, erased=tuple(erased)) for n, (size, erased) in enumerate(runs)]
    report = report_part(b"".join(b"x" + text + b"\n" for text in texts))
    found = verified(record(*parts, report))
    assert (found.status, found.counts.runs, found.counts.reports) == ("valid", len(runs), 1)
    assert found.signed_erasures == found.counts.erased


@given(st.binary(max_size=40))
def test_another_payload_is_no_statement(data: bytes) -> None:
    """Only the exact bytes of a statement are read."""
    with pytest.raises(RunbackError, match="not the statement of an audit record"):
        read_statement(data)


def test_a_statement_has_one_form() -> None:
    """What is written is read; another field, another type or another order is refused."""
    found = verified(record()).statement
    assert isinstance(found, RecordStatement)
    payload = found.payload()
    assert read_statement(payload) == found
    value = json.loads(payload)
    changes: list[dict[str, Any]] = [{"more": 1}, {"subject": []}, {"predicateType": "x"}]
    for change in changes:
        with pytest.raises(IntegrityError):
            read_statement(canonical_bytes({**value, **change}))
    others: list[dict[str, Any]] = [{"index": 5}, {"tool": None}, {"counts": {}}, {"created": 5}, {"checkpoint": "x"}]
    for told in others:
        with pytest.raises(IntegrityError):
            read_statement(canonical_bytes({**value, "predicate": {**value["predicate"], **told}}))
    counts = {**value["predicate"]["counts"], "runs": True}
    with pytest.raises(IntegrityError):
        read_statement(canonical_bytes({**value, "predicate": {**value["predicate"], "counts": counts}}))
