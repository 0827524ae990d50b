"""`import transcript`, and `dataset add | list | show`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any, cast

import click

from runback_gate.canonical import JsonValue, digest, parse_json
from runback_gate.capture.runs import MAX_RUN_BYTES, read_run, write_run
from runback_gate.capture.transcript import MAX_TRANSCRIPT_BYTES, read_transcripts
from runback_gate.dataset.checks import Check, propose_checks
from runback_gate.dataset.document import Dataset, case_step, dataset_from, load_dataset
from runback_gate.dataset.edit import append_case, new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import expand, parse_document, read_document, write_atomic
from runback_gate.errors import InputError, WriteError
from runback_gate.gate.config import load_gate
from runback_gate.policy.context import read_json
from runback_gate.replay.compare import summarize
from runback_gate.report.text import terminal as inert
from runback_gate.report.text import visible
from runback_gate.schema import schema_id
from runback_gate.step import Run, Step, to_json, tools_from_json

RUNS = Path("runs")


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a file that somebody named on the command line; `-` is standard input.

    Raises:
        InputError: missing, unreadable, or larger than the limit.
    """
    try:
        with click.open_file(str(path), "rb") as file:
            data: bytes = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path.as_posix()}: {error.strerror}") from error
    if len(data) > limit:
        raise InputError(f"{path.as_posix()}: larger than {limit >> 20} MiB")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write whole or not at all, making the folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path.parent.as_posix()}: {error.strerror}") from error
    write_atomic(path, data)


def find_run(name: str) -> Run:
    """A run by its file, or by its id in `runs/`.

    Raises:
        InputError: not there, or not a run that verifies.
    """
    path = Path(name) if name.endswith(".jsonl") or "/" in name else RUNS / f"{name}.jsonl"
    return read_run(read_file(path, MAX_RUN_BYTES), path.as_posix())


def read_step(run: Run, index: int) -> Step:
    """One step of a run.

    Raises:
        InputError: the run has no such step.
    """
    if index >= len(run.steps):
        raise InputError(f"run {run.id} has no step {index}", hint=f"its steps are 0 to {len(run.steps) - 1}")
    return run.steps[index]


@click.group("import")
def import_() -> None:
    """Turn transcripts into runs."""


@import_.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--agent", required=True, metavar="NAME", help="Name of the agent whose runs these are.")
@click.option("--tools", type=click.Path(path_type=Path), help="Its tools: a JSON file in OpenAI function format.")
@click.option("--model", metavar="PROVIDER/MODEL", help="Model to note in place of what the transcript says.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=RUNS,
    show_default=True,
    help="Folder for the runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: runs with their steps.")
def transcript(file: Path, agent: str, tools: Path | None, model: str | None, out: Path, as_json: bool) -> int:
    """Read a chat-format transcript FILE (JSON or JSONL): one run a conversation, one step an assistant turn."""
    known = None
    if tools is not None:
        known = tools_from_json(parse_json(read_file(tools, 8 << 20), path=tools.as_posix()), tools.as_posix())
    data = read_file(file, MAX_TRANSCRIPT_BYTES)
    runs = read_transcripts(data, path=file.name, agent=agent, tools=known, model=model)
    for run in runs:
        write_file(out / f"{run.id}.jsonl", write_run(run, secrets.token_bytes))
    steps = sum(len(run.steps) for run in runs)
    if as_json:
        rows = [{"run": run.id, "steps": len(run.steps), "labels": run.labels} for run in runs]
        click.echo(json.dumps({"runs": rows, "steps": steps}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{len(runs)} runs, {steps} steps of {inert(agent)} in {out.as_posix()}/")
        first = next((run for run in runs if run.steps), None)
        if first is not None:
            click.echo(
                f"next: runback-gate dataset add {(out / first.id).as_posix()}.jsonl 0 --dataset datasets/{agent}.yaml"
            )
    return 0


@click.group()
def dataset() -> None:
    """Add, list and show cases."""


@dataset.command()
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0))
@click.option("--dataset", "name", required=True, metavar="FILE", help="Dataset file; made when it is not there.")
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="CHECK",
    help="'toolCalled: escalate'; may repeat. Proposed when left out.",
)
@click.option("--id", "case_id", metavar="ID", help="Id of the case (made from run and step).")
@click.option("--why", default="", help="Why the case is here: the incident, the promise.")
@click.option("--tag", "tags", multiple=True, help="A word to select by; may repeat.")
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".", help="Folder of the gate."
)
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
    """Save STEP (from 0) of RUN (a file, or an id in runs/) as a case, with the checks that it must keep."""
    recorded = read_step(found := find_run(run), step)
    sha, path, data = recording(recorded, name)
    chosen = [parse_check(text) for text in checks] if checks else propose(recorded)
    case: dict[str, JsonValue] = {"id": case_id or f"{found.id}-{step}", "step": sha}
    case |= {"why": why} if why else {}
    case |= {"tags": list(tags)} if tags else {}
    case["checks"] = cast("JsonValue", chosen)
    if (root / name).exists():
        text = append_case(document := read_document(root, name), case)
        dataset_from(document)
    else:
        text = new_dataset(Path(name).stem, found.agent, case, schema_id("Dataset"))
    added = dataset_from(parse_document(text, name))  # refused here, before anything is written
    if added.agent != found.agent:
        raise InputError(f"{name} holds cases of agent {added.agent!r}, this run is of {found.agent!r}")
    write_file(root / path, data)
    write_file(root / name, text.encode())
    click.echo(f"added {inert(str(case['id']))} to {name}: {inert(summarize(recorded.response))}")
    for check in chosen:
        click.echo("  " + inert(f"{'check' if checks else 'proposed check'}: {json.dumps(check, ensure_ascii=False)}"))
    return 0


def parse_check(text: str) -> dict[str, Any]:
    """A check from the command line: YAML such as `toolCalled: escalate`, or `toolCalled=escalate`.

    Raises:
        InputError: not one check.
    """
    head, equals, tail = text.partition("=")
    if equals and head in Check.model_fields:
        text = f"{head}: {json.dumps(tail, ensure_ascii=False)}" if not tail.isdigit() else f"{head}: {tail}"
    value = parse_document(text, "--check").value
    if not isinstance(value, dict) or len(value) != 1:
        raise InputError(f"--check {text!r}: not a check", hint="write it as in a dataset: 'toolCalled: escalate'")
    return value


def propose(step: Step) -> list[dict[str, Any]]:
    """Checks that a recorded step keeps today."""
    calls = []
    for call in step.response.tool_calls:
        arguments = read_json(call.arguments)
        calls.append((call.name, arguments if isinstance(arguments, dict) else {}))
    return propose_checks(tuple(calls), step.response.finish_reason)


def _datasets(root: Path, names: tuple[str, ...]) -> list[Dataset]:
    patterns = names or load_gate(root).datasets
    return [load_dataset(root, name) for name in expand(root, patterns)]


@dataset.command("list")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".", help="Folder of the gate."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(names: tuple[str, ...], root: Path, as_json: bool) -> int:
    """List the cases of the gate's datasets, or of some files."""
    rows = []
    for item in _datasets(root, names):
        for case in item.cases:
            answer = case_step(root, item, case).response
            row = {
                "dataset": item.name,
                "case": case.id,
                "answer": summarize(answer),
                "checks": [c.title for c in case.checks],
            }
            rows.append(
                {**row, "tags": list(case.tags), "why": case.why, "step": case.step, "place": str(case.location)}
            )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    size = max(len(f"{row['dataset']}/{row['case']}") for row in rows) if rows else 0
    for row in rows:
        click.echo(
            inert(f"{row['dataset']}/{row['case']}".ljust(size) + f"  {len(row['checks'])} checks  {row['answer']}")
        )
    return 0


@dataset.command()
@click.argument("case", metavar="DATASET/CASE")
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".", help="Folder of the gate."
)
@click.option("--json", "as_json", is_flag=True, help="Print the recorded step as JSON.")
def show(case: str, root: Path, as_json: bool) -> int:
    """Show one case: the conversation, the recorded answer, the checks and the CEL that each stands for."""
    wanted, _, case_id = case.rpartition("/")
    for item in _datasets(root, ()):
        for entry in item.cases:
            if entry.id == case_id and wanted in ("", item.name):
                step = case_step(root, item, entry)
                if as_json:
                    click.echo(json.dumps(to_json(step), ensure_ascii=False, indent=2))
                    return 0
                lines = [
                    f"{item.name}/{entry.id}  {entry.location}",
                    entry.why,
                    f"recorded {digest(to_json(step))}",
                    "",
                ]
                lines += [f"  {message.role:9} {message.content}" for message in step.request.messages]
                lines += [f"  answer    {summarize(step.response)}", ""]
                lines += [
                    f"  check     {check.title}\n            {check.expression or 'JSON Schema'}"
                    for check in entry.checks
                ]
                click.echo("\n".join(visible(line) for line in lines if line is not None))
                return 0
    raise InputError(f"no case is named {case!r}", hint="`runback-gate dataset list` names them")
