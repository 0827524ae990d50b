"""The chain: whatever happens to one line of a run file is found, and the right line is named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue, canonical_bytes
from runback_gate.chain import (
    START,
    ChainBreak,
    ValueLine,
    Verified,
    append,
    check_value_line,
    erasure,
    is_value_line,
    locate,
    tombstone,
    value_line,
    value_state,
    verify,
    withheld,
)
from runback_gate.errors import DocumentError, IntegrityError

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SALT = bytes(range(16))
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n{}é\u2028\U0001f600'), max_size=20)
ATOMS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
# Fields that look like the chain's own, inside and beside texts that do, are what a forger would try.
KEYS = TEXT.filter(lambda key: key not in ("$decimal", "$integer")) | st.sampled_from(
    ["prev", 'a"prev', "type", "id", "salt", "value"]
)
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
EVENTS = st.dictionaries(KEYS.filter(lambda key: key != "prev"), VALUES, max_size=4).filter(
    lambda event: not str(event.get("id")).startswith("sha256:")
)


def run(*parts: Any) -> tuple[list[bytes], str]:
    """The lines of a run: a mapping is an event, anything in a tuple a value; and the head."""
    head: str | None = None
    lines = []
    for index, part in enumerate(parts):
        if isinstance(part, tuple):
            line, _ = value_line(hashlib.sha256(b"%d" % index).digest()[:16], part[0])
        else:
            line, head = append(head, part)
        lines.append(line)
    assert head is not None
    return lines, head


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[bytes], str]:
    """Runs of at least one event, values anywhere."""
    parts = draw(st.lists(EVENTS | st.tuples(VALUES), max_size=6))
    return run(*parts, draw(EVENTS), *draw(st.lists(st.tuples(VALUES), max_size=2)))


def split(data: bytes) -> Iterator[bytes]:
    """Lines as a file gives them: ended by LF only."""
    return iter(re.findall(rb"[^\n]*\n|[^\n]+", data))


def sample() -> tuple[list[bytes], str]:
    """Five events, with two values between them."""
    events = [{"type": kind, "n": n} for n, kind in enumerate(["run.start", "model", "tool", "model", "run.end"])]
    return run(events[0], ("hello",), events[1], ({"a": [1]},), *events[2:])


@LAW
@given(runs())
def test_what_was_appended_verifies(made: tuple[list[bytes], str]) -> None:
    """Verifying gives the head that appending gave, with and without being told it."""
    lines, head = made
    events = sum(not line.startswith(b'{"id":"sha256:') for line in lines)
    assert Verified(head, events) == verify(lines)
    assert Verified(head, events) == verify(split(b"".join(lines)), head=head)
    assert locate(lines, head=head) is None


@LAW
@given(runs(), st.data())
def test_one_changed_byte_is_found_and_its_line_named(made: tuple[list[bytes], str], data: st.DataObject) -> None:
    """Any other byte at any place, line ends included, is found at its line."""
    lines, head = made
    number = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[number][place]) | st.just(ord("\n")))
    changed = bytearray(lines[number])
    changed[place] = byte
    forged = b"".join([*lines[:number], bytes(changed), *lines[number + 1 :]])
    if forged == b"".join(lines):
        assert locate(split(forged), head=head) is None
        return
    finding = locate(split(forged), head=head)
    assert finding is not None
    assert number + 1 == finding.line
    assert finding.how in ("changed", "truncated")


@LAW
@given(runs(), st.data())
def test_any_cut_is_found_when_the_head_is_known(made: tuple[list[bytes], str], data: st.DataObject) -> None:
    """A run that lost bytes at its end does not verify; inside a line it is torn, unless only values are gone."""
    lines, head = made
    whole = b"".join(lines)
    size = data.draw(st.integers(0, len(whole) - 1))
    finding = locate(split(whole[:size]), head=head)
    if size and whole[size - 1 : size] != b"\n":
        number = whole[:size].count(b"\n") + 1
        assert (number, "truncated") == (finding and finding.line, finding and finding.how)
    elif all(line.startswith(b'{"id":"sha256:') for line in split(whole[size:])) and size:
        assert finding is None
    else:
        assert finding is not None


@LAW
@given(runs(), st.data())
def test_another_order_of_events_is_found(made: tuple[list[bytes], str], data: st.DataObject) -> None:
    """Any other order, and any loss, of event lines is found; values may lie anywhere."""
    lines, head = made
    events = [line for line in lines if not line.startswith(b'{"id":"sha256:')]
    other = data.draw(st.permutations(events) | st.lists(st.sampled_from(events)))
    if other == events:
        assert locate(other, head=head) is None
    else:
        assert locate(other, head=head) is not None


@LAW
@given(
    st.lists(st.binary(max_size=60) | st.sampled_from(sample()[0]) | st.sampled_from(sample()[0]).map(lambda x: x[:-1]))
)
def test_any_lines_verify_or_are_refused(lines: list[bytes]) -> None:
    """Whatever the bytes are, there is a head or an IntegrityError; `locate` says the same as `verify`."""
    finding = locate(lines)
    said = None
    try:
        verify(lines)
    except IntegrityError as error:
        said = error.message
    assert said == (finding.message if finding else None)


@LAW
@given(VALUES, st.binary(min_size=16, max_size=16))
def test_a_value_line_holds_its_value(value: Any, salt: bytes) -> None:
    """The id is the SHA-256 of salt and canonical value, and reading gives the value back."""
    line, name = value_line(salt, value)
    assert "sha256:" + hashlib.sha256(salt + canonical_bytes(value)).hexdigest() == name
    assert (name, value) == check_value_line(line)
    assert canonical_bytes({"id": name, "salt": salt.hex(), "value": value}) + b"\n" == line


@LAW
@given(VALUES, st.data())
def test_one_changed_byte_of_a_value_line_is_found(value: Any, data: st.DataObject) -> None:
    """A value line stands for itself: no other line is needed to see that it was changed."""
    line, _ = value_line(SALT, value)
    place = data.draw(st.integers(0, len(line) - 1))
    changed = bytearray(line)
    changed[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[place]))
    with pytest.raises(IntegrityError):
        check_value_line(bytes(changed))


def test_a_chain_names_the_bytes_of_the_line_before() -> None:
    """The format is fixed: `prev` is the SHA-256 of the whole line before, or zeros."""
    first, head = append(None, {"type": "run.start"})
    assert first == b'{"prev":"sha256:' + b"0" * 64 + b'","type":"run.start"}\n'
    assert "sha256:" + hashlib.sha256(first).hexdigest() == head
    second, last = append(head, {"a": 1})
    assert b'{"a":1,"prev":"%b"}\n' % head.encode() == second
    assert Verified(last, 2) == verify([first, second])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ChainBreak(1, "missing", "no event line")),
        (sample()[0][1:2], ChainBreak(1, "missing", "no event line")),
        (sample()[0][2:], ChainBreak(1, "missing", "the lines before line 1 are gone")),
        (
            sample()[0][:2] + sample()[0][4:],
            ChainBreak(1, "changed", "line 1 was changed, or lines between it and line 3 are gone"),
        ),
        (
            [sample()[0][index] for index in (0, 2, 5, 4, 6)],
            ChainBreak(3, "reordered", "line 3 stands before the line that it follows"),
        ),
        (
            [sample()[0][index] for index in (0, 2, 2, 4, 5, 6)],
            ChainBreak(3, "inserted", "line 3 does not belong here: the line after it follows the one before it"),
        ),
        ([*sample()[0], *run({"type": "other"})[0]], ChainBreak(8, "inserted", "line 8 begins another chain")),
        (
            [*sample()[0][:-1], sample()[0][-1][:-1]],
            ChainBreak(7, "truncated", "line 7 is torn: the file ends inside it"),
        ),
        (
            [*sample()[0], sample()[0][1][:-9]],
            ChainBreak(8, "truncated", "line 8 is torn: the file ends inside it"),
        ),
        ([*sample()[0], b"{}\n"], ChainBreak(8, "changed", "line 8 is not an event in canonical JSON")),
        ([*sample()[0], b'{"prev":1}\n'], ChainBreak(8, "changed", "line 8 is not an event in canonical JSON")),
        ([b"[]\n", *sample()[0]], ChainBreak(1, "changed", "line 1 is not an event in canonical JSON")),
        (
            [line.replace(b'"n":2', b'"n": 2') for line in sample()[0]],
            ChainBreak(5, "changed", "line 5 is not canonical JSON"),
        ),
        (
            [line.replace(b'"n":4', b'"n":04') for line in sample()[0]],
            ChainBreak(7, "changed", "line 7 is not canonical JSON"),
        ),
        ([b"\r\n"], ChainBreak(1, "changed", "line 1 is not an event in canonical JSON")),
        (
            [*sample()[0][:1], sample()[0][1].replace(b"hello", b"hullo")],
            ChainBreak(2, "changed", "line 2 holds a value that does not match its id"),
        ),
    ],
)
def test_what_happened_is_told(lines: list[bytes], expected: ChainBreak) -> None:
    """Each kind of damage has its word and its line."""
    assert expected == locate(lines)


def test_values_may_lie_anywhere() -> None:
    """The order of value lines is of no account, also before the first event and after the last."""
    lines, head = sample()
    assert Verified(head, 5) == verify([lines[index] for index in (3, 0, 2, 4, 5, 6, 1)], head=head)


def test_the_end_is_proved_by_the_head() -> None:
    """Without the head a changed last line and a cut at a line end verify; with it they do not."""
    lines, head = sample()
    other, _ = append(verify(lines[:-1]).head, {"type": "run.end", "n": 5})
    assert locate([*lines[:-1], other]) is None
    for forged, line in (([*lines[:-1], other], 7), (lines[:-1], 6)):
        message = f"line {line} is not the head: it was changed, or the lines after it are gone"
        assert ChainBreak(line, "changed", message) == locate(forged, head=head)
    more, _ = append(head, {"type": "note"})
    assert ChainBreak(8, "changed", "line 8 is not the head: it was changed, or the lines after it are gone") == locate(
        [*lines, more], head=head
    )


def test_a_nested_prev_does_not_stand_for_the_link() -> None:
    """A field `prev` deeper inside, which a forger may have had a say in, is not taken for the chain's own."""
    first, head = append(None, {"type": "run.start"})
    forged, other = append(None, {"type": "run.start", "forged": True})
    line, _ = append(head, {"note": {"prev": other}})
    assert Verified(verify([first, line]).head, 2) == verify([first, line])
    assert locate([forged, line]) is not None


def test_an_erased_value_leaves_the_chain_whole() -> None:
    """A tombstone takes the line of a value; the rest verifies, and to read the value is an error."""
    lines, head = sample()
    name, _ = check_value_line(lines[1])
    erased = [lines[0], tombstone(name), *lines[2:]]
    assert Verified(head, 5) == verify(erased, head=head)
    with pytest.raises(IntegrityError, match=f"the value {name} was erased"):
        check_value_line(erased[1])
    assert locate([lines[0], tombstone(name).replace(b"true", b"null"), *lines[2:]]) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(SALT.hex().encode(), SALT.hex().upper().encode()),
        lambda line: line.replace(SALT.hex().encode(), b"zz" + SALT.hex().encode()[2:]),
        lambda line: line.replace(b'"value":', b'"value": '),
        lambda line: line[:-1],
        lambda line: line[:100],
        lambda line: line + b"\n",
    ],
)
def test_a_value_line_has_one_form(change: Any) -> None:
    """Other spellings of the same value are refused, so every byte of the line counts."""
    line, _ = value_line(SALT, {"a": 1})
    with pytest.raises(IntegrityError, match="the value does not match its id"):
        check_value_line(change(line))


def test_a_value_that_is_not_canonical_is_refused() -> None:
    """A line of another program may match its id and hold a value that two readers read apart."""
    data = b'{"a":1,"a":2}'
    name = hashlib.sha256(SALT + data).hexdigest()
    line = b'{"id":"sha256:%b","salt":"%b","value":%b}\n' % (name.encode(), SALT.hex().encode(), data)
    with pytest.raises(IntegrityError, match="the value is not canonical JSON"):
        check_value_line(line)


def test_events_and_salts_are_checked_before_they_are_written() -> None:
    """What could be mistaken later is refused now."""
    with pytest.raises(DocumentError, match="does not state `prev`"):
        append(None, {"prev": START})
    with pytest.raises(DocumentError, match="would read as a value line"):
        append(None, {"id": "sha256:0"})
    with pytest.raises(DocumentError, match="a salt of 3 bytes"):
        value_line(b"abc", 1)
    with pytest.raises(DocumentError, match="NaN"):
        append(None, {"n": float("nan")})


def test_the_error_names_the_file() -> None:
    """`verify` says path and line, and what can be done about a torn end."""
    lines, _ = sample()
    with pytest.raises(IntegrityError) as caught:
        verify([*lines[:-1], lines[-1][:-5]], path="runs/a.jsonl")
    assert (
        str(caught.value) == "runs/a.jsonl:7: line 7 is torn: the file ends inside it (a torn last line can be cut off)"
    )


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-01-31T12:00:00Z", None),
        (None, "asked for"),
        ("2026-01-31 12:00", "asked for"),
        ("2026-01-31T12:00:00Z", ""),
        ("2026-01-31T12:00:00Z", "two\nlines"),
        ("2026-01-31T12:00:00Z", "x" * 501),
    ],
)
def test_a_tombstone_says_when_and_why_or_neither(at: str | None, reason: str | None) -> None:
    """A time in UTC and one line; what is told in another form is no tombstone."""
    with pytest.raises(DocumentError, match="an erasure needs a time and a reason"):
        tombstone("sha256:" + "0" * 64, at=at, reason=reason)


def test_each_state_of_a_value_has_one_form() -> None:
    """Held, erased or withheld; every other line is none of them."""
    line, name = value_line(SALT, "hello")
    told = tombstone(name, at="2026-01-31T12:00:00Z", reason="asked for")
    states = ["held", "erased", "erased", "withheld"]
    forms = [line, tombstone(name), told, withheld(name)]
    assert [value_state(form) for form in forms] == states
    assert [erasure(form) for form in forms[1:3]] == [(None, None), ("2026-01-31T12:00:00Z", "asked for")]
    for form in forms:
        for other in (form[:-1], form + b"\n", form.replace(b"}\n", b" }\n"), form.replace(b"true", b"false")):
            assert other == form or value_state(other) is None
    for old, new in (
        (b'"at"', b'"as"'),
        (b'"asked', b'"\\u0061sked'),
        (b'"2026', b'5,"2026'),
        (b'"reason":', b'"reason":5,"r":'),
    ):
        assert value_state(told.replace(old, new)) is None
    with pytest.raises(IntegrityError, match="is withheld"):
        check_value_line(withheld(name))


@given(salt=st.binary(min_size=16, max_size=16), value=st.one_of(st.text(), st.integers(-5, 5), st.lists(st.text())))
def test_a_value_line_has_one_layout(salt: bytes, value: JsonValue) -> None:
    """Id, digits, state and value of a line are those that it was made of; in a tombstone the id is where it was."""
    line, name = value_line(salt, value)
    found = ValueLine(line)
    assert is_value_line(line)
    assert (found.id, found.digits, found.state, found.value) == (name, name.removeprefix("sha256:"), "held", value)
    for other, state in ((tombstone(name), "erased"), (withheld(name), "withheld")):
        assert is_value_line(other)
        assert (ValueLine(other).id, ValueLine(other).state) == (name, state)
