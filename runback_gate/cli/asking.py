"""Commands that ask models: their options, the budget of the gate, what a signal does, and a case that is kept.

@command()
def replay(flags: AskFlags = options(AskFlags)) -> int:
    with flags.open(quiet=False) as asking:
        replay_step(run, 3, edit, asking.live, gate=asking.gate)
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from runback_gate.cli import terminal
from runback_gate.cli.named import gate_root
from runback_gate.cli.options import CASE_WHY, COUNT, option, options, said, value_of, values
from runback_gate.frozen import dataclass

if TYPE_CHECKING:
    from runback_gate.app.cases import AddedCase, NewCase
    from runback_gate.app.live import LiveOptions
    from runback_gate.gate.config import Gate
    from runback_gate.gate.more_trials import MoreTrials
    from runback_gate.redact import ProjectKey
    from runback_gate.replay.known import StopSignal
    from runback_gate.replay.live import LiveDriver
    from runback_gate.report.progress import Shown

MAX_IN_FLIGHT = 1000


@dataclass(frozen=True, slots=True)
class BudgetFlags:
    """How much models are asked."""

    in_flight: int | None = option(
        "--in-flight N", "Concurrent requests (default: 16).", type=click.IntRange(1, MAX_IN_FLIGHT)
    )
    budget_usd: str | None = option(
        "--budget-usd USD", "Lower the gate's budget to USD.", parse="replay.spend:parse_usd"
    )
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
        parse="gate.more_trials:parse_trials",
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

    with handling(handle):
        yield stop_signal


@contextlib.contextmanager
def handling(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Has the signals that end a program handled so, as far as this thread gets them and the caller ignores none."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Found(Protocol):
    """What a command found."""

    @property
    def shown(self) -> bool:
        """Whether what was looked for is there."""

    @property
    def told(self) -> bool:
        """Whether it could be told."""


F = TypeVar("F", bound=Found)
EXIT_CODE: Any = option("--exit-code", "Exit 1 if the command finds what it was looking for.")


@dataclass(frozen=True, slots=True)
class Asking:
    """The gate that a command stands in, and what finds answers within its budget."""

    root: Path
    gate: Gate | None
    live: LiveDriver
    progress: Shown
    redact_key: ProjectKey | None

    def show(
        self,
        found: F,
        flags: AskFlags,
        *,
        as_json: bool,
        to_json: Callable[[F], object],
        lines: Callable[[F, int], Iterable[str]],
        wanted: bool,
    ) -> int:
        """Print what was found, or with --plan what would be asked; 1 says that it is there, where that is `wanted`."""
        if flags.plan:
            return terminal.show_plan(self.live.estimate, self.live.settings.limits, as_json=as_json)
        code = 1 if wanted and found.shown else 0 if found.told else 2
        shown = partial(terminal.show, found, as_json=as_json, to_json=to_json, code=code)
        return shown(lines=lambda value: lines(value, terminal.width()))


@dataclass(frozen=True, slots=True)
class AskFlags:
    """Whether models are asked, and how much."""

    root: Path | None = option(
        "--root FOLDER", "Folder of runback.yaml (default: this one, or the nearest above it in the repository)."
    )
    cache: Path | None = option("--cache FOLDER", "Response cache to read from and add to.")
    offline: bool = option("--offline", "Ask no model; use cached answers only.")
    refresh: bool = option("--refresh", "Ask again even when the cache has an answer.")
    plan: bool = option("--plan", "Print what would be asked and its cost; ask nothing.")
    budget: BudgetFlags = options(BudgetFlags)

    @contextlib.contextmanager
    def open(self, *, quiet: bool, noun: str = "trial") -> Iterator[Asking]:
        """What a command asks models with; a signal ends it early.

        Raises:
            InputError: there is no gate that names providers, and somebody may be asked.
        """
        from runback_gate.app.live import LiveOptions, World, open_live, redact_key  # noqa: PLC0415  `--help` does without
        from runback_gate.gate.config import load_gate  # noqa: PLC0415
        from runback_gate.replay.providers import real_world  # noqa: PLC0415
        from runback_gate.revision.selection import check_gate_file  # noqa: PLC0415

        root = gate_root(self.root)
        gate = None if self.offline and not check_gate_file(root) else load_gate(root)
        world = World(os.environ, real_world())
        with interruptible() as stop, terminal.progress(quiet=quiet or self.plan, noun=noun) as progress:
            wanted = value_of(LiveOptions, self, live=True)
            live = open_live(gate, wanted, cache=self.cache, world=world, progress=progress, stop=stop)
            yield Asking(root, gate, live, progress, redact_key(world, None if gate is None else gate.project))


@dataclass(frozen=True, slots=True)
class SaveFlags:
    """As which case something is kept."""

    save: str | None = option("--save CASE", "Save the request and the answer as this case.")
    dataset: str | None = option("--dataset FILE", "Dataset file of --save (default: datasets/AGENT.yaml).")
    why: str = option("--why TEXT", CASE_WHY, default="")

    def check(self) -> None:
        """Refuse what says nothing without --save.

        Raises:
            UsageError: it was given alone.
        """
        if self.save is None and (self.dataset is not None or self.why):
            raise click.UsageError("--dataset and --why need --save")

    def keep(self, asking: Asking, agent: str, make: Callable[[NewCase], AddedCase], *, quiet: bool = False) -> None:
        """Write the case, where one is wanted, and say so."""
        if self.save is None:
            return
        from runback_gate.app import cases as app  # noqa: PLC0415  loads the engine
        from runback_gate.app.case_lines import kept_lines  # noqa: PLC0415

        name = app.dataset_file(self.dataset, agent)
        added = app.write_case(asking.root, make(app.NewCase(name, id=self.save, why=self.why)))
        terminal.say_lines(() if quiet else kept_lines(added, name, app.why_not_judged(asking.root, name)))
