"""`run --live`: the options of asking models, and what a signal does.

In: what the command line says. Out: `LiveFlags`, which gives `LiveOptions`; and a stop that a signal sets.

    with interruptible() as stop:
        judged = judge(root, JudgeOptions(day, live=flags.options()), world=world, stop=stop)
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import click

from runback_gate.cli.options import COUNT, option, options, said, values

if TYPE_CHECKING:
    from runback_gate.app.live import LiveOptions
    from runback_gate.gate.more_trials import MoreTrials
    from runback_gate.replay.known import StopSignal

MAX_IN_FLIGHT = 1000


def dollars(text: str) -> str:
    """An amount in US dollars; raises ValueError for what is none."""
    import re  # noqa: PLC0415  few runs have a budget

    if not re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?", text):
        raise ValueError("a decimal, such as 0.50")
    return text


def _more_trials(text: str) -> MoreTrials:
    from runback_gate.gate.more_trials import parse_trials  # noqa: PLC0415  `--help` does without

    try:
        return parse_trials(text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a number of trials (auto, auto:20, or 2/3 for two of three)") from error


@dataclass(frozen=True, slots=True)
class BudgetFlags:
    """How much models are asked."""

    in_flight: int | None = option(
        "--in-flight N", "Concurrent requests (default: 16).", type=click.IntRange(1, MAX_IN_FLIGHT)
    )
    budget_usd: str | None = option("--budget-usd USD", "Lower the gate's budget to USD.", parse=dollars)
    budget_seconds: float | None = option(
        "--budget-seconds S", "Lower the budget to S seconds.", type=click.FloatRange(min=0, min_open=True)
    )
    budget_calls: int | None = option("--budget-calls N", "Lower the gate's budget to N calls.", type=COUNT)


@dataclass(frozen=True, slots=True)
class LiveFlags:
    """Whether models are asked, and how much."""

    live: bool = option("--live", "Ask models for answers that are neither recorded nor cached.")
    offline: bool = option("--offline", "Ask no model, whatever the other options say.")
    refresh: bool = option("--refresh", "With --live: ask again even when the cache has an answer.")
    plan: bool = option("--plan", "Print what --live would ask and its cost; ask nothing.")
    trials: MoreTrials | None = option(
        "--trials auto[:CAP]|K/N",
        "K of N trials, or trials until the outcome is clear; never fewer than the gate asks for.",
        parse=_more_trials,
    )
    budget: BudgetFlags = options(BudgetFlags)

    def options(self) -> LiveOptions:
        """The same as the stages below take it.

        Raises:
            UsageError: an option that only says something about asking is given, and nothing is to be asked.
        """
        from runback_gate.app.live import LiveOptions  # noqa: PLC0415  `--help` does without
        from runback_gate.gate.more_trials import MoreTrials  # noqa: PLC0415

        for name in () if self.live or self.plan else said(self, besides=("offline", "trials")):
            raise click.UsageError(f"--{name.replace('_', '-')} needs --live")
        return LiveOptions(**{**values(self), "trials": self.trials or MoreTrials()})


@contextlib.contextmanager
def interruptible() -> Iterator[StopSignal]:
    """Ends the run at the first Ctrl-C or SIGTERM, with a report; the second ends the program."""
    from runback_gate.replay.known import StopSignal  # noqa: PLC0415  `--help` does without

    stop_signal = StopSignal()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop_signal.reason:
            raise KeyboardInterrupt
        stop_signal.set("interrupted" if number == signal.SIGINT else "terminated")

    before = {}
    # Only the main thread gets signals; and what the caller ignores, such as a job in the background, stays ignored.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield stop_signal
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
