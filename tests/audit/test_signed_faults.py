"""A signature makes no record of what is none: chains, counts and forms that a maker signed wrong."""

from __future__ import annotations

import json

import pytest

from runback_gate.attest.keys import sign_payload
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.frame import (
    SIGNATURE_LINE,
    Counts,
    Frame,
    RecordStatement,
    line_entry,
    own_line,
    statement_line,
)
from runback_gate.audit.verify import RecordVerification
from runback_gate.canonical import canonical_bytes
from runback_gate.chain import append
from runback_gate.dsse import IN_TOTO
from tests.audit.conftest import NOW, key, record, run_lines, run_part, verified
from tests.audit.faults import SAMPLE, fault


def signed_like_this(lines: list[bytes], **counts: int) -> RecordVerification:
    """The verification of a record whose maker signed these lines: what is odd in them is no later change."""
    frame, written = Frame(), []
    for line in lines:
        kind = json.loads(line).get("audit") if line.startswith(b'{"audit"') else ""
        if line.startswith(b'{"id"'):
            frame.add("id:" + line[14:78].decode())
        else:
            frame.add(("own:" if kind and kind not in ("run", "report") else "") + line_entry(line))
        written.append(line)
        if frame.due:
            written.append(frame.index())
    if frame.entries:
        written.append(frame.index())
    checkpoint = Checkpoint("acme.example/support", frame.tree.size, frame.tree.root)
    payload = RecordStatement(checkpoint, frame.index_digest, Counts(**counts), NOW, "t").payload()
    signature = own_line("signature", {"bundle": sign_payload(key(), IN_TOTO, payload)})
    return verified([*written, statement_line(payload), signature])


HEADER, RUN = SAMPLE[0], SAMPLE[1]
EVENTS = run_lines("sample", 2)
INPUT = next(line for line in record(run_part("sample", 2)) if line.startswith(b'{"audit":"input"'))


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([HEADER, RUN, *EVENTS, INPUT], 0),
        ([HEADER, *EVENTS, INPUT], 2),
        ([HEADER, EVENTS[1]], 2),
        ([HEADER, b"text\n"], 2),
        ([RUN, *EVENTS, INPUT, HEADER], 1),
        ([HEADER, HEADER, RUN, *EVENTS, INPUT], 2),
        ([HEADER.replace(b"/v1", b"/v2"), RUN, *EVENTS, INPUT], 1),
        ([HEADER.replace(b'"signed":true', b'"signed":1'), RUN, *EVENTS, INPUT], 1),
        ([HEADER, RUN, *EVENTS[:-1], EVENTS[0], INPUT], 5),
        ([HEADER, RUN, *EVENTS, INPUT.replace(b'"events":2', b'"events":3')], 6),
        ([HEADER, RUN, *EVENTS, INPUT.replace(b'"digest":"sha256', b'"digest":"sha512')], 6),
        ([HEADER, RUN, *EVENTS], 7),
        ([HEADER, RUN, *EVENTS, RUN, *EVENTS, INPUT], 6),
        ([HEADER, RUN.replace(b'"sample"', b"5"), *EVENTS, INPUT], 2),
        ([HEADER, RUN, *EVENTS, b'{"audit":"other"}\n'], 6),
        ([HEADER, b'{"audit":[]}\n', RUN, *EVENTS, INPUT], 2),
    ],
)
def test_what_was_signed_must_be_a_record(lines: list[bytes], line: int) -> None:
    """A signature does not make a broken chain or a wrong count right."""
    found = signed_like_this(lines, runs=1, events=2, held=1)
    assert (found.status == "valid") is (line == 0)
    if line:
        assert fault(found).line == line


def test_counts_are_those_of_the_record() -> None:
    """A statement that says more than there is is refused."""
    assert fault(signed_like_this([HEADER, RUN, *EVENTS, INPUT], runs=1, events=3, held=1)).line == 8


def test_a_signature_of_another_form_is_refused() -> None:
    """Not a bundle, a bundle with more, a key id: what no signature covers has one form."""
    bundle = json.loads(SAMPLE[-1])
    forms: list[bytes] = [SIGNATURE_LINE + b"5}\n", SIGNATURE_LINE + b"{}}\n", SIGNATURE_LINE + b"{\n"]
    for change in ({"mediaType": "x"}, {"more": 1}):
        forms.append(canonical_bytes({"audit": "signature", "bundle": {**bundle["bundle"], **change}}) + b"\n")
    del bundle["bundle"]["dsseEnvelope"]["signatures"][0]["keyid"]
    forms.append(canonical_bytes(bundle) + b"\n")
    for form in forms:
        found = fault(verified([*SAMPLE[:-1], form]))
        assert (found.kind, found.line) == ("signature", len(SAMPLE))


def test_a_forged_link_is_odd_even_when_it_is_signed() -> None:
    """An event that names another one before it."""
    first, head = append(None, {"type": "run.start", "format": "runback.run/v1"})
    wrong, _ = append(head[:-1] + ("0" if head[-1] != "0" else "1"), {"type": "run.end"})
    found = signed_like_this([HEADER, RUN, first, wrong, INPUT], runs=1, events=2)
    assert fault(found).message == "it does not follow the event before it"
