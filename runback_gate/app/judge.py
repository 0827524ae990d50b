"""`run`: judge the cases of a gate, alone or against a base.

In: the folder of a gate and what someone wants of it. Out: the report, and what asking models would cost or did cost.

    judged = judge(Path(), JudgeOptions(day="2026-07-28"), world=world)
    judged.report.exit_code
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runback_gate import __version__
from runback_gate.analysis.tool_names import unknown_names
from runback_gate.app.against import Against, Sides, held_against
from runback_gate.app.live import LiveOptions, World, open_live, redact_key
from runback_gate.app.policies import with_lint_messages
from runback_gate.app.progress import SILENT, Progress
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.frozen import dataclass
from runback_gate.gate.config import Gate
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.gate.run import run_gate
from runback_gate.replay.estimate import Estimate
from runback_gate.replay.known import StopSignal
from runback_gate.replay.spend import Limits
from runback_gate.report.build import Context, build_report
from runback_gate.report.model import Incomplete, Notice, OnArchive, Report

if TYPE_CHECKING:
    from runback_gate.app.archived import ArchiveOptions

_WORSE = (0, 2, 1)
"""Exit codes from good to bad, as verdicts are: a breach outranks what nobody could judge."""


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What is judged, by which answers, and against what."""

    day: str
    """YYYY-MM-DD that waivers are held against."""
    agent: str | None = None
    """Name or file of the agent to judge alone."""
    dataset: str | None = None
    """Name or file of the dataset to judge alone."""
    cache: Path | None = None
    """Folder of the response cache; None for none."""
    shard: tuple[int, int] = (1, 1)
    """The part of the cases that is judged: i of n."""
    live: LiveOptions = field(default_factory=LiveOptions)
    against: Against = field(default_factory=Against)
    prove: bool = False
    """Whether changed rules are proved to weaken nothing."""
    archive: ArchiveOptions | None = None
    """Archived steps on which changed policies are judged as well; no verdict rests on it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it."""

    report: Report
    estimate: Estimate | None
    """What was, or would be, asked of models; None where that was not reached."""
    limits: Limits
    """The budget that counted."""
    stopped: str
    """Why the run ended early; empty where it did not."""


def judge(
    root: Path,
    options: JudgeOptions,
    *,
    world: World,
    stop: StopSignal | None = None,
    progress: Progress = SILENT,
) -> Judged:
    """Read the gate of a folder, judge it, and report.

    Args:
        root: the folder of runback.yaml.
        options: what is judged, by which answers, and against what.
        world: environment, clock and chance of questions to models.
        stop: ends the run; None for a run that nothing ends.
        progress: is told of each row, of the estimate and of the spending.

    Raises:
        InputError: the gate or its base cannot be read, or the approval names no commit.
    """
    more, against = options.live.trials, options.against
    key = redact_key(world)
    plan = load_plan(root, day=options.day, agent=options.agent, dataset=options.dataset, redact_key=key)
    plan = dataclasses.replace(plan, more=more)
    # A filter leaves part of the head out, which weakens nothing: the base is held against all of it.
    filtered = options.agent is not None or options.dataset is not None
    whole = load_plan(root, day=options.day, redact_key=key) if filtered else plan
    engine = CppEngine()
    with held_against(against, whole, prove=options.prove) as (base, context):
        theirs = context.base_plan.policies if context.base_plan else ()
        with with_lint_messages([*plan.policies, *theirs]):
            if base is not None and base.plan is not None:
                base = dataclasses.replace(base, plan=dataclasses.replace(base.plan, more=more))
            gate = _asking_gate(plan, base)
            live = open_live(gate, options.live, cache=options.cache, world=world, progress=progress, stop=stop)
            result = run_gate(plan, engine, live, progress, base=base, shard=options.shard)
        context = dataclasses.replace(
            context,
            shard=options.shard,
            archive=_on_archive(options, context, whole, world),
            notices=(*context.notices, *_unknown_names(plan, whole), *map(Notice, sorted(live.notes))),
            spend=live.spend(),
            incomplete=cast("Incomplete", live.stop_signal.reason),
        )
        report = build_report(plan, result, engine, version=__version__, context=context)
    return Judged(report, live.estimate, live.settings.limits, live.stop_signal.reason)


def _on_archive(options: JudgeOptions, context: Context, whole: Plan, world: World) -> OnArchive | None:
    # Of the jobs that judge a part each, the first does this for all.
    if options.archive is None or context.base_plan is None or options.shard[0] != 1:
        return None
    # Imported here: few runs name an archive.
    from runback_gate.app.archived import effects_on_archive  # noqa: PLC0415

    return effects_on_archive(context.base_plan.policies, whole.policies, options.archive, world.outside.clock)


def _unknown_names(plan: Plan, whole: Plan) -> Iterator[Notice]:
    """Rules that name a tool or an argument which no agent offers: they hold for ever.

    All agents of the gate count, with a filter too: its policies are about all of them.
    """
    agents = {agent.name: agent for agent in (*whole.agents, *plan.agents)}
    for item in unknown_names(plan.policies, plan.datasets, tuple(agents.values())):
        yield Notice(f"{item.message} ({item.hint})" if item.hint else item.message, item.location)


def judge_sides(
    sides: Sides,
    options: JudgeOptions,
    *,
    world: World,
    stop: StopSignal | None = None,
    progress: Progress = SILENT,
) -> Judged:
    """Judge a commit, and where the working tree differs from it that too; arguments as `judge`.

    The worse of the two counts. What lies in a working tree is what a person works on: it may make a verdict worse, and
    cannot stand in for what is committed.
    """

    def judged(one: Sides) -> Judged:
        against = dataclasses.replace(options, against=one.against)
        return judge(one.head, against, world=world, stop=stop, progress=progress)

    committed = judged(sides)
    if sides.working is None:
        return committed
    return max(judged(sides.working), committed, key=lambda found: _WORSE.index(found.report.exit_code))


def _asking_gate(plan: Plan, base: Base | None) -> Gate | None:
    """Whose providers and budget count: a change could send a key to a host of its choice, or spend without end."""
    if base is None or base.approval:
        return plan.gate
    return None if base.plan is None else base.plan.gate
