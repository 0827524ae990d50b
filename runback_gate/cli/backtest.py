"""`backtest`: what policies would have said of recorded runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from runback_gate.app.policies import load_policy_files
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON, path_option
from runback_gate.cli.policy_paths import policy_roots
from runback_gate.errors import InputError, Location
from runback_gate.store.folder import MAKE_RUNS, load_runs


@click.command()
@click.option(
    "--policies", "paths", required=True, multiple=True, metavar="FILE|FOLDER", help="Policies to judge against."
)
@path_option("--runs", "A run, or a folder of runs.", required=True)
@JSON
@click.option(
    "--failures",
    "show",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Failures to list for each rule.",
)
def backtest(paths: tuple[str, ...], runs: Path, as_json: bool, show: int) -> int:
    """Judge every recorded step of a folder of runs: what would these policies have said?

    A policy with `scope: run` judges each run once, and its counts are of runs.

    Exit codes: 0 every step could be judged (failures are the answer, not an error), 2 a rule could not be evaluated on
    some step, or there was no step.
    """
    from runback_gate.analysis.tally import Tally  # noqa: PLC0415  loads the engine
    from runback_gate.app.backtest import backtest_runs  # noqa: PLC0415
    from runback_gate.report.backtest import backtest_lines  # noqa: PLC0415

    files = load_policy_files(policy_roots(paths), with_tests=False)
    found = backtest_runs(files.policies, load_runs(runs, note=terminal.note))
    if not found.steps:
        raise InputError("no recorded step", hint=MAKE_RUNS, location=Location(runs.as_posix()))
    terminal.show(found, as_json=as_json, to_json=Tally.to_json, lines=partial(backtest_lines, show=show))
    errors = [(rule, counts["error"]) for rule, counts in found.counts.items() if counts["error"]]
    if errors:
        where = ", ".join(f"{rule} on {found.counted(rule, number)}" for rule, number in errors)
        raise InputError(f"could not be evaluated: {where}", hint="without --json each is listed" if as_json else None)
    return 0
