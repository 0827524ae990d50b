"""`run` judges the cases of a gate, alone or against a base, and ends in the exit code of the verdict."""

from __future__ import annotations

import dataclasses
import re
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from runback_gate import __version__
from runback_gate.cli import terminal
from runback_gate.cli.files import below
from runback_gate.cli.live import Asking, asking_options, drive, interruptible
from runback_gate.cli.output import Output, output_options, publish
from runback_gate.errors import InputError
from runback_gate.report.model import Incomplete, Report

if TYPE_CHECKING:
    from runback_gate.gate.base import Base
    from runback_gate.gate.config import Gate
    from runback_gate.gate.plan import Plan
    from runback_gate.replay.live import Halt, Live
    from runback_gate.report.build import Context


@dataclass(frozen=True, slots=True)
class Change:
    """What a run is held against, and the part of it that is judged."""

    base: str | None = None
    """A folder or a git revision; None for one revision alone."""
    approve: str | None = None
    head: str | None = None
    called: tuple[str, str] | None = None
    """Name and commit of a base that is given as a folder, where the caller knows them."""
    shard: tuple[int, int] = (1, 1)


class Shard(click.ParamType[tuple[int, int]]):
    """`i/n`: part i of n parts."""

    name = "i/n"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two numbers, 1 ≤ i ≤ n ≤ 1000."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", value)
        number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of <= 1000:
            self.fail(f"{value!r} is no part of a run: write 1/3, 2/3, 3/3", param, ctx)
        return number, of


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Folder of runback.yaml (this one).",
)
@click.option(
    "--agent", metavar="NAME|FILE", help="Judge this agent alone; a file stands in for the agent of its name."
)
@click.option("--dataset", metavar="NAME|FILE", help="Judge this dataset alone.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Earlier answers of models, and where new ones are kept; without it none counts.",
)
@asking_options
@click.option("--date", metavar="YYYY-MM-DD", help="Day that waivers are held against (today, UTC).")
@click.option("--base", metavar="DIR|REF", help="Hold it against this folder or git revision: its rules judge as well.")
@click.option("--approve", metavar="SHA", help="Accept what is loosened, for this very commit alone.")
@click.option("--head", metavar="SHA", help="Commit that is judged (that of a clean working tree).")
@click.option(
    "--shard", type=Shard(), default="1/1", help="Judge this part of the cases alone; `merge` joins the parts."
)
@output_options
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def run(
    root: Path,
    agent: str | None,
    dataset: str | None,
    cache: Path | None,
    date: str | None,
    base: str | None,
    approve: str | None,
    head: str | None,
    shard: tuple[int, int],
    quiet: bool,
    output: Output,
    **asked: Any,
) -> int:
    """Judge every case and say pass, fail or could not judge.

    Answers are recorded, or come from the cache, or with --live from the models that spec.providers of runback.yaml
    names; what is missing leaves its row undecided.

    Exit codes: 0 pass, 1 fail, 2 could not judge (a row is undecided, no case was there, or the input is wrong).
    """
    asking = Asking(**asked)
    asking.refuse_nonsense()
    # Only the folder that a person names may lie outside, not one that the repository links.
    folder = output.folder or below(root, ".runback")
    chosen: dict[str, Any] = {"agent": agent, "dataset": dataset, "cache": cache, "date": date, "quiet": quiet}
    begun = time.monotonic()
    with interruptible() as halt:
        report, live = examine(root, asking, halt, Change(base, approve, head, shard=shard), **chosen)
    if asking.plan:
        return _show_plan(live, as_json=output.as_json)
    return publish(report, folder, output, seconds=time.monotonic() - begun)


def examine(
    root: Path,
    asking: Asking,
    halt: Halt | None,
    change: Change,
    *,
    agent: str | None,
    dataset: str | None,
    cache: Path | None,
    date: str | None,
    quiet: bool,
) -> tuple[Report, Live]:
    """Read the gate of a folder, judge it, and give the report, and what found the answers.

    Args:
        root: the folder.
        asking: whether and how models are asked.
        halt: ends the run; None for a run that nothing ends.
        change: what it is held against, and the part of it.
        agent: name or file of the agent to judge alone.
        dataset: name of the dataset to judge alone.
        cache: folder of the response cache.
        date: day that waivers are held against; today when None.
        quiet: no progress.
    """
    from runback_gate.app.policies import with_lint_messages  # noqa: PLC0415  `--help` does without policies and engine
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415
    from runback_gate.gate.run import run_gate  # noqa: PLC0415
    from runback_gate.report.build import build_report  # noqa: PLC0415
    from runback_gate.report.model import Notice  # noqa: PLC0415

    day, engine, more = _day(date), CppEngine(), asking.more_trials()
    plan = dataclasses.replace(load_plan(root, day=day, agent=agent, dataset=dataset), more=more)
    # A filter leaves part of the head out, which weakens nothing: the base is held against all of it.
    whole = plan if agent is dataset is None or change.base is None else load_plan(root, day=day)
    with (
        _against(change, whole) as (base, context),
        with_lint_messages([*plan.policies, *(context.base_plan.policies if context.base_plan else ())]),
        terminal.progress(quiet=quiet) as step,
    ):
        if base is not None and base.plan is not None:
            base = dataclasses.replace(base, plan=dataclasses.replace(base.plan, more=more))
        live = drive(_asking_gate(plan, change, base), asking, cache=cache, halt=halt, step=step)
        result = run_gate(plan, engine, live, step, base=base, shard=change.shard)
    context = dataclasses.replace(
        context,
        shard=change.shard,
        notices=(*context.notices, *map(Notice, sorted(live.notes))),
        spend=live.spend(),
        incomplete=cast("Incomplete", live.halt.reason),
    )
    return build_report(plan, result, engine, version=__version__, context=context), live


def _asking_gate(plan: Plan, change: Change, base: Base | None) -> Gate | None:
    """Whose providers and budget count: a change could send a key to a host of its choice, or spend without end."""
    if change.base is None or (base is not None and base.approval):
        return plan.gate
    return None if base is None or base.plan is None else base.plan.gate


def _show_plan(live: Live, *, as_json: bool) -> int:
    """Print the estimate; no verdict is near, so nothing is written."""
    from runback_gate.cli.live import plan_json, plan_table  # noqa: PLC0415

    if live.estimate is None or live.halt.reason:
        raise InputError("interrupted before the estimate was made")
    if as_json:
        terminal.print_json(plan_json(live.estimate, live.settings.limits))
    else:
        click.echo(plan_table(live.estimate, live.settings.limits), nl=False)
    return 0


def _against(change: Change, plan: Plan) -> AbstractContextManager[tuple[Base | None, Context]]:
    if change.base is change.approve is change.head is None:
        from runback_gate.report.build import Context  # noqa: PLC0415

        return nullcontext((None, Context()))
    # Imported here: a run of one revision alone does without git.
    from runback_gate.cli.against import against  # noqa: PLC0415

    return against(change.base, plan, approve=change.approve, head=change.head, called=change.called)


def _day(date: str | None) -> str:
    if date is None:
        return terminal.today()
    import datetime  # noqa: PLC0415

    try:
        return datetime.date.fromisoformat(date).isoformat()
    except ValueError as error:
        raise InputError(f"--date {date}: not a day", hint="YYYY-MM-DD") from error
