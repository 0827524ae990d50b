"""How a run asks models, and what finds its answers.

In: the gate whose providers and budget count, and what someone wants. Out: the `LiveDriver` of a gate's loop.

    live = open_live(plan.gate, LiveOptions(live=True), cache=folder, world=world, progress=SILENT)
    result = run_gate(plan, engine, live, progress)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from runback_gate.app.progress import Progress
from runback_gate.frozen import dataclass
from runback_gate.gate.config import Gate
from runback_gate.gate.more_trials import MoreTrials
from runback_gate.replay.cache import ResponseCache, seal_key
from runback_gate.replay.known import IN_FLIGHT, Settings, StopSignal
from runback_gate.replay.live import LiveDriver, Source
from runback_gate.replay.providers import Runtime, open_models
from runback_gate.replay.spend import Limits

if TYPE_CHECKING:
    from runback_gate.redact import ProjectKey, ProjectRules


@dataclass(frozen=True, slots=True)
class World:
    """What a run is handed of the world outside."""

    environ: Mapping[str, str]
    """Holds the keys of providers and of the cache."""
    outside: Runtime
    """Clock, sleep and chance of questions to models."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Whether models are asked, and how much. The budget of the gate may be tightened here, never widened."""

    live: bool = False
    """Ask models for what is neither recorded nor in the cache."""
    offline: bool = False
    """Ask nobody, whatever else is said."""
    refresh: bool = False
    """Ask again what the cache knows."""
    plan: bool = False
    """Stop at the estimate of what would be asked."""
    trials: MoreTrials = field(default_factory=MoreTrials)
    """Trials beyond those that the files ask for."""
    in_flight: int | None = None
    """Questions at a time; None for the usual number."""
    budget_usd: str | None = None
    """Decimal string."""
    budget_seconds: float | None = None
    budget_calls: int | None = None

    @property
    def asks(self) -> bool:
        """Whether a model may be asked."""
        return (self.live or self.plan) and not self.offline


def open_live(
    gate: Gate | None,
    options: LiveOptions,
    *,
    cache: Path | None,
    world: World,
    progress: Progress,
    stop: StopSignal | None = None,
) -> LiveDriver:
    """What finds the answers of a run.

    Args:
        gate: whose providers and budget count: that of the base where there is one; None where it has none.
        options: whether and how models are asked.
        cache: the folder of the response cache; None for none.
        world: environment, clock and chance.
        progress: is told the estimate and the spending.
        stop: ends the run; None for a run that nothing ends.
    """
    source = None
    if options.asks and gate is not None:
        providers = {name: item.endpoint() for name, item in gate.providers.items()}
        source = Source(
            lambda deadline, notice: open_models(
                providers, world.environ, outside=world.outside, deadline=deadline, notice=notice
            ),
            world.outside,
        )
    own = Limits() if gate is None else Limits(gate.budget.usd, gate.budget.seconds, gate.budget.calls)
    limits = own.tightened(options.budget_usd, options.budget_seconds, options.budget_calls)
    settings = Settings(
        limits=limits,
        in_flight=options.in_flight or IN_FLIGHT,
        refresh=options.refresh,
        reason=_reason(gate, options),
        plan_only=options.plan,
        planned=lambda estimate: None if options.plan else progress.planned(estimate, limits),
        tick=progress.tick,
    )
    # Whoever keeps a cache removes what no run used: a plan uses nothing.
    store = ResponseCache(cache, seal_key(world.environ), mark_used=not options.plan) if cache else None
    live = LiveDriver(store, source, settings, stop)
    progress.asking(live.spend)
    return live


def redact_key(world: World, project: Callable[[], ProjectRules] | None = None) -> ProjectKey | None:
    """The project's key of the pseudonyms, where the environment has one, with what the project says of redaction."""
    if not (given := world.environ.get("RUNBACK_REDACT_KEY")):
        return None
    # Imported here: a run without a key does not pay for the rules of redaction.
    from runback_gate.redact import NO_PROJECT, ProjectKey, parse_key  # noqa: PLC0415

    return ProjectKey(parse_key(given), project() if project else NO_PROJECT)


def _reason(gate: Gate | None, options: LiveOptions) -> str:
    """Why nothing is asked where no models are given."""
    if options.offline:
        return "offline, and no answer to it is known"
    if options.asks and gate is None:
        return "the base has no gate that names providers, and no answer to it is known"
    return "no answer to it is known"
