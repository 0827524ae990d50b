"""Where commands meet the terminal: width, colour, progress, JSON, today's date.

with progress(quiet=False) as step:
    run_gate(plan, engine, drive, step)
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import click

PLAIN_INTERVAL = 10.0
"""Seconds between two progress lines where there is no terminal."""

_PLURALS = {"policy": "policies"}


def today() -> str:
    """The day in UTC, YYYY-MM-DD: an input of the verdict, since waivers expire."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees the stream on a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def colour() -> bool:
    """Whether to colour standard output: a terminal that did not ask for none (https://no-color.org)."""
    return is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def width() -> int:
    """Columns of the terminal; 120 where there is none."""
    return max(60, min(shutil.get_terminal_size((120, 24)).columns, 200))


def unicode() -> bool:
    """Whether standard output can show the signs."""
    try:
        "✓✗…·→".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def many(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun if number == 1 else _PLURALS.get(noun, f'{noun}s')}"


def slug(text: str) -> str:
    """A file name made of a name: lower case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:64] or "agent"


def row(name: str, text: str) -> None:
    """Print a row of a table with names at its left; the text may be anybody's."""
    from runback_gate.report.text import terminal as inert  # noqa: PLC0415  `--help` does without

    click.echo(f"{inert(name):<13} {inert(text)}")


def print_json(value: object) -> None:
    """Print JSON in ASCII: the same in every locale, and no text of a model can steer the terminal."""
    click.echo(json.dumps(value, indent=2))


@contextlib.contextmanager
def progress(*, quiet: bool, noun: str = "case") -> Iterator[Callable[[int, int, object], None]]:
    """A bar on a terminal, a line every ten seconds elsewhere, nothing when quiet; all on standard error."""
    if quiet:
        yield lambda _done, _total, _row: None
    elif is_terminal(sys.stderr):
        with _bar() as step:
            yield step
    else:
        last = time.monotonic()

        def line(done: int, total: int, _row: object) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_INTERVAL:
                last = time.monotonic()
                click.echo(f"judged {done} of {many(total, noun)}", err=True)

        yield line


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int, object], None]]:
    from rich.console import Console  # noqa: PLC0415  only a terminal pays for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging", total=None)
        yield lambda done, total, _row: bar.update(task, completed=done, total=total)
