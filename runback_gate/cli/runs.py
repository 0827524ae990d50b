"""`runs`: which runs there are, and what happened in one."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from runback_gate.app import runs as app
from runback_gate.app.answers import parse_size
from runback_gate.app.recorded import recorded_step
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import COUNT, FOLDER, JSON, argument, option, steps
from runback_gate.store.folder import RUNS, find_run, load_runs
from runback_gate.store.prune import DAY

FOLDER_OF_RUNS: Any = argument(type=FOLDER, default=RUNS)


@click.group(cls=Commands)
def runs() -> None:
    """List and show recorded runs."""


@runs.command("list")
def list_(folder: Path = FOLDER_OF_RUNS, as_json: bool = JSON) -> int:
    """List the runs in FOLDER (default: runs/)."""
    rows = [app.summary(run) for run in load_runs(folder, note=terminal.note)] if folder.is_dir() else []
    lines = partial(app.summary_lines, folder=folder)
    return terminal.show(rows, as_json=as_json, to_json=app.summaries_json, lines=lines)


@runs.command(short_help="Show a run or one of its steps.")
def show(run: str = argument(), step: int | None = steps(), as_json: bool = JSON) -> int:
    """Show RUN (a file, or an id in runs/), or one STEP of it, counted from 0."""
    found = find_run(run, note=terminal.note)
    if step is None:
        return terminal.show(found, as_json=as_json, to_json=app.run_json, lines=app.run_lines)
    to_json, lines = partial(app.step_request_json, index=step), partial(app.step_lines, index=step)
    return terminal.show(recorded_step(found, step), as_json=as_json, to_json=to_json, lines=lines)


@runs.command(short_help="Remove runs by age and total size.")
def prune(
    folder: Path = FOLDER_OF_RUNS,
    older_than: int | None = option("--older-than DAYS", "Remove runs older than DAYS.", type=COUNT),
    max_size: int | None = option(
        "--max-size SIZE", "Then remove the oldest runs until at most SIZE (200M, 1G) remains.", parse=parse_size
    ),
    dry_run: bool = option("--dry-run", "Print what would be removed; change nothing."),
) -> int:
    """Remove runs from FOLDER (default: runs/); dataset recordings and other files stay.

    A run that was written to within the last hour stays too: its recorder may not be done.

    Exit codes: 0 removed, or nothing to remove; 2 the folder or a file cannot be read or removed.
    """
    if older_than is None and max_size is None:
        raise click.UsageError("say what to remove: --older-than or --max-size")
    older = None if older_than is None else older_than * DAY
    found = app.prune_runs(folder, time.time(), older=older, max_bytes=max_size, dry_run=dry_run)
    terminal.say_lines(app.pruned_run_lines(found, dry_run=dry_run))
    return 0
