"""`runs`: which runs there are, and what happened in one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from runback_gate.app.recorded import recorded_step
from runback_gate.app.runs import (
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
from runback_gate.cli.options import JSON
from runback_gate.plural import many
from runback_gate.report.text import line
from runback_gate.store.folder import RUNS, find_run, load_runs


@click.group(cls=Commands)
def runs() -> None:
    """List and show recorded runs."""


@runs.command("list")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=RUNS)
@JSON
def list_(folder: Path, as_json: bool) -> int:
    """List the runs of FOLDER (runs/ when none is named)."""
    rows = [summary(run) for run in load_runs(folder, note=terminal.note)] if folder.is_dir() else []
    terminal.show(rows, as_json=as_json, to_json=summaries_json, lines=summary_lines)
    if not as_json:
        click.echo(f"{many(len(rows), 'run')} in {line(folder.as_posix())}/")
    return 0


@runs.command(short_help="Show a run, or one step of it.")
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
