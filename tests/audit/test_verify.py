"""Verifying: valid, unverified or invalid; where it breaks, and what may change after signing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.attest.keys import new_key, sign_payload
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.frame import (
    SIGNATURE_LINE,
    STATEMENT_LINE,
    Counts,
    Frame,
    RecordStatement,
    line_entry,
    own_line,
    statement_line,
)
from runback_gate.audit.locate import Fault, byte_range, differing
from runback_gate.audit.scope import covers, excludes_not, open_points
from runback_gate.audit.verify import RecordVerification, verify_record
from runback_gate.canonical import canonical_bytes, sha256
from runback_gate.chain import append, tombstone, withheld
from runback_gate.dsse import IN_TOTO
from runback_gate.errors import InputError, RunbackError
from tests.audit.conftest import NOW, checker, key, record, report_part, run_lines, run_part, split, verified

SAMPLE = record()


def fault(found: RecordVerification) -> Fault:
    """The fault of an invalid record."""
    assert found.status == "invalid"
    assert found.fault is not None
    assert found.reason == found.fault.message
    return found.fault


def place(lines: Iterable[bytes], text: bytes) -> int:
    """Index of the first line that holds a text."""
    return next(number for number, line in enumerate(lines) if text in line)


def changed(lines: list[bytes], at: int, old: bytes, new: bytes) -> list[bytes]:
    """The lines with one text of one line replaced."""
    assert old in lines[at]
    return [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]


def test_a_signed_record_is_valid_under_its_key() -> None:
    """And tells what it carries."""
    found = verified(SAMPLE)
    assert (found.status, found.reason, found.fault, found.signed) == ("valid", "", None, True)
    assert found.counts == Counts(runs=1, reports=1, events=5, held=2)
    assert found.lines == len(SAMPLE)
    assert found.statement is not None
    assert found.statement.created == NOW


def test_without_a_key_or_a_signature_it_is_never_valid() -> None:
    """Both are `unverified`, each with its reason."""
    assert verify_record(SAMPLE).status == "unverified"
    assert verify_record(SAMPLE).reason == "no key was given, so the signature was not checked"
    for check in (None, checker()):
        found = verify_record(record(signed=False), check=check)
        assert (found.status, found.reason, found.signed) == ("unverified", "it is not signed", False)


def test_another_key_is_refused() -> None:
    """The signature is that of somebody else."""
    found = fault(verified(record(signer=new_key("p256"))))
    assert (found.kind, found.line, found.message) == ("signature", len(SAMPLE), "the bundle names another key")


def test_a_signature_that_is_gone_is_missed() -> None:
    """The first line says that the record was signed."""
    found = fault(verified(SAMPLE[:-1]))
    assert (found.kind, found.message) == ("signature", "the signature is gone")
    found = fault(verified([*record(signed=False), SAMPLE[-1]]))
    assert found.kind in ("signature", "changed")


def test_a_changed_event_is_named() -> None:
    """Line, bytes, event and what it is."""
    at = place(SAMPLE, b'"n":3')
    start = sum(map(len, SAMPLE[:at]))
    found = fault(verified(changed(SAMPLE, at, b'"n":3', b'"n":4')))
    assert found == Fault("changed", at + 1, start, start + len(SAMPLE[at]), "the line was changed", "sample:3 (model)")


def test_a_changed_value_is_named() -> None:
    """Its id stands in the index, so the line is known to be a value that was changed."""
    at = place(SAMPLE, b"message 1")
    found = fault(verified(changed(SAMPLE, at, b"message", b"massage")))
    assert (found.kind, found.line) == ("changed", at + 1)
    assert found.message == "it holds a value that does not match its id"


def test_a_changed_report_line_is_named() -> None:
    """A report is found by line too."""
    at = place(SAMPLE, b'"verdict": "PASS"')
    assert fault(verified(changed(SAMPLE, at, b"PASS", b"FAIL"))).line == at + 1


def test_a_changed_index_line_is_named_to_the_byte() -> None:
    """The lines agree with the statement, so it is the index line that was changed; its right bytes are known."""
    at = place(SAMPLE, b'{"audit":"index"')
    start = sum(map(len, SAMPLE[:at]))
    data = bytearray(SAMPLE[at])
    data[200] = ord("g")
    found = fault(verified([*SAMPLE[:at], bytes(data), *SAMPLE[at + 1 :]]))
    assert found == Fault("changed", at + 1, start + 200, start + 201, "the index line was changed")


def test_a_changed_statement_is_named_to_the_byte() -> None:
    """The signed payload holds the right bytes."""
    at = len(SAMPLE) - 2
    start = sum(map(len, SAMPLE[:at]))
    offset = SAMPLE[at].index(b'"events":5') + len(b'"events":')
    for found in (
        fault(verified(changed(SAMPLE, at, b'"events":5', b'"events":6'))),
        fault(verify_record(changed(SAMPLE, at, b'"events":5', b'"events":6'))),
    ):
        assert (found.kind, found.line) == ("changed", at + 1)
        assert (found.start, found.end) == (start + offset, start + offset + 1)


def test_a_replaced_head_is_named() -> None:
    """All lines agree with each other, and the signature is good, but it is that of another state."""
    other = record(run_part("other"), report_part())
    found = fault(verified([*other[:-2], *SAMPLE[-2:]]))
    assert (found.kind, found.line) == ("head replaced", len(other) - 1)
    found = fault(verified([*record(signed=False)[:-1], record(run_part("other"), signed=False)[-1]]))
    assert found.kind == "head replaced"


def test_every_cut_is_found() -> None:
    """At a line end it is cut behind that line, inside a line that line is torn."""
    data = b"".join(SAMPLE)
    for size in range(len(SAMPLE[0]) // 2, len(data), 7):
        found = fault(verified(split(data[:size])))
        torn = data[size - 1 : size] != b"\n"
        whole = data[:size].count(b"\n")
        assert found.line == whole + torn
        assert found.kind == ("signature" if whole == len(SAMPLE) - 1 and not torn else "truncated")
        assert found.end == size


def test_a_cut_behind_a_changed_line_does_not_hide_it() -> None:
    """The first place at which it breaks is told."""
    at = place(SAMPLE, b"message 1")
    lines = changed(SAMPLE, at, b"message", b"massage")
    assert fault(verified(lines[: at + 2])).line == at + 1
    assert fault(verified([*lines[: at + 2], lines[at + 2][:-3]])).line == at + 1


@pytest.mark.parametrize("size", [3, 40, 200])
def test_lines_without_an_index_do_not_fill_the_memory(size: int) -> None:
    """However many lines are put between two index lines, the first of them is named, or the index line they need."""
    at = place(SAMPLE, b'"n":0')
    note = b'{"prev":"sha256:%b","type":"note"}\n' % (b"0" * 64)
    found = fault(verified([*SAMPLE[: at + 1], *[note] * size, *SAMPLE[at + 1 :]]))
    assert found.line in (at + 2, 65)


def test_a_value_may_be_erased_after_signing() -> None:
    """The record stays valid; the tombstone is counted, and said not to be under the signature."""
    at = place(SAMPLE, b"message 1")
    name = SAMPLE[at][7:78].decode()
    found = verified([*SAMPLE[:at], tombstone(name, at=NOW, reason="asked for"), *SAMPLE[at + 1 :]])
    assert (found.status, found.counts.erased, found.counts.held, found.signed_erasures) == ("valid", 1, 1, 0)
    assert open_points(found) == ("time and reason of 1 erasure: made after signing",)


def test_a_value_may_be_withheld_after_signing() -> None:
    """Whoever passes a record on may leave values out, not change them."""
    at = place(SAMPLE, b"message 1")
    name = SAMPLE[at][7:78].decode()
    found = verified([*SAMPLE[:at], withheld(name), *SAMPLE[at + 1 :]])
    assert (found.status, found.counts.withheld) == ("valid", 1)


def test_a_tombstone_from_before_is_under_the_signature() -> None:
    """Neither its reason can be changed nor the value come back."""
    lines = record(run_part("sample", 5, erased=(0,)))
    at = place(lines, b"tombstone")
    assert verified(lines).signed_erasures == 1
    assert open_points(verified(lines)) == ()
    assert "time and reason of 1 erasure" in covers(verified(lines))
    found = fault(verified(changed(lines, at, b"customer", b"operator")))
    assert (found.line, found.message) == (at + 1, "the tombstone was changed after signing")
    value = next(line for line in run_lines("sample", 5) if line.startswith(b'{"id"'))
    assert fault(verified([*lines[:at], value, *lines[at + 1 :]])).line == at + 1


def test_erasures_from_before_and_after_are_told_apart() -> None:
    """In one block, and beside a change that is found all the same."""
    lines = record(run_part("sample", 9, erased=(0,)))
    at = place(lines, b"message 3")
    later = [*lines[:at], tombstone(lines[at][7:78].decode(), at=NOW, reason="later"), *lines[at + 1 :]]
    found = verified(later)
    assert (found.status, found.signed_erasures, found.counts.erased) == ("valid", 1, 2)
    assert (
        fault(verified(changed(later, place(later, b'"n":5'), b'"n":5', b'"n":6'))).line == place(later, b'"n":5') + 1
    )


def test_an_earlier_checkpoint_shows_what_a_signature_cannot() -> None:
    """A record that was cut or rewritten, and signed again, is not the one that somebody kept the checkpoint of."""
    first, longer = record(run_part("a")), record(run_part("a"), run_part("b"))
    rewritten = record(run_part("c"), run_part("b"))
    old, new = verified(first).statement, verified(longer).statement
    assert old is not None
    assert new is not None
    assert verified(longer, earlier=old.checkpoint).status == "valid"
    assert verified(first, earlier=old.checkpoint).status == "valid"
    assert fault(verified(rewritten, earlier=old.checkpoint)).kind == "head replaced"
    assert fault(verified(first, earlier=new.checkpoint)).kind == "truncated"
    with pytest.raises(InputError, match=r"the checkpoint is of acme.example/support, the record of other"):
        verified(record(origin="other"), earlier=old.checkpoint)


def test_only_what_is_there_is_covered() -> None:
    """A record of reports has no events, and one of erased values none to read."""
    assert covers(verified(record(report_part()))) == ("every report line, byte for byte, in this order",)
    assert len(covers(verified(record(run_part("a", 3, erased=(0,)))))) == 3


def test_what_cannot_be_excluded_is_said() -> None:
    """An outside checkpoint, a signature, an end of the run: each takes one sentence away."""
    lines = run_lines("a", 5)[:-1]
    parts = [run_part("a"), run_part("b")]
    cut = record(parts[0].__class__("run", "a", lambda: lines), signed=False)
    found = verify_record(cut)
    assert found.unended == 1
    texts = excludes_not(found, earlier=False)
    assert [text.split()[1] for text in texts] == ["1", "somebody", "lines", "something"]
    assert [text.split()[1] for text in excludes_not(verified(SAMPLE), earlier=True)] == ["something"]
    assert covers(verified(SAMPLE[:-1])) == ()


@pytest.mark.parametrize("lines", [[], [b"\n"], [b"{}\n"], run_lines("a", 5), [b"PK\x03\x04"], [b"x" * 100] * 400])
def test_another_file_is_not_a_record(lines: list[bytes]) -> None:
    """It is refused, not called changed."""
    with pytest.raises(InputError, match="not an audit record"):
        verify_record(lines)


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


def test_a_key_that_does_not_fit_the_signature_is_an_error() -> None:
    """A check may say that it cannot judge; that is neither valid nor invalid."""

    def refusing(_kind: str, _bundle: object) -> bytes:
        raise InputError("a certificate, not a key")

    with pytest.raises(InputError, match="a certificate"):
        verify_record(SAMPLE, check=refusing)


def test_what_stands_behind_the_end_is_found() -> None:
    """Another statement, another signature, any line."""
    for line in (SAMPLE[-1], SAMPLE[-2], SAMPLE[1], b"more\n", SAMPLE[place(SAMPLE, b'{"audit":"index"')]):
        found = fault(verified([*SAMPLE, line]))
        assert (found.kind, found.line) == ("inserted", len(SAMPLE) + 1)


@given(st.lists(st.sampled_from([*SAMPLE, b"{}\n", b'{"audit":"x"}\n', STATEMENT_LINE + b"{}}\n"]), max_size=12))
def test_any_lines_give_an_answer(lines: list[bytes]) -> None:
    """Whatever the lines are, the answer is a verification or an error of ours."""
    try:
        assert verified(lines).status == "invalid"
    except RunbackError as error:
        assert "not an audit record" in str(error)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_differences_are_none_or_a_place(found: list[str], expected: list[str]) -> None:
    """Equal lists differ nowhere; others at a place up to which they are equal."""
    told = differing(found, expected)
    assert (told is None) == (found == expected)
    if told is not None:
        assert found[: told[1]] == expected[: told[1]]
        assert found[: told[1] + 1] != expected[: told[1] + 1]


@pytest.mark.parametrize(
    ("found", "expected", "kind", "at"),
    [
        ("abd", "abcd", "missing", 2),
        ("abcd", "abd", "inserted", 2),
        ("acbd", "abcd", "reordered", 1),
        ("axcd", "abcd", "changed", 1),
        ("ab", "abc", "missing", 2),
        ("abc", "ab", "inserted", 2),
        ("axyd", "abcd", "changed", 1),
    ],
)
def test_each_difference_has_its_word(found: str, expected: str, kind: str, at: int) -> None:
    """And the place at which it begins."""
    assert differing(found, expected) == (kind, at)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_byte_range_is_all_that_differs(found: bytes, expected: bytes) -> None:
    """What stands before and behind it is the same in both."""
    start, end = byte_range(found, expected)
    assert found[:start] == expected[:start]
    assert len(found) - end <= len(expected)
    assert found[end:] == expected[len(expected) - (len(found) - end) :]


def test_lines_come_one_by_one() -> None:
    """A line is taken when it is needed: a record need not be in memory."""
    lines = record(run_part("sample", 400))
    held = 0

    def given_out() -> Iterator[bytes]:
        nonlocal held
        for line in lines:
            held += 1
            yield line
            held -= 1

    assert verify_record(given_out(), check=checker()).status == "valid"
    assert held == 0
    assert sha256(b"".join(lines)).digest()


def test_a_forged_link_is_odd_even_when_it_is_signed() -> None:
    """An event that names another one before it."""
    first, head = append(None, {"type": "run.start", "format": "runback.run/v1"})
    wrong, _ = append(head[:-1] + ("0" if head[-1] != "0" else "1"), {"type": "run.end"})
    found = signed_like_this([HEADER, RUN, first, wrong, INPUT], runs=1, events=2)
    assert fault(found).message == "it does not follow the event before it"


LONG = record(run_part("long", 90), report_part())
FIRST = place(LONG, b'{"audit":"index","block":0')


@pytest.mark.parametrize(
    ("lines", "line", "kind"),
    [
        # An index line is gone, was changed beyond recognition, joined with the line before it, or put elsewhere.
        ([*LONG[:FIRST], *LONG[FIRST + 1 :]], FIRST + 1, "missing"),
        ([*LONG[:FIRST], b'{"audit":"index"\n', *LONG[FIRST + 1 :]], FIRST + 1, "changed"),
        ([*LONG[: FIRST - 1], LONG[FIRST - 1][:-1] + b" " + LONG[FIRST], *LONG[FIRST + 1 :]], FIRST, "changed"),
        ([*LONG[:FIRST], *LONG[FIRST + 1 : -3], LONG[FIRST], *LONG[-3:]], FIRST + 1, "missing"),
        ([*LONG[:5], LONG[FIRST], *LONG[5:FIRST], *LONG[FIRST + 1 :]], 6, "changed"),
        # The last index line is gone, joined, or not alone.
        ([*LONG[:-3], *LONG[-2:]], len(LONG) - 2, "missing"),
        ([*LONG[:-4], LONG[-4][:-1] + b" " + LONG[-3], *LONG[-2:]], len(LONG) - 3, "changed"),
        ([*LONG[:-2], LONG[1], LONG[2], *LONG[-2:]], len(LONG) - 1, "inserted"),
        ([*LONG[:-2], b"{}\n", *LONG[-2:]], len(LONG) - 1, "inserted"),
        # The statement is gone with it.
        ([*LONG[:-3], LONG[-1]], len(LONG) - 2, "missing"),
        # So many lines that an index line must have been among them.
        ([*LONG[:FIRST], *[LONG[-5]] * 300], 65, "missing"),
        # Whole blocks are gone.
        ([*LONG[:2], *LONG[FIRST + 5 :]], 3, "missing"),
    ],
)
def test_index_lines_that_are_not_where_they_belong(lines: list[bytes], line: int, kind: str) -> None:
    """They are missed at the line at which they were to stand."""
    found = fault(verified(lines))
    assert (found.line, found.kind) == (line, kind)


def test_a_long_line_is_told_whole() -> None:
    """However little of it is kept: its bytes are counted to its end."""
    long = b'"' + b"x" * 200_000 + b'",\n'
    lines = record(report_part(b"{\n" + long + b"}\n"))
    at = place(lines, long)
    found = fault(verified(changed(lines, at, b"xxx", b"xyx")))
    assert (found.line, found.end - found.start) == (at + 1, len(long))
