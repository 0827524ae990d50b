"""`backtest`: what policies would have said of recorded runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.app.policies import load_policy_files
from runback_gate.cli import terminal
from runback_gate.cli.options import FILE, FOLDER, JOBS, JSON, ON, QUIET, option, options, parsed, value_of
from runback_gate.cli.policy_paths import policy_roots
from runback_gate.gate.shard import parse_shard
from runback_gate.replay.cache import seal_key

if TYPE_CHECKING:
    from runback_gate.analysis.tally import Tally

CACHE = "Results of earlier backtests, and where new ones are kept; without it none counts."
PART = "Judge this part of the runs alone; `backtest merge` joins the parts."


@dataclass(frozen=True, slots=True)
class WhereFlags:
    """Where a backtest runs, and what it keeps."""

    jobs: int | None = option("--jobs", JOBS, type=click.IntRange(1, 256), metavar="N")
    on: str | None = option("--on", ON, metavar="ray[:ADDRESS]")
    cache: Path | None = option("--cache", CACHE, type=FOLDER, metavar="FOLDER")
    shard: tuple[int, int] = option("--shard", PART, metavar="I/N", default="1/1", callback=parsed(parse_shard))
    out: Path | None = option("--out", "Write what was counted, for `backtest merge`.", type=FILE, metavar="FILE")


LISTED = "Failures to list for each rule."
SHOWN = click.option(
    "--failures", "show", help=LISTED, type=click.IntRange(0), default=3, show_default=True, metavar="N"
)


@click.group(invoke_without_command=True)
@click.option("--policies", "paths", multiple=True, metavar="FILE|FOLDER", help="Policies to judge against.")
@click.option("--runs", metavar="FILE|FOLDER|ARCHIVE", help="A run, a folder of runs, or an archive.")
@options(WhereFlags, "where")
@SHOWN
@JSON
@QUIET
@click.pass_context
def backtest(
    context: click.Context,
    paths: tuple[str, ...],
    runs: str | None,
    where: WhereFlags,
    show: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge every recorded step of a folder of runs: what would these policies have said?

    A policy with `scope: run` judges each run once, and its counts are of runs.

    Exit codes: 0 every step could be judged (failures are the answer, not an error), 2 a rule could not be evaluated on
    some step, or there was no step.
    """
    if context.invoked_subcommand is not None:
        return 0
    if not paths or runs is None:
        missing = "'--runs'" if paths else "'--policies'"
        raise click.MissingParameter(ctx=context, param_hint=missing, param_type="option")
    from runback_gate.app.backtest import BacktestOptions, backtest_named  # noqa: PLC0415  loads the engine

    policies = load_policy_files(policy_roots(paths), with_tests=False).policies
    chosen = value_of(BacktestOptions, where, cores=os.cpu_count() or 1, key=seal_key(os.environ))
    with terminal.progress(quiet=quiet, noun="run") as progress:
        found = backtest_named(policies, runs, chosen, note=terminal.note, progress=progress)
    return _show(found, show, as_json=as_json)


@backtest.command(short_help="Join the parts of a backtest to one.")
@click.argument("parts", nargs=-1, required=True, type=FILE, metavar="FILE...")
@SHOWN
@JSON
def merge(parts: tuple[Path, ...], show: int, as_json: bool) -> int:
    """Join what `backtest --shard 1/n --out FILE` to `n/n` wrote; prints and exits as one backtest of all.

    Exit codes: as `backtest`; 2 also when a part is missing, there twice, or of another backtest.
    """
    from runback_gate.app.tallies import merge_parts  # noqa: PLC0415  `--help` does without the engine

    return _show(merge_parts(parts), show, as_json=as_json)


def _show(found: Tally, show: int, *, as_json: bool) -> int:
    from runback_gate.app.backtest import require_judged  # noqa: PLC0415  loads the engine
    from runback_gate.report.backtest import backtest_lines  # noqa: PLC0415

    to_json, lines = type(found).to_json, partial(backtest_lines, show=show)
    terminal.show(found, as_json=as_json, to_json=to_json, lines=lines)
    require_judged(found, as_json=as_json)
    return 0
