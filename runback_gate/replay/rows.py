"""Rows in the making: each asks until it has its answers.

In: a generator that asks (`Query`) and is sent what was found (`Answer`). Out: the question that nothing known answers,
or the row.

    found = advance(start(), None, known.known)
    found.row if isinstance(found, Done) else found         # an Ask
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from runback_gate.frozen import dataclass
from runback_gate.replay.evidence import Answer, Query

T = TypeVar("T")

Start = Callable[[], Generator[Query, Answer, T]]
"""Begins the making of a row."""


@dataclass(slots=True)
class Pending(Generic[T]):
    """A row that the first pass could not finish."""

    index: int
    start: Start[T]
    risk: int
    kept: tuple[Generator[Query, Answer, T], Query] | None


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """A row that is made."""

    row: T


def advance(
    judging: Generator[Query, Answer, T], asked: Query | None, known: Callable[[Query], Answer | None]
) -> Query | Finished[T]:
    """Go on with a row as far as `known` knows answers: the question that it has none for, or the row.

    `asked` is the question that is waiting for an answer, which is asked anew; None for a row that has not begun.
    """
    try:
        ask = next(judging) if asked is None else asked
        while (found := known(ask)) is not None:
            ask = judging.send(found)
    except StopIteration as end:
        return Finished(end.value)
    return ask
