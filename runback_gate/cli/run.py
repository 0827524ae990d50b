"""`run` judges the cases of a gate, alone or against a base, and ends in the exit code of the verdict."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runback_gate.app.paths import below
from runback_gate.cli import terminal
from runback_gate.cli.live import interruptible, live_options, live_options_from
from runback_gate.cli.options import ROOT, gate_root
from runback_gate.cli.output import Output, output_options, publish, remove_outputs
from runback_gate.errors import InputError
from runback_gate.gate.shard import parse_shard

if TYPE_CHECKING:
    from runback_gate.app.judge import Judged


class Shard(click.ParamType[tuple[int, int]]):
    """`i/n`: part i of n parts."""

    name = "i/n"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two numbers, 1 ≤ i ≤ n ≤ 1000."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_shard(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@ROOT
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
@live_options
@click.option("--date", metavar="YYYY-MM-DD", help="Day that waivers are held against (today, UTC).")
@click.option("--base", metavar="DIR|REF", help="Hold it against this folder or git revision: its rules judge as well.")
@click.option("--approve", metavar="SHA", help="Accept what is loosened, for this very commit alone.")
@click.option("--head", metavar="SHA", help="Commit that is judged (the one that is checked out).")
@click.option(
    "--shard", type=Shard(), default="1/1", help="Judge this part of the cases alone; `merge` joins the parts."
)
@output_options
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def run(
    root: Path | None,
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
    from runback_gate.app.judge import JudgeOptions, judge_sides  # noqa: PLC0415  `--help` does without the engine
    from runback_gate.app.live import World  # noqa: PLC0415
    from runback_gate.app.sides import open_sides  # noqa: PLC0415
    from runback_gate.replay.providers import real_world  # noqa: PLC0415

    live = live_options_from(asked)
    # With a base nothing is searched: where the two sides lie is not for a change to decide.
    root = gate_root(root) if base is None else root or Path()
    # Only the folder that a person names may lie outside, not one that the repository links.
    folder = output.folder or below(root, ".runback")
    if not live.plan:
        remove_outputs(folder)
    begun = time.monotonic()
    with (
        interruptible() as stop,
        open_sides(root, base=base, head=head, approve=approve, also=agent) as sides,
        terminal.progress(quiet=quiet) as progress,
    ):
        options = JudgeOptions(_day(date), agent, dataset, cache, shard, live)
        judged = judge_sides(sides, options, world=World(os.environ, real_world()), stop=stop, progress=progress)
    if live.plan:
        return _show_plan(judged, as_json=output.as_json)
    return publish(judged.report, folder, output, seconds=time.monotonic() - begun)


def _show_plan(judged: Judged, *, as_json: bool) -> int:
    """Print the estimate; no verdict is near, so nothing is written."""
    from runback_gate.report.plan import plan_json, plan_table  # noqa: PLC0415  most runs ask nobody

    if judged.estimate is None or judged.stopped:
        raise InputError("interrupted before the estimate was made")
    if as_json:
        terminal.print_json(plan_json(judged.estimate, judged.limits))
    else:
        click.echo(plan_table(judged.estimate, judged.limits), nl=False)
    return 0


def _day(date: str | None) -> str:
    if date is None:
        return terminal.today()
    import datetime  # noqa: PLC0415  few runs name a day

    try:
        return datetime.date.fromisoformat(date).isoformat()
    except ValueError as error:
        raise InputError(f"--date {date}: not a day", hint="YYYY-MM-DD") from error
