"""What differs between two texts, by word or by line.

In: two texts. Out: `Segment` values that hold both of them whole: what is the same, what was removed, what was added.

    words("pay 50", "pay 250")    # (Segment("same", "pay "), Segment("removed", "50"), Segment("added", "250"))

The work is bounded: common beginnings and ends are cut off first, and where more than `MAX_PIECES` pieces are left the
middle is one removal and one addition, which is true as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal

from runback_gate.frozen import dataclass

MAX_PIECES: Final = 3_000
"""Words or lines of both texts together that are compared in the middle; difflib needs their square."""

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text that both have, or that one of them has alone."""

    kind: Literal["same", "removed", "added"]
    text: str


def words(then: str, now: str) -> tuple[Segment, ...]:
    """The difference of two texts by word, white space and punctuation."""
    return _joined(_segments(_WORD.findall(then), _WORD.findall(now)))


def lines(then: str, now: str) -> tuple[Segment, ...]:
    """The difference of two texts by line; a segment ends at the end of a line, or of its text."""
    return _joined(_segments(then.splitlines(keepends=True), now.splitlines(keepends=True)))


def hunks(segments: Sequence[Segment], context: int = 2) -> tuple[Segment | int, ...]:
    """The segments of `lines` with at most `context` lines around a change; a number counts the lines left out."""
    shown: list[Segment | int] = []
    for index, segment in enumerate(segments):
        if segment.kind != "same":
            shown.append(segment)
            continue
        rows = segment.text.splitlines(keepends=True)
        head = context if index else 0
        tail = context if index < len(segments) - 1 else 0
        if len(rows) <= head + tail + 1:
            shown.append(segment)
            continue
        parts = ("".join(rows[:head]), len(rows) - head - tail, "".join(rows[len(rows) - tail :] if tail else ()))
        shown += [Segment("same", part) if isinstance(part, str) else part for part in parts if part]
    return tuple(shown)


def _segments(then: Sequence[str], now: Sequence[str]) -> Iterator[Segment]:
    room = min(len(then), len(now))
    begin = next((at for at in range(room) if then[at] != now[at]), room)
    room -= begin
    end = next((at for at in range(room) if then[-1 - at] != now[-1 - at]), room)
    before, after = then[begin : len(then) - end], now[begin : len(now) - end]
    yield Segment("same", "".join(then[:begin]))
    if len(before) + len(after) > MAX_PIECES:
        yield Segment("removed", "".join(before))
        yield Segment("added", "".join(after))
    else:
        for kind, i, j, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                yield Segment("same", "".join(before[i:j]))
            else:
                yield Segment("removed", "".join(before[i:j]))
                yield Segment("added", "".join(after[m:n]))
    yield Segment("same", "".join(then[len(then) - end :]))


def _joined(segments: Iterator[Segment]) -> tuple[Segment, ...]:
    """Without empty segments, and neighbours of one kind as one."""
    found: list[Segment] = []
    for segment in segments:
        if segment.text and found and found[-1].kind == segment.kind:
            found[-1] = Segment(segment.kind, found[-1].text + segment.text)
        elif segment.text:
            found.append(segment)
    return tuple(found)
