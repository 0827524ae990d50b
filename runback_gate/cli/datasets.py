"""`dataset add | list | show`: recorded steps become cases, and cases are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

import click

from runback_gate.canonical import JsonValue
from runback_gate.cli import terminal
from runback_gate.cli.files import below, find_run, read_step, write_file
from runback_gate.cli.groups import Commands
from runback_gate.dataset.checks import Check, propose_checks
from runback_gate.dataset.document import Case, Dataset, case_step, dataset_from, load_dataset
from runback_gate.dataset.edit import append_case, new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import Document, expand, parse_document, read_document, suggestion
from runback_gate.errors import DocumentError, ExpressionError, InputError
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.policy.context import read_json
from runback_gate.report.text import terminal as inert
from runback_gate.schema import schema_id, validate
from runback_gate.step import Message, Run, Step, to_json
from runback_gate.summary import summarize

ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help=f"Folder of {GATE_FILE} (this one).",
)


@click.group(cls=Commands)
def dataset() -> None:
    """Add, list and show cases."""


@dataset.command(short_help="Save a recorded step as a case.")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0), metavar="STEP")
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
    step: int,
    name: str,
    checks: tuple[str, ...],
    case_id: str | None,
    why: str,
    tags: tuple[str, ...],
    root: Path,
) -> int:
    """Save STEP (from 0) of RUN (a file, or an id in runs/) as a case, with the checks that it must keep.

    Comments and order of the dataset file stay as they are.
    """
    target = below(root, name)
    name = PurePosixPath(name).as_posix()
    recorded = read_step(found := find_run(run), step)
    sha, path, data = recording(recorded, name)
    chosen = [parse_check(text) for text in checks] if checks else propose(recorded)
    case: dict[str, JsonValue] = {"id": case_id or case_name(found, step), "step": sha}
    case |= {"why": why} if why else {}
    case |= {"tags": list(tags)} if tags else {}
    case["checks"] = cast("JsonValue", chosen)
    text = _extended(root, name, case, found.agent)
    broken = _broken(parse_document(text, name), recorded)
    write_file(below(root, path), data)
    write_file(target, text.encode())
    click.echo(inert(f"added {case['id']} to {name}: {summarize(recorded.response)}"))
    for number, check in enumerate(chosen):
        what = inert(f"{'check' if checks else 'proposed check'}: {json.dumps(check, ensure_ascii=False)}")
        click.echo(f"  {what}" + (f"  {inert(broken[number])}" if number in broken else ""))
    if note := _ungated(root, name):
        click.echo(f"note: {note}")
    return 0


def _extended(root: Path, name: str, case: dict[str, JsonValue], agent: str) -> str:
    """The text of a dataset file with the case, which is refused here, before anything is written."""
    if below(root, name).exists():
        document = read_document(root, name)
        there = dataset_from(document)
        if there.agent != agent:
            place = document.mark(("metadata", "agent"))
            raise InputError(f"the dataset is of agent {there.agent!r}, the run of {agent!r}", location=place)
        if twin := next((item for item in there.cases if item.id == case["id"]), None):
            raise InputError(
                f"a case is named {case['id']!r} already", hint="name it with --id", location=twin.location
            )
        text = append_case(document, case)
    else:
        text = new_dataset(PurePosixPath(name).stem, agent, case, schema_id("Dataset"))
    try:
        dataset_from(parse_document(text, name))
    except DocumentError as error:
        raise _refused(name, error) from error
    return text


def _refused(name: str, error: InputError) -> InputError:
    """The error without its place, which is one in a text that nobody will see."""
    return InputError(f"{name}: the case cannot be added: {error.message}", hint=error.hint)


def _broken(document: Document, recorded: Step) -> dict[int, str]:
    """What to say of the checks of the last case that the recorded answer does not keep, by their number.

    Raises:
        InputError: one does not compile.
    """
    # Imported here: to list and show does without an engine.
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415
    from runback_gate.policy.context import step_data  # noqa: PLC0415
    from runback_gate.policy.evaluate import Subject, compile_checks, judge  # noqa: PLC0415

    engine, checks = CppEngine(), dataset_from(document).cases[-1].checks
    try:
        rules = [compile_checks([check], engine) for check in checks]
    except ExpressionError as error:
        raise _refused(document.path, error) from error
    subject = Subject(engine, step_data(recorded))
    said = {
        number: finding
        for number, rule in enumerate(rules)
        for finding in judge(subject, [rule], explained=False).findings
    }
    return {
        number: "the recorded answer does not keep it" if finding.outcome == "fail" else finding.message
        for number, finding in said.items()
    }


def _ungated(root: Path, name: str) -> str | None:
    """Why `run` does not judge the dataset yet, if so."""
    if not (root / GATE_FILE).exists():
        return f"there is no {GATE_FILE} here yet; `runback-gate init` writes one"
    named = name in expand(root, load_gate(root).datasets)
    return None if named else f"{GATE_FILE} does not name this file; add it to `spec.datasets`"


def case_name(run: Run, step: int) -> str:
    """The id of a case that is made of a step."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', run.id).lstrip('._-')[:200] or 'run'}-{step}"


def parse_check(text: str) -> dict[str, Any]:
    """A check from the command line: YAML such as `toolCalled: escalate`, or `toolCalled=escalate`.

    Raises:
        InputError: not one check.
    """
    head, equals, tail = text.partition("=")
    if equals and head in Check.model_fields:
        plain = head in ("maxTokens", "maxLatencyMs", "noError") or tail[:1] in ("{", "[")
        text = f"{head}: {tail if plain else json.dumps(tail, ensure_ascii=False)}"
    document = parse_document(text, "--check")
    if not isinstance(document.value, dict):
        raise InputError(f"--check {text!r}: not a check", hint="write it as in a dataset: 'toolCalled: escalate'")
    validate(document, Check)
    return cast("dict[str, Any]", document.value)


def propose(step: Step) -> list[dict[str, Any]]:
    """Checks that a recorded step keeps today."""
    calls = []
    for call in step.response.tool_calls:
        arguments = read_json(call.arguments)
        calls.append((call.name, arguments if isinstance(arguments, dict) else {}))
    return propose_checks(tuple(calls), step.response.finish_reason)


def _datasets(root: Path, names: Sequence[str]) -> list[Dataset]:
    patterns = tuple(names) or load_gate(root).datasets
    found = [load_dataset(root, name) for name in expand(root, patterns)]
    if not found:
        raise InputError(f"no dataset is named by {', '.join(patterns)}", hint="`runback-gate dataset add` makes one")
    return found


def _answer(step: Step) -> str:
    return summarize(step.response) if step.source.run else "no answer recorded, the conversation is written by hand"


@dataset.command("list", short_help="List the cases.")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@ROOT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(names: tuple[str, ...], root: Path, as_json: bool) -> int:
    """List the cases of the gate's datasets, or of some files, each with its recorded answer."""
    found = [(item, case, case_step(root, item, case)) for item in _datasets(root, names) for case in item.cases]
    if as_json:
        terminal.print_json([_case_json(item, case, step) for item, case, step in found])
        return 0
    titles = [inert(f"{item.name}/{case.id}") for item, case, _ in found]
    counts = [terminal.many(len(case.checks), "check") for _, case, _ in found]
    wide, middle = max(map(len, titles)), max(map(len, counts))
    for title, count, (_, _, step) in zip(titles, counts, found, strict=True):
        click.echo(f"{title:{wide}}  {count:{middle}}  {inert(_answer(step))}")
    return 0


def _case_json(item: Dataset, case: Case, step: Step) -> dict[str, object]:
    return {
        "dataset": item.name,
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
def show(name: str, root: Path, as_json: bool) -> int:
    """Show one case: the conversation, the recorded answer, the checks and the CEL that each stands for."""
    cases = [(item, case) for item in _datasets(root, ()) for case in item.cases]
    found = [(item, case) for item, case in cases if name in (case.id, f"{item.name}/{case.id}")]
    if not found:
        hint = suggestion(name, {word for item, case in cases for word in (case.id, f"{item.name}/{case.id}")})
        raise InputError(f"no case is named {name!r}", hint=hint or "`runback-gate dataset list` names them")
    if len(found) > 1:
        places = " or ".join(f"{item.name}/{case.id}" for item, case in found)
        raise InputError(f"{len(found)} cases are named {name!r}", hint=f"say {places}")
    item, case = found[0]
    step = case_step(root, item, case)
    if as_json:
        terminal.print_json(to_json(step))
    else:
        # A word before each line: no text of a model begins one, so none is taken for a command by a CI runner.
        click.echo("\n".join(f"{label:10} {inert(text)}".rstrip() for label, text in _lines(item, case, step)))
    return 0


def _lines(item: Dataset, case: Case, step: Step) -> Iterator[tuple[str, str]]:
    request = step.request
    yield "case", f"{item.name}/{case.id}  {case.location}"
    if case.why:
        yield "why", case.why
    if case.tags:
        yield "tags", ", ".join(case.tags)
    if case.step is not None:
        yield "recorded", case.step
    prompt = "no system prompt" if request.system is None else f"system prompt of {len(request.system):,} characters"
    yield "asked", f"{request.model or 'model unknown'}, {prompt}, {terminal.many(len(request.tools), 'tool')}"
    yield "", ""
    for message in request.messages:
        yield from _said(message)
    yield "answer", _answer(step)
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
