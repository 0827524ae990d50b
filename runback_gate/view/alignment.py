"""Which steps of two runs belong together, also after the runs part.

In: two runs. Out: `Rows`: stretches of steps that stand side by side, or in one run alone.

    aligned(run, other)    # (Rows(0, 0, 6), Rows(6, None, 1), Rows(7, 6, 5)): the other run lacks step 6

Steps with the same answer belong together, as many as possible in order. Between them steps that call the same tools
do. What is left of both runs there stands side by side in order; the rest is in one run alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

from runback_gate.frozen import dataclass
from runback_gate.step import Run
from runback_gate.view.plain import answer_text

MAX_PAIRS: Final = 200_000_000
"""Pairs of steps that are compared, a bit of memory each; where more are left the steps stand in order."""

_Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Steps that follow one another."""

    own: int | None
    """The first of them, from 0; None where the run has none of them."""
    other: int | None
    """The same of the other run."""
    count: int


def aligned(run: Run, other: Run) -> tuple[Rows, ...]:
    """The rows of two runs in order; each step of both stands in exactly one."""
    sizes = len(run.steps), len(other.steps)
    answers = [[answer_text(step.response) for step in item.steps] for item in (run, other)]
    calls = [[tuple(call.name for call in step.response.tool_calls) for step in item.steps] for item in (run, other)]
    pairs = _within([(range(sizes[0]), range(sizes[1]))], *answers)
    pairs = sorted(pairs + _within(_gaps(pairs, *sizes), *calls))
    pairs += [pair for gap in _gaps(pairs, *sizes) for pair in zip(*gap, strict=False)]
    return tuple(_rows(sorted(pairs), *sizes))


def _gaps(pairs: Sequence[_Pair], left: int, right: int) -> Iterator[tuple[range, range]]:
    """What stands between pairs, in both runs."""
    begin, first = 0, 0
    for end, last in (*pairs, (left, right)):
        yield range(begin, end), range(first, last)
        begin, first = end + 1, last + 1


def _within(gaps: Iterable[tuple[range, range]], left: Sequence[Hashable], right: Sequence[Hashable]) -> list[_Pair]:
    """The most pairs of equal items, in order, inside each gap."""
    found: list[_Pair] = []
    for here, there in gaps:
        same = _common([left[at] for at in here], [right[at] for at in there])
        found += [(here[own], there[beside]) for own, beside in same]
    return found


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> Iterator[_Pair]:
    """A longest common subsequence: beginnings and ends that are the same, then `_longest` of the middle."""
    room = min(len(left), len(right))
    begin = next((at for at in range(room) if left[at] != right[at]), room)
    room -= begin
    end = next((at for at in range(room) if left[-1 - at] != right[-1 - at]), room)
    yield from ((at, at) for at in range(begin))
    middle, beside = left[begin : len(left) - end], right[begin : len(right) - end]
    if 0 < len(middle) * len(beside) <= MAX_PAIRS:
        yield from ((begin + one, begin + two) for one, two in _longest(middle, beside))
    yield from ((len(left) - at, len(right) - at) for at in range(end, 0, -1))


def _longest(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[_Pair]:
    """A longest common subsequence by rows of bits (Hyyrö, 2004): a word of memory holds 64 pairs."""
    places: dict[Hashable, int] = {}
    for at, item in enumerate(right):
        places[item] = places.get(item, 0) | 1 << at
    full = (1 << len(right)) - 1
    row, rows = full, [full]
    for item in left:
        same = row & places.get(item, 0)
        row = ((row + same) | (row - same)) & full
        rows.append(row)
    own, beside, found = len(left), len(right), list[_Pair]()
    while own and beside:
        # A bit that is not set: the subsequence grows at this item of `right`.
        if rows[own] >> (beside - 1) & 1:
            beside -= 1
        else:
            own -= 1
            if rows[own] >> (beside - 1) & 1:
                beside -= 1
                found.append((own, beside))
    return found[::-1]


def _rows(pairs: Sequence[_Pair], left: int, right: int) -> Iterator[Rows]:
    """All steps of both: pairs that follow one another as one stretch, and what stands alone before them."""
    own, beside, count = 0, 0, 0
    for end, last in (*pairs, (left, right)):
        if (end, last) != (own + count, beside + count) or (end, last) == (left, right):
            if count:
                yield Rows(own, beside, count)
            own, beside, count = own + count, beside + count, 0
            if end > own:
                yield Rows(own, None, end - own)
            if last > beside:
                yield Rows(None, beside, last - beside)
            own, beside = end, last
        count += 1
