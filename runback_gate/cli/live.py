"""`run --live`: the options of asking models, and what a signal does.

In: what the command line says. Out: `LiveOptions`, and a stop that a signal sets.

    with interruptible() as stop:
        judged = judge(root, JudgeOptions(day, live=live_options_from(given)), world=world, stop=stop)
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from runback_gate.errors import InputError

if TYPE_CHECKING:
    from runback_gate.app.live import LiveOptions
    from runback_gate.gate.trials import MoreTrials
    from runback_gate.replay.known import StopSignal

MAX_IN_FLIGHT = 1000


def _dollars(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    import re  # noqa: PLC0415  few runs have a budget

    if value is not None and not re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?", value):
        raise click.BadParameter("a decimal, such as 0.50")
    return value


_OPTIONS = (
    click.option("--live", is_flag=True, help="Ask models for what is neither recorded nor in the cache."),
    click.option("--offline", is_flag=True, help="Ask nobody, whatever else is said."),
    click.option("--refresh", is_flag=True, help="With --live: ask again what the cache knows."),
    click.option("--plan", is_flag=True, help="Say what --live would ask and cost, ask nothing, exit 0."),
    click.option(
        "--trials",
        metavar="auto[:CAP]|K/N",
        help="K of N trials, or trials until the outcome is clear; never fewer than the gate asks for.",
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(1, MAX_IN_FLIGHT),
        metavar="N",
        help="With --live: questions at a time (16).",
    ),
    click.option(
        "--budget-usd",
        metavar="USD",
        callback=_dollars,
        help="With --live: spend less than the gate's budget allows.",
    ),
    click.option(
        "--budget-seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="The same for seconds."
    ),
    click.option("--budget-calls", type=click.IntRange(min=0), metavar="N", help="The same for calls."),
)


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `LiveOptions` to a command, which gets them by the names of its fields."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def live_options_from(given: Mapping[str, Any]) -> LiveOptions:
    """The options that a command was given, by the names of the fields.

    Raises:
        UsageError: an option that only says something about asking is given, and nothing is to be asked.
        InputError: the number of trials cannot be read.
    """
    from runback_gate.app.live import LiveOptions  # noqa: PLC0415  `--help` does without

    for name in ("refresh", "in_flight", "budget_usd", "budget_seconds", "budget_calls"):
        if given[name] not in (None, False) and not (given["live"] or given["plan"]):
            raise click.UsageError(f"--{name.replace('_', '-')} needs --live", click.get_current_context())
    return LiveOptions(**{**given, "trials": _more_trials(given["trials"])})


def _more_trials(text: str | None) -> MoreTrials:
    from runback_gate.gate.trials import MoreTrials, parse_trials  # noqa: PLC0415  `--help` does without

    if text is None:
        return MoreTrials()
    try:
        return parse_trials(text)
    except ValueError as error:
        raise InputError(
            f"--trials {text}: not a number of trials", hint="auto, auto:20, or 2/3 for two of three"
        ) from error


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
