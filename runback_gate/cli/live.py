"""`run --live`: the options of asking models, the estimate, and what a signal does.

In: what the command line says. Out: `LiveOptions`, and the estimate for people and programs.

    with interruptible() as stop:
        judged = judge(root, JudgeOptions(day, live=live_options_from(given)), world=world, stop=stop)
    plan_table(judged.estimate, judged.limits)
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from runback_gate.cli import terminal
from runback_gate.errors import InputError
from runback_gate.report.spent import money
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.app.live import LiveOptions
    from runback_gate.gate.trials import MoreTrials
    from runback_gate.replay.estimate import Estimate
    from runback_gate.replay.known import StopSignal
    from runback_gate.replay.spend import Limits

MAX_IN_FLIGHT = 1000


def _dollars(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    import re  # noqa: PLC0415

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
    from runback_gate.gate.trials import MoreTrials, parse_trials  # noqa: PLC0415

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
    from runback_gate.replay.known import StopSignal  # noqa: PLC0415

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


def forecast(estimate: Estimate, limits: Limits) -> str:
    """The estimate on one line."""
    calls = _range(estimate.calls_least, estimate.calls_most)
    parts = [f"{calls} {'call' if calls == '1' else 'calls'}", money(estimate.usd, "about ")]
    if limits.usd is not None:
        parts[1] += f" of ${limits.usd}"
    if limits.calls is not None:
        parts[0] += f" of {limits.calls:,}"
    parts.append(f"{estimate.free:,} of {terminal.many(estimate.rows, 'row')} free")
    return f"to ask: {' · '.join(parts)}"


def plan_table(estimate: Estimate, limits: Limits) -> str:
    """The estimate as a table for people."""
    rows = [("model", "calls", "tokens in", "tokens out", "cost")]
    rows += [
        (
            inert(line.model or "(unknown)"),
            _range(line.calls_least, line.calls_most),
            f"about {line.input_tokens:,}",
            f"about {line.output_tokens:,}",
            money(line.usd, "about "),
        )
        for line in estimate.lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    unable = (line for line in estimate.lines if line.why)
    notes = [f"! {inert(line.model or '(unknown)')} cannot be asked: {inert(line.why)}" for line in unable]
    notes += [*_over(estimate, limits)]
    if estimate.lines:
        notes.append("Tokens and money are guesses; a row that fails is asked for on the base as well.")
    return "\n".join([*(lines if estimate.lines else []), *notes, forecast(estimate, limits)]) + "\n"


def plan_json(estimate: Estimate, limits: Limits) -> dict[str, object]:
    """The estimate for a program."""
    return {
        **dataclasses.asdict(estimate),
        "calls_least": estimate.calls_least,
        "calls_most": estimate.calls_most,
        "usd": estimate.usd,
        "limits": dataclasses.asdict(limits),
    }


def _over(estimate: Estimate, limits: Limits) -> Iterator[str]:
    """What of the estimate does not fit the budget."""
    if limits.calls is not None and estimate.calls_most > limits.calls:
        yield f"! more than the budget of {limits.calls:,} calls: what does not fit will be undecided"
    if limits.usd is not None:
        for name in map(inert, estimate.unpriced):
            yield f"! the price of {name} is not known, so a budget of ${limits.usd} cannot be held: not asked"


def _range(least: int, most: int) -> str:
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
