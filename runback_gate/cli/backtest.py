"""`backtest`: what policies would have said of recorded runs."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.named import policy_files
from runback_gate.cli.options import COUNT, FILE, JOBS, JSON, ON, QUIET, argument, option, options, value_of
from runback_gate.frozen import dataclass
from runback_gate.gate.shard import parse_shard
from runback_gate.replay.cache import seal_key

if TYPE_CHECKING:
    from runback_gate.analysis.tally import Tally


@dataclass(frozen=True, slots=True)
class WhereFlags:
    """Where a backtest runs, and what it keeps."""

    jobs: int | None = JOBS
    on: str | None = ON
    cache: Path | None = option(
        "--cache FOLDER", "Results of earlier backtests, and where new ones are kept; without it none counts."
    )
    shard: tuple[int, int] = option(
        "--shard I/N",
        "Judge this part of the runs alone; `backtest merge` joins the parts.",
        default="1/1",
        parse=parse_shard,
    )
    out: Path | None = option("--out FILE", "Write what was counted, for `backtest merge`.")


SHOWN: Any = option("--failures N", "Failures to list for each rule.", type=COUNT, shown=3)


@command(cls=click.Group, invoke_without_command=True)
def backtest(
    paths: tuple[str, ...] = option("--policies FILE|FOLDER", "Policies to judge against."),
    runs: str | None = option("--runs FILE|FOLDER|ARCHIVE", "A run, a folder of runs, or an archive."),
    where: WhereFlags = options(WhereFlags),
    show: int = SHOWN,
    as_json: bool = JSON,
    quiet: bool = QUIET,
) -> int:
    """Judge every recorded step of a folder of runs: what would these policies have said?

    A policy with `scope: run` judges each run once, and its counts are of runs.

    Exit codes: 0 every step could be judged (failures are the answer, not an error), 2 a rule could not be evaluated on
    some step, or there was no step.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    if not paths or runs is None:
        raise click.MissingParameter(param_hint="'--runs'" if paths else "'--policies'", param_type="option")
    from runback_gate.app.backtest import BacktestOptions, backtest_named  # noqa: PLC0415  loads the engine

    policies = policy_files(paths, with_tests=False).policies
    chosen = value_of(BacktestOptions, where, cores=os.cpu_count() or 1, key=seal_key(os.environ))
    with terminal.progress(quiet=quiet, noun="run") as progress:
        found = backtest_named(policies, runs, chosen, note=terminal.note, progress=progress)
    return _show(found, show, as_json=as_json)


@command(short_help="Join the parts of a backtest to one.")
def merge(
    parts: tuple[Path, ...] = argument("FILE...", required=True, type=FILE), show: int = SHOWN, as_json: bool = JSON
) -> int:
    """Join what `backtest --shard 1/n --out FILE` to `n/n` wrote; prints and exits as one backtest of all.

    Exit codes: as `backtest`; 2 also when a part is missing, there twice, or of another backtest.
    """
    from runback_gate.app.tallies import merge_parts  # noqa: PLC0415  `--help` does without the engine

    return _show(merge_parts(parts), show, as_json=as_json)


backtest.add_command(merge)


def _show(found: Tally, show: int, *, as_json: bool) -> int:
    from runback_gate.app.backtest import require_judged  # noqa: PLC0415  loads the engine
    from runback_gate.report.backtest import backtest_lines  # noqa: PLC0415

    terminal.show(found, as_json=as_json, to_json=type(found).to_json, lines=partial(backtest_lines, show=show))
    require_judged(found, as_json=as_json)
    return 0
