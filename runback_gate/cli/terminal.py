"""Where commands meet the terminal: width, colour, progress, JSON, today's date.

with progress(quiet=False) as shown:
    judge(root, options, world=world, progress=shown)
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from runback_gate.errors import InputError
from runback_gate.plural import many

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from runback_gate.replay.estimate import Estimate
    from runback_gate.replay.spend import Limits, Spend

T = TypeVar("T")
PLAIN_INTERVAL = 10.0
"""Seconds between two progress lines where there is no terminal."""


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


def say(text: str, *, err: bool = False) -> None:
    """Print lines; whoever wrote what is in them, they steer no terminal and no service that runs the job."""
    from runback_gate.report.text import log  # noqa: PLC0415  `--help` does without

    click.echo(log(text), err=err)


def note(text: str) -> None:
    """Print something to know on standard error, on a line of its own."""
    from runback_gate.report.text import line  # noqa: PLC0415  `--help` does without

    say(f"note: {line(text)}", err=True)


def row_lines(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The lines of a table with names at its left; names and texts may be anybody's."""
    from runback_gate.report.text import line  # noqa: PLC0415  `--help` does without

    for name, text in rows:
        yield f"{line(name):<13} {line(text)}"


def print_json(value: object) -> None:
    """Print JSON in ASCII: the same in every locale, and no text of a model can steer the terminal or the job."""
    from runback_gate.report.text import json_log  # noqa: PLC0415  `--help` does without

    click.echo(json_log(json.dumps(value, indent=2)))


def show(value: T, *, as_json: bool, to_json: Callable[[T], object], lines: Callable[[T], Iterable[str]]) -> None:
    """Print a value as JSON, or as the lines of a table."""
    if as_json:
        print_json(to_json(value))
    else:
        say_lines(lines(value))


def say_lines(lines: Iterable[str]) -> None:
    """Print the lines of a table, where there are any."""
    if text := "\n".join(lines):
        say(text)


def show_plan(estimate: Estimate | None, limits: Limits, *, as_json: bool) -> int:
    """Print an estimate; no verdict is near, so the exit code is 0.

    Raises:
        InputError: it was not made.
    """
    from runback_gate.report.plan import plan_json, plan_table  # noqa: PLC0415  most runs ask nobody

    if estimate is None:
        raise InputError("interrupted before the estimate was made")
    if as_json:
        print_json(plan_json(estimate, limits))
    else:
        click.echo(plan_table(estimate, limits), nl=False)
    return 0


class Shown:
    """Progress that nobody sees; the others build on it."""

    def __init__(self, noun: str = "case") -> None:
        self.noun = noun
        self.spend: Callable[[], Spend] | None = None
        """What was spent so far, once models are asked."""
        self.done = 0
        self.total = 0
        self._begun = time.monotonic()

    def __call__(self, done: int, total: int, _row: object, /) -> None:
        """A row is done."""
        self.done, self.total = done, total
        self.tick()

    def tick(self) -> None:
        """Time went by."""

    def asking(self, spend: Callable[[], Spend], /) -> None:
        """Models may be asked from now on."""
        self.spend = spend

    def planned(self, estimate: Estimate, limits: Limits, /) -> None:
        """The estimate is made: what will be asked."""
        from runback_gate.report.plan import forecast  # noqa: PLC0415  most runs ask nobody

        self.say(forecast(estimate, limits))

    def say(self, text: str) -> None:
        """Something to know before it goes on."""

    def text(self) -> str:
        """Calls, money, rate and time left, as far as there is something to say."""
        from runback_gate.report.spent import money  # noqa: PLC0415  only a run has progress

        spend = None if self.spend is None else self.spend()
        if spend is None or not spend.calls:
            return ""
        rate = self.done / max(time.monotonic() - self._begun, 0.001)
        parts = [many(spend.calls, "call"), money(spend.usd)]
        parts.append(f"{rate:.1f} rows a second")
        if rate > 0 and self.done < self.total:
            parts.append(f"about {(self.total - self.done) / rate:,.0f} s left")
        return " · ".join(parts)


class _Lines(Shown):
    """A line every ten seconds."""

    def __init__(self, noun: str) -> None:
        super().__init__(noun)
        self._last = time.monotonic()

    def tick(self) -> None:
        if time.monotonic() - self._last >= PLAIN_INTERVAL:
            self._last = time.monotonic()
            text = self.text()
            say(f"judged {self.done} of {many(self.total, self.noun)}{f' · {text}' if text else ''}", err=True)

    def say(self, text: str) -> None:
        say(text, err=True)


class _Bar(Shown):
    """A bar that moves."""

    def __init__(self, bar: RichProgress) -> None:
        super().__init__()
        self._bar = bar
        self._task = bar.add_task("judging", total=None, text="")

    def tick(self) -> None:
        self._bar.update(self._task, completed=self.done, total=self.total or None, text=self.text())

    def say(self, text: str) -> None:
        from runback_gate.report.text import log  # noqa: PLC0415  only a terminal pays for it

        self._bar.console.print(log(text), markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress(*, quiet: bool, noun: str = "case") -> Iterator[Shown]:
    """A bar on a terminal, a line every ten seconds elsewhere, nothing when quiet; all on standard error."""
    if quiet:
        yield Shown()
    elif is_terminal(sys.stderr):
        from rich.console import Console  # noqa: PLC0415  only a terminal pays for it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield _Bar(bar)
    else:
        yield _Lines(noun)
