"""Every small change of a record."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from random import Random  # noqa: TID251  seeded, so it is no chance

from runback_gate.audit.frame import STATEMENT_LINE
from tests.audit.conftest import record, report_part, run_lines, run_part, split

Change = tuple[list[bytes], frozenset[int]]
"""The lines of a changed record, and the numbers that name the change."""

LINES = record(run_part("first", 9, erased=(1,)), run_part("second", 42, erased=(3, 9)), report_part())

DATA = b"".join(LINES)

HOSTILE = b'\n"{}[]:,\\ 0ax\x00\xff'


def byte_changes(chance: Random, step: int = 1) -> Iterator[Change]:
    """Each byte is replaced, by any other and by one that means something in JSON."""
    starts, at = [], 0
    for line in LINES:
        starts.append(at)
        at += len(line)
    for place in range(chance.randrange(step), len(DATA), step):
        byte = chance.randrange(256) if chance.random() < 0.5 else chance.choice(HOSTILE)
        if byte == DATA[place]:
            byte ^= 1
        yield split(DATA[:place] + bytes([byte]) + DATA[place + 1 :]), frozenset({bisect_right(starts, place)})


def line_changes(chance: Random) -> Iterator[Change]:
    """Lines are deleted, doubled, inserted, swapped, moved; the record is cut at each line and inside each line."""
    count = len(LINES)
    for place, line in enumerate(LINES):
        before, after = LINES[:place], LINES[place + 1 :]
        yield [*before, *after], frozenset({place + 1, min(place + 1, count - 1)})
        yield [*before, line, line, *after], frozenset({place + 1, place + 2})
        yield [*before, line, chance.choice(LINES), *after], frozenset({place + 1, place + 2})
        yield [*before, b'{"prev":"sha256:' + b"0" * 64 + b'","type":"note"}\n', line, *after], frozenset({place + 1})
        if place:
            yield before, frozenset({place})
        yield [*before, line[: chance.randrange(1, len(line))]], frozenset({place + 1})
        for other in range(place + 1, count):
            moved = [*before, LINES[other], *LINES[place + 1 : other], line, *LINES[other + 1 :]]
            if moved != LINES:
                yield moved, frozenset({place + 1})


def json_changes() -> Iterator[Change]:
    """Each line is written in another form of the same JSON, with a key twice, with a field more or less."""
    for place, line in enumerate(LINES):
        if not line.startswith(b"{") or len(line) < 3:
            continue
        field = re.match(rb'\{("[^"]*":(?:"[^"]*"|[0-9]+)),', line)
        forms = [
            line.replace(b":", b": ", 1),
            line[:-1] + b" \n",
            b" " + line,
            line[:-1] + b"\r\n",
            b"\xef\xbb\xbf" + line,
        ]
        forms += [b'{"a":1,' + line[1:], line[:-2] + b',"zz":1}\n', line.replace(b'"', b'"\\u0061', 1)]
        if field:
            forms += [
                b"{" + field[1] + b"," + line[1:],
                line[:-2] + b"," + field[1] + b"}\n",
                b"{" + line[field.end() :],
            ]
        for form in forms:
            yield [*LINES[:place], form, *LINES[place + 1 :]], frozenset({place + 1})


def rewritten() -> Iterator[Change]:
    """Whole records that somebody made without the key, closed with lines of the one that was signed."""
    other = run_lines("second", 42, erased=(3, 9))
    other[5] = other[5].replace(b"message", b"massage")
    parts = [
        (run_part("second", 42, erased=(3, 9)), run_part("first", 9, erased=(1,)), report_part()),
        (run_part("first", 9, erased=(1,)), run_part("second", 40, erased=(3, 9)), report_part()),
        (run_part("first", 9, erased=(1,)), run_part("third", 42, erased=(3, 9)), report_part()),
        (
            run_part("first", 9, erased=(1,)),
            run_part("second", 42, erased=(3, 9)),
            report_part(b'{"verdict": "FAIL"}\n'),
        ),
        (run_part("first", 9, erased=(1,)), run_part("second", 42, erased=(3, 9))),
        (run_part("first", 9, erased=(1,)),),
    ]
    anywhere = frozenset(range(1, 200))
    for chosen in parts:
        for signed in (True, False):
            forged = record(*chosen, signed=signed)
            body = [line for line in forged if not line.startswith((STATEMENT_LINE, b'{"audit":"signature"'))]
            yield [*body, *LINES[-2:]], anywhere
            yield [*LINES[:-2], forged[len(body)], LINES[-1]], anywhere
            yield [*body, forged[len(body)], LINES[-1]], anywhere
            yield [*LINES[:-1], *forged[len(body) + 1 :]], anywhere
