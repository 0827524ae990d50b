"""Where commands meet the terminal: width, colour, progress, today's date.

with progress(quiet=False) as step:
    run_gate(plan, engine, cache, step)
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from runback_gate.errors import InputError

PLAIN_INTERVAL = 10.0
"""Seconds between two progress lines where there is no terminal."""


def today() -> str:
    """The day in UTC, YYYY-MM-DD: an input of the verdict, since waivers expire."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def colour(stream: object = None) -> bool:
    """Whether to colour: a terminal that did not ask for none (https://no-color.org)."""
    out = stream or sys.stdout
    if os.environ.get("NO_COLOR"):
        return False
    return bool(getattr(out, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns of the terminal; 120 where there is none."""
    return max(60, min(shutil.get_terminal_size((120, 24)).columns, 200))


def unicode() -> bool:
    """Whether standard output can show the signs."""
    try:
        "✓✗…·→".encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int, object], None]]:
    """A bar on a terminal, a line every ten seconds elsewhere, nothing when quiet; all on standard error."""
    if quiet:
        yield lambda _done, _total, _row: None
    elif colour(sys.stderr):
        with _bar() as step:
            yield step
    else:
        last = time.monotonic()

        def line(done: int, total: int, _row: object) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_INTERVAL:
                last = time.monotonic()
                click.echo(f"judged {done} of {total} cases", err=True)

        yield line


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int, object], None]]:
    from rich.console import Console  # noqa: PLC0415  only a terminal pays for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("judging", total=None)
        yield lambda done, total, _row: bar.update(task, completed=done, total=total)


def folder_and_patterns(path: str) -> tuple[Path, list[str]]:
    """A file, folder or glob that somebody named, as a root folder and patterns below it.

    The root is the current folder where the path lies below it, so that errors show the path as it was typed.

    Raises:
        InputError: nothing is there.
    """
    given = Path(path)
    if not given.exists():
        if any(mark in path for mark in "*?["):
            return (Path(given.anchor or "."), [path.removeprefix(given.anchor)])
        raise InputError(f"{path}: no such file or folder")
    here = Path.cwd().resolve()
    inside = given.resolve().is_relative_to(here)
    root = here if inside else (given if given.is_dir() else given.parent)
    relative = given.resolve().relative_to(root.resolve()).as_posix()
    if not given.is_dir():
        return root, [relative]
    prefix = "" if relative == "." else f"{relative}/"
    return root, [f"{prefix}*.yaml", f"{prefix}*.yml"]
