"""Labelled texts for a terminal: names in a column at the left, texts wrapped beside them, every text inert.

In: a label, a text and the width of the terminal. Out: lines.

    field("then", answer_text(response), 100)
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from runback_gate.report.text import line as one_line
from runback_gate.report.text import log, safe_terminal, visible

_LABEL: Final = 12


def field(label: str, text: str, width: int) -> str:
    """A labelled text; empty where there is none."""
    return "\n".join(labelled(label, [piece for line in text.splitlines() for piece in wrapped(line, width)]))


def field_lines(label: str, texts: Iterable[str], width: int) -> Iterator[str]:
    """Several texts, the first of them labelled."""
    for number, text in enumerate(texts):
        yield field("" if number else label, text, width)


def row_lines(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A line for each name and text, with the names in a column at the left; both may be anybody's."""
    for name, text in rows:
        yield f"{one_line(name):<13} {one_line(text)}"


def table_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells, each column as wide as its widest; the cells are inert already."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines that are inert already beside their label; one that is too long for its column stands above them."""
    name = safe_terminal(label)
    wide = len(name) > _LABEL - 1
    if lines and wide:
        yield f"  {name}"
    for number, line in enumerate(lines):
        yield f"  {'' if number or wide else name:<{_LABEL}}{line}"


def wrapped(line: str, width: int) -> list[str]:
    """A line of a text in lines of the terminal, inert; spaces at its beginning stay."""
    plain = log(visible(line)).replace("\t", "    ")
    room = max(width - _LABEL - 2, 30)
    return textwrap.wrap(plain, room, break_on_hyphens=False, replace_whitespace=False) or [""]
