"""`runs`: which runs there are, and what happened in one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from runback_gate.app.recorded import recorded_step
from runback_gate.app.runs import Execution, executions, run_json, step_json, summary
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.plural import many
from runback_gate.report.text import line as one_line
from runback_gate.report.text import safe_terminal, short
from runback_gate.step import Run, Step, to_json
from runback_gate.store.folder import RUNS, find_run, load_runs

WIDTH = 100


@click.group(cls=Commands)
def runs() -> None:
    """List and show recorded runs."""


@runs.command("list")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=RUNS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object for each run.")
def list_(folder: Path, as_json: bool) -> int:
    """List the runs of FOLDER (runs/ when none is named)."""
    rows = [summary(run) for run in load_runs(folder, note=terminal.note)] if folder.is_dir() else []
    if as_json:
        terminal.print_json({"runs": [dataclasses.asdict(row) for row in rows]})
        return 0
    size = max((len(row.run) for row in rows), default=3)
    for row in rows:
        counts = f"{row.steps:5} steps {row.calls:5} calls {row.errors:4} errors"
        names = [safe_terminal(text) for text in (row.run, row.at or "-", row.agent)]
        click.echo(f"{names[0]:{size}}  {row.status or '-':9}  {counts}  {names[1]}  {names[2]}")
    click.echo(f"{many(len(rows), 'run')} in {one_line(folder.as_posix())}/")
    return 0


@runs.command(short_help="Show a run, or one step of it.")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: steps, calls with their results, notes.")
def show(run: str, step: int | None, as_json: bool) -> int:
    """Show RUN (a file, or an id in runs/), or one STEP of it, counted from 0."""
    found = find_run(run, note=terminal.note)
    chosen = None if step is None else recorded_step(found, step)
    if as_json and step is not None and chosen is not None:
        terminal.print_json({**step_json(chosen, step), "request": to_json(chosen.request)})
    elif as_json:
        terminal.print_json(run_json(found))
    else:
        lines = _run_lines(found) if chosen is None or step is None else _step_lines(chosen, step)
        click.echo("\n".join(lines))
    return 0


def _run_lines(run: Run) -> Iterator[str]:
    yield f"{safe_terminal(run.id)}  {safe_terminal(run.agent)}  {run.status or 'end not recorded'}"
    if run.error:
        yield f"  error   {_short(run.error)}"
    calls: dict[int, list[Execution]] = {}
    for call in executions(run):
        calls.setdefault(call.step, []).append(call)
    for index, step in enumerate(run.steps):
        answer = step.response
        said = answer.error or answer.text or answer.refusal
        kind = f"{_short(step.request.model or '-')}  {step.source.grade}  {_short(answer.finish_reason or '-')}"
        yield f"  {index:5}  {kind}  {_short(said)}"
        for number, call in enumerate(calls.get(index, ())):
            came = f"error: {_short(call.error)}" if call.error else _short(call.result or "-")
            yield f"    {index}.{number}  {_short(call.name)}({_short(call.arguments)}) -> {came}"
    for note in run.notes:
        yield f"  {note.kind}  {_short(str(note.value))}"


def _step_lines(step: Step, index: int) -> Iterator[str]:
    grade = f"{step.source.grade}, {step.source.api or 'no wire format'}"
    yield f"step {index} of {safe_terminal(step.source.run)}: {grade}"
    if step.source.lost:
        yield f"lost       {safe_terminal(', '.join(step.source.lost))}"
    if step.request.system is not None:
        yield f"system     {_short(step.request.system)}"
    for message in step.request.messages:
        yield f"{message.role:10} {_short(message.content)}"
        for call in message.tool_calls:
            yield f"{'call':10} {_short(call.name)}({_short(call.arguments)})"
    yield f"{'answer':10} {safe_terminal(step.response.error or step.response.text or '-')}"
    for call in step.response.tool_calls:
        yield f"{'call':10} {_short(call.name)}({safe_terminal(call.arguments)})"


def _short(text: str) -> str:
    return safe_terminal(short(text, WIDTH))
