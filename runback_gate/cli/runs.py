"""`runs`: which runs there are, and what happened in one."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click

from runback_gate.app.answers import parse_size
from runback_gate.app.recorded import recorded_step
from runback_gate.app.runs import (
    prune_runs,
    pruned_run_lines,
    run_json,
    run_lines,
    step_lines,
    step_request_json,
    summaries_json,
    summary,
    summary_lines,
)
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import JSON, parsed
from runback_gate.plural import many
from runback_gate.report.text import line
from runback_gate.store.folder import RUNS, find_run, load_runs
from runback_gate.store.prune import DAY


@click.group(cls=Commands)
def runs() -> None:
    """List and show recorded runs."""


@runs.command("list")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=RUNS)
@JSON
def list_(folder: Path, as_json: bool) -> int:
    """List the runs in FOLDER (default: runs/)."""
    rows = [summary(run) for run in load_runs(folder, note=terminal.note)] if folder.is_dir() else []
    terminal.show(rows, as_json=as_json, to_json=summaries_json, lines=summary_lines)
    if not as_json:
        click.echo(f"{many(len(rows), 'run')} in {line(folder.as_posix())}/")
    return 0


@runs.command(short_help="Show a run or one of its steps.")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0), required=False)
@JSON
def show(run: str, step: int | None, as_json: bool) -> int:
    """Show RUN (a file, or an id in runs/), or one STEP of it, counted from 0."""
    found = find_run(run, note=terminal.note)
    if step is None:
        terminal.show(found, as_json=as_json, to_json=run_json, lines=run_lines)
    else:
        to_json, lines = partial(step_request_json, index=step), partial(step_lines, index=step)
        terminal.show(recorded_step(found, step), as_json=as_json, to_json=to_json, lines=lines)
    return 0


@runs.command(short_help="Remove runs by age and total size.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=RUNS)
@click.option("--older-than", type=click.IntRange(min=0), metavar="DAYS", help="Remove runs older than DAYS.")
@click.option(
    "--max-size",
    metavar="SIZE",
    callback=parsed(parse_size),
    help="Then remove the oldest runs until at most SIZE (200M, 1G) remains.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed; change nothing.")
def prune(folder: Path, older_than: int | None, max_size: int | None, dry_run: bool) -> int:
    """Remove runs from FOLDER (default: runs/); dataset recordings and other files stay.

    A run that was written to within the last hour stays too: its recorder may not be done.

    Exit codes: 0 removed, or nothing to remove; 2 the folder or a file cannot be read or removed.
    """
    if older_than is None and max_size is None:
        raise click.UsageError("--older-than or --max-size says what goes", click.get_current_context())
    older = None if older_than is None else older_than * DAY
    found = prune_runs(folder, time.time(), older=older, max_bytes=max_size, dry_run=dry_run)
    terminal.say_lines(pruned_run_lines(found, dry_run=dry_run))
    return 0
