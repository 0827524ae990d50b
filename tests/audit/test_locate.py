"""Where a record breaks: the line, the bytes and what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.audit.locate import Fault, byte_range, differing
from runback_gate.audit.verify import verify_record
from tests.audit.conftest import record, report_part, run_part, split, verified
from tests.audit.faults import SAMPLE, changed, fault, place


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


def test_what_stands_behind_the_end_is_found() -> None:
    """Another statement, another signature, any line."""
    for line in (SAMPLE[-1], SAMPLE[-2], SAMPLE[1], b"more\n", SAMPLE[place(SAMPLE, b'{"audit":"index"')]):
        found = fault(verified([*SAMPLE, line]))
        assert (found.kind, found.line) == ("inserted", len(SAMPLE) + 1)


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
