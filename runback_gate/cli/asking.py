"""Commands that ask models by themselves: their options, the budget of the gate, and a case kept of what was found.

@command()
def replay(flags: AskFlags = options(AskFlags)) -> int:
    with flags.open(quiet=False) as asking:
        replay_step(run, 3, edit, asking.live, gate=asking.gate)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from runback_gate.cli import terminal
from runback_gate.cli.live import BudgetFlags, interruptible
from runback_gate.cli.named import gate_root
from runback_gate.cli.options import CASE_WHY, option, options, value_of

if TYPE_CHECKING:
    from runback_gate.app.cases import AddedCase, NewCase
    from runback_gate.gate.config import Gate
    from runback_gate.redact import ProjectKey
    from runback_gate.replay.live import LiveDriver
    from runback_gate.report.progress import Shown


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
        """Print what was found, or with --plan what would be asked; the exit code.

        Args:
            found: what was found.
            flags: with `plan`.
            as_json: whether a program reads it.
            to_json: what a program reads.
            lines: what people read, in so many columns.
            wanted: whether 1 says that what was looked for is there.
        """
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
            raise click.UsageError("--dataset and --why say how --save keeps a case")

    def keep(self, asking: Asking, agent: str, make: Callable[[NewCase], AddedCase], *, quiet: bool = False) -> None:
        """Write the case, where one is wanted, and say so."""
        if self.save is None:
            return
        from runback_gate.app.case_lines import kept_lines  # noqa: PLC0415  loads the engine
        from runback_gate.app.cases import NewCase, dataset_file, why_not_judged, write_case  # noqa: PLC0415

        name = dataset_file(self.dataset, agent)
        added = write_case(asking.root, make(NewCase(name, id=self.save, why=self.why)))
        if not quiet:
            terminal.say_lines(kept_lines(added, name, why_not_judged(asking.root, name)))
