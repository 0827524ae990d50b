"""Erasing: the values that are meant are gone, and chain, tree and signature hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runback_gate.audit.erase import Erasable, erased, parse_selector, select
from runback_gate.chain import append, tombstone, value_line, verify, withheld
from runback_gate.errors import InputError
from tests.audit.conftest import NOW, record, report_part, run_lines, run_part, verified


def conversation() -> list[bytes]:
    """Two steps; the second one repeats the message of the first."""
    values: list[Any] = [
        {"role": "user", "content": "I am Ann"},
        "be kind",
        {"text": "Hello Ann"},
        {"role": "user", "content": "Bye"},
        {"task": 1},
    ]
    made = [value_line(b"%016d" % number, value) for number, value in enumerate(values)]
    ann, kind, hello, bye, labels = (name for _, name in made)
    events: list[dict[str, Any]] = [
        {"type": "run.start", "format": "runback.run/v1", "run": "r", "labels": labels},
        {"type": "note", "deep": {"of": [ann]}},
        {"type": "model", "system": kind, "messages": [ann], "response": hello},
        {"type": "model", "system": kind, "messages": [ann, hello, bye], "response": kind},
        {"type": "run.end", "steps": 2},
    ]
    lines, head = [line for line, _ in made], None
    for event in events:
        line, head = append(head, event)
        lines.append(line)
    return lines


LINES = conversation()
IDS = [line[7:78].decode() for line in LINES[:5]]


def chosen(*texts: str, pattern: str | None = None, lines: list[bytes] = LINES) -> list[Erasable]:
    """The values that are meant."""
    return list(select(lambda: lines, [parse_selector(text) for text in texts], pattern=pattern))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IDS[0], [0]),
        (IDS[0].removeprefix("sha256:"), [0]),
        (IDS[0][:15], [0]),
        ("step 0 request.messages[0]", [0]),
        ("step 0 request.messages[0].content", [0]),
        ("step 1 messages[2]", [3]),
        ("step 1 request.messages", [0, 2, 3]),
        ("step 1 response", [1]),
        ("step 0 request.system", [1]),
        ("event 0 labels", [4]),
        ("event 1 deep", [0]),
        ("event 3 messages[1]", [2]),
        ("r event 0 labels", [4]),
    ],
)
def test_a_value_is_named_by_id_or_path(text: str, expected: list[int]) -> None:
    """Steps count the model events, events count all; both from 0."""
    assert [IDS.index(item.id) for item in chosen(text)] == expected


@pytest.mark.parametrize(
    ("pattern", "expected"), [("Ann", [0, 2]), ("^be kind$", [1]), ('"task":1', [4]), ("^Bye$", [3]), ("nobody", [])]
)
def test_a_pattern_means_every_value_that_it_finds(pattern: str, expected: list[int]) -> None:
    """In the whole value as JSON, and in each text in it."""
    assert [IDS.index(item.id) for item in chosen(pattern=pattern)] == expected


def test_every_event_that_loses_the_value_is_named() -> None:
    """A value that is said once is stored once, so all who name it lose it."""
    [found] = chosen(IDS[0])
    assert found.used == ["event 1 deep", "event 2 (step 0) messages[0]", "event 3 (step 1) messages[0]"]
    assert (found.state, found.run) == ("held", "")


def test_the_run_verifies_without_the_values() -> None:
    """Other lines stay as they are, to the byte; the head is the same."""
    lines = list(erased(lambda: LINES, chosen(pattern="Ann"), at=NOW, reason="asked for"))
    assert verify(lines) == verify(LINES)
    assert [number for number, pair in enumerate(zip(lines, LINES, strict=True)) if pair[0] != pair[1]] == [0, 2]
    assert lines[0] == tombstone(IDS[0], at=NOW, reason="asked for")
    assert b"Ann" not in b"".join(lines)


def test_a_tombstone_stays_as_it_is() -> None:
    """What was erased before keeps its time and reason."""
    lines = [tombstone(IDS[0], at=NOW, reason="first"), *LINES[1:]]
    [found] = chosen(IDS[0], lines=lines)
    assert found.state == "erased"
    assert list(erased(lambda: lines, [found], at=NOW, reason="second")) == lines


def test_values_of_a_record_are_erased_in_their_run() -> None:
    """The record stays valid under its signature; a report in it is passed over."""
    lines = record(run_part("a", 5), report_part(b'{\n"prev": 1\n}\n{"prev":1}\n{"n":\n'), run_part("b", 5))
    [found] = chosen("b event 1 messages[0]", lines=lines)
    assert (found.run, found.used) == ("b", ["event 1 (step 0) messages[0]", "event 2 (step 1) messages[0]"])
    after = verified(list(erased(lambda: lines, [found], at=NOW, reason="asked for")))
    assert (after.status, after.counts.erased, after.counts.held) == ("valid", 1, 3)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sha256:1234567"], "not a value: 'sha256:1234567'"),
        (["step x response"], "not a value"),
        (["12345678"], "no value has the id 12345678"),
        (["step 2 response"], "nothing is named by 'step 2 response'"),
        (["step 0 request.tools"], "nothing is named by"),
        (["step 1 messages[3]"], "nothing is named by"),
        (["step 1 response[0]"], "nothing is named by"),
        (["event 1 type"], "nothing is named by"),
    ],
)
def test_what_means_nothing_is_an_error(texts: list[str], message: str) -> None:
    """Nobody should believe that something was erased."""
    with pytest.raises(InputError, match=re.escape(message)):
        chosen(*texts)


def test_an_id_that_means_two_values_is_an_error() -> None:
    """More digits are needed."""
    two = [line.replace(line[14:22], b"12345678") for line in LINES[:2]]
    with pytest.raises(InputError, match=r"2 values have the id 12345678 \(give more of its digits\)"):
        chosen("12345678", lines=[withheld(f"sha256:{line[14:78].decode()}") for line in two])


def test_a_pattern_must_be_one() -> None:
    """The error says what is wrong with it."""
    with pytest.raises(InputError, match="not a regular expression"):
        chosen(pattern="(")


def test_a_withheld_value_cannot_be_erased_here() -> None:
    """Whoever holds it would keep it."""
    with pytest.raises(InputError, match="is withheld here"):
        chosen(IDS[0], lines=[withheld(IDS[0]), *LINES[1:]])


def test_other_lines_are_passed_over() -> None:
    """What is no event names nothing."""
    assert (
        chosen(IDS[1], lines=[*LINES, b"{\n", b'["prev"]\n', *run_lines("x", 2)])[0].used[0]
        == "event 2 (step 0) system"
    )
