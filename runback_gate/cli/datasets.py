"""`dataset add | list | show`: recorded steps become cases, and cases are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from runback_gate.app.paths import below
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import ROOT, gate_root
from runback_gate.documents.named_files import write_file
from runback_gate.errors import InputError
from runback_gate.plural import many
from runback_gate.report.text import safe_terminal
from runback_gate.step import Message, Step, to_json
from runback_gate.store.folder import MAKE_RUNS, find_run, load_runs
from runback_gate.summary import summarize

if TYPE_CHECKING:
    from runback_gate.app.cases import FoundCase, NewCase


@click.group(cls=Commands)
def dataset() -> None:
    """Add, list and show cases."""


@dataset.command(short_help="Save a recorded step as a case.")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0), metavar="[STEP]", required=False)
@click.option("--all", "every", is_flag=True, help="Save every step of RUN, or of a folder of runs.")
@click.option("--dataset", "name", required=True, metavar="FILE", help="Dataset file; made when it is not there.")
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="CHECK",
    help="As in a dataset: 'toolCalled: escalate'; may repeat. Proposed from what the step did when left out.",
)
@click.option("--id", "case_id", metavar="ID", help="Id of the case (made from run and step).")
@click.option("--why", default="", metavar="TEXT", help="Why the case is here: the incident, the promise.")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="A word to select by; may repeat.")
@ROOT
def add(
    run: str,
    step: int | None,
    every: bool,
    name: str,
    checks: tuple[str, ...],
    case_id: str | None,
    why: str,
    tags: tuple[str, ...],
    root: Path | None,
) -> int:
    """Save STEP (from 0) of RUN (a file, or an id in runs/) as a case, with the checks that it must keep.

    Comments and order of the dataset file stay as they are. With --all each step becomes a case; those that are there
    already stay.
    """
    if every == (step is not None):
        raise click.UsageError("say which STEP, or --all" if step is None else "--all takes no STEP")
    if every and case_id is not None:
        raise click.UsageError("--id names one case, --all makes many")
    from runback_gate.app.cases import NewCase, add_case, parse_check, why_not_judged  # noqa: PLC0415  loads the engine

    root = gate_root(root)
    below(root, name)
    given = tuple(parse_check(text) for text in checks)
    new = NewCase(name, given or None, case_id, why, tags)
    if step is None:
        return _add_all(run, root, new)
    recorded = find_run(run, note=terminal.note)
    added = add_case(root, recorded, step, new)
    for path, data in added.files.items():
        write_file(below(root, path), data)
    file = PurePosixPath(name).as_posix()
    click.echo(safe_terminal(f"added {added.id} to {file}: {summarize(recorded.steps[step].response)}"))
    for number, check in enumerate(added.checks):
        what = safe_terminal(f"{'check' if given else 'proposed check'}: {json.dumps(check, ensure_ascii=False)}")
        click.echo(f"  {what}" + (f"  {safe_terminal(added.broken[number])}" if number in added.broken else ""))
    if note := why_not_judged(root, file):
        click.echo(f"note: {note}")
    return 0


def _add_all(source: str, root: Path, new: NewCase) -> int:
    """Save every step of a run, or of each run of a folder."""
    from runback_gate.app.cases import add_case, case_name, has_case  # noqa: PLC0415  loads the engine

    folder = Path(source)
    runs = load_runs(folder, note=terminal.note) if folder.is_dir() else [find_run(source, note=terminal.note)]
    added = there = 0
    for recorded in runs:
        for index in range(len(recorded.steps)):
            if has_case(root, new.dataset, case_name(recorded, index)):
                there += 1
                continue
            for path, data in add_case(root, recorded, index, new).files.items():
                write_file(below(root, path), data)
            added += 1
    if not added + there:
        raise InputError(f"{source}: no step", hint=MAKE_RUNS)
    more = f" ({there:,} there already)" if there else ""
    click.echo(safe_terminal(f"added {many(added, 'case')} to {PurePosixPath(new.dataset).as_posix()}{more}"))
    return 0


def _answer(step: Step) -> str:
    return summarize(step.response) if step.source.run else "no answer recorded, the conversation is written by hand"


@dataset.command("list", short_help="List the cases.")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@ROOT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(names: tuple[str, ...], root: Path | None, as_json: bool) -> int:
    """List the cases of the gate's datasets, or of some files, each with its recorded answer."""
    from runback_gate.app.cases import list_cases  # noqa: PLC0415  loads the engine

    found = list_cases(gate_root(root), names)
    if as_json:
        terminal.print_json([_case_json(item) for item in found])
        return 0
    titles = [safe_terminal(item.title) for item in found]
    counts = [many(len(item.case.checks), "check") for item in found]
    wide, middle = max(map(len, titles)), max(map(len, counts))
    for title, count, item in zip(titles, counts, found, strict=True):
        click.echo(f"{title:{wide}}  {count:{middle}}  {safe_terminal(_answer(item.step))}")
    return 0


def _case_json(found: FoundCase) -> dict[str, object]:
    case, step = found.case, found.step
    return {
        "dataset": found.dataset.name,
        "case": case.id,
        "answer": summarize(step.response) if step.source.run else None,
        "checks": [check.title for check in case.checks],
        "tags": list(case.tags),
        "why": case.why,
        "step": case.step,
        "place": str(case.location),
    }


@dataset.command(short_help="Show one case with its conversation and checks.")
@click.argument("name", metavar="[DATASET/]CASE")
@ROOT
@click.option("--json", "as_json", is_flag=True, help="Print the recorded step as JSON.")
def show(name: str, root: Path | None, as_json: bool) -> int:
    """Show one case: the conversation, the recorded answer, the checks and the CEL that each stands for."""
    from runback_gate.app.cases import find_case  # noqa: PLC0415  loads the engine

    found = find_case(gate_root(root), name)
    if as_json:
        terminal.print_json(to_json(found.step))
    else:
        # A word before each line: no text of a model begins one, so none is taken for a command by a CI runner.
        click.echo("\n".join(f"{label:10} {safe_terminal(text)}".rstrip() for label, text in _lines(found)))
    return 0


def _lines(found: FoundCase) -> Iterator[tuple[str, str]]:
    case, request = found.case, found.step.request
    yield "case", f"{found.title}  {case.location}"
    if case.why:
        yield "why", case.why
    if case.tags:
        yield "tags", ", ".join(case.tags)
    if case.step is not None:
        yield "recorded", case.step
    prompt = "no system prompt" if request.system is None else f"system prompt of {len(request.system):,} characters"
    yield "asked", f"{request.model or 'model unknown'}, {prompt}, {many(len(request.tools), 'tool')}"
    yield "", ""
    for message in request.messages:
        yield from _said(message)
    yield "answer", _answer(found.step)
    yield "", ""
    for check in case.checks:
        yield "check", check.title
        if check.expression is not None:
            yield "  as CEL", check.expression


def _said(message: Message) -> Iterator[tuple[str, str]]:
    texts = message.content.strip().splitlines()
    texts += [f"calls {call.name}({call.arguments})" for call in message.tool_calls]
    texts += [f"error: {message.error}"] if message.error else []
    for number, text in enumerate(texts or [""]):
        yield "  |" if number else f"  {message.role}", text
