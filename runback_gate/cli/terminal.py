"""Where commands meet the terminal: width, colour, progress, JSON, today's date.

with progress(quiet=False) as shown:
    judge(root, options, world=world, progress=shown)
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from runback_gate.errors import InputError

if TYPE_CHECKING:
    from runback_gate.replay.estimate import Estimate
    from runback_gate.replay.spend import Limits
    from runback_gate.report.progress import Shown

T = TypeVar("T")


def today() -> str:
    """The day in UTC, YYYY-MM-DD: an input of the verdict, since waivers expire."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def say(text: str, *, err: bool = False) -> None:
    """Print lines; whoever wrote what is in them, they steer no terminal and no service that runs the job."""
    from runback_gate.report.text import log  # noqa: PLC0415  `--help` does without

    click.echo(log(text), err=err)


def note(text: str) -> None:
    """Print something to know on standard error, on a line of its own."""
    from runback_gate.report.text import line  # noqa: PLC0415  `--help` does without

    say(f"note: {line(text)}", err=True)


def print_json(value: object) -> None:
    """Print JSON in ASCII: the same in every locale, and no text of a model can steer the terminal or the job."""
    from runback_gate.report.text import json_log  # noqa: PLC0415  `--help` does without

    click.echo(json_log(json.dumps(value, indent=2)))


def show(
    value: T, *, as_json: bool, to_json: Callable[[T], object], lines: Callable[[T], Iterable[str]], code: int = 0
) -> int:
    """Print a value as JSON, or as the lines of a table; the exit code is the one that is given."""
    if as_json:
        print_json(to_json(value))
    else:
        say_lines(lines(value))
    return code


def say_lines(lines: Iterable[str]) -> None:
    """Print the lines of a table, where there are any."""
    if text := "\n".join(lines):
        say(text)


def show_plan(estimate: Estimate | None, limits: Limits, *, as_json: bool) -> int:
    """Print an estimate; no verdict is near, so the exit code is 0.

    Raises:
        InputError: it was not made.
    """
    from runback_gate.report.plan import plan_json, plan_lines  # noqa: PLC0415  most runs ask nobody

    if estimate is None:
        raise InputError("interrupted before the estimate was made")
    to_json, lines = functools.partial(plan_json, limits=limits), functools.partial(plan_lines, limits=limits)
    return show(estimate, as_json=as_json, to_json=to_json, lines=lines)


@contextlib.contextmanager
def progress(*, quiet: bool, noun: str = "case") -> Iterator[Shown]:
    """A bar on a terminal, a line every ten seconds elsewhere, nothing when quiet; all on standard error."""
    from runback_gate.report.progress import Lines, Shown, shown_bar  # noqa: PLC0415  only what takes its time shows it

    if quiet:
        yield Shown(time.monotonic)
    elif is_terminal(sys.stderr):
        with shown_bar(time.monotonic) as bar:
            yield bar
    else:
        yield Lines(time.monotonic, functools.partial(say, err=True), noun)
