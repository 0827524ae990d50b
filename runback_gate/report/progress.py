"""Progress of long work: a bar on a terminal, or a line now and then.

In: rows done and what models have cost so far, and a clock that gives seconds. Out: text, handed to whoever writes it.

    with shown_bar(time.monotonic) as progress:
        progress(1, 200, row)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runback_gate.plural import many
from runback_gate.report.plan import forecast
from runback_gate.report.spent import money
from runback_gate.report.text import log

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from runback_gate.replay.estimate import Estimate
    from runback_gate.replay.spend import Limits, Spend

INTERVAL = 10.0
"""Seconds between two lines."""
Clock = Callable[[], float]


class Shown:
    """Progress that nobody sees; the others build on it."""

    def __init__(self, clock: Clock) -> None:
        self.spend: Callable[[], Spend] | None = None
        """What was spent so far, once models are asked."""
        self.done = 0
        self.total = 0
        self._clock = clock
        self._begun = clock()

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
        self.say(forecast(estimate, limits))

    def say(self, text: str) -> None:
        """Something to know before it goes on."""

    def text(self) -> str:
        """Calls, money, rate and time left, as far as there is something to say."""
        spend = None if self.spend is None else self.spend()
        if spend is None or not spend.calls:
            return ""
        rate = self.done / max(self._clock() - self._begun, 0.001)
        parts = [many(spend.calls, "call"), money(spend.usd)]
        parts.append(f"{rate:.1f} rows a second")
        if rate > 0 and self.done < self.total:
            parts.append(f"about {(self.total - self.done) / rate:,.0f} s left")
        return " · ".join(parts)


class Lines(Shown):
    """A line every ten seconds; `noun` is what is counted."""

    def __init__(self, clock: Clock, write: Callable[[str], object], noun: str) -> None:
        super().__init__(clock)
        self._write, self._noun = write, noun
        self._last = clock()

    def tick(self) -> None:
        """Write a line, if the last one is long ago."""
        if self._clock() - self._last >= INTERVAL:
            self._last = self._clock()
            text = self.text()
            self._write(f"judged {self.done} of {many(self.total, self._noun)}{f' · {text}' if text else ''}")

    def say(self, text: str) -> None:
        """Write it, as a line of its own."""
        self._write(text)


class _Bar(Shown):
    """A bar that moves."""

    def __init__(self, clock: Clock, bar: RichProgress) -> None:
        super().__init__(clock)
        self._bar = bar
        self._task = bar.add_task("judging", total=None, text="")

    def tick(self) -> None:
        self._bar.update(self._task, completed=self.done, total=self.total or None, text=self.text())

    def say(self, text: str) -> None:
        self._bar.console.print(log(text), markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def shown_bar(clock: Clock) -> Iterator[Shown]:
    """A bar on standard error, gone when all is done."""
    from rich.console import Console  # noqa: PLC0415  only a screen pays for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(clock, bar)
