"""`init` writes a working start, `schema` prints the shape of a file, `completion` the shell's script."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import cast

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from runback_gate.agent import AgentDocument
from runback_gate.canonical import JsonValue
from runback_gate.cli.datasets import case_name, propose
from runback_gate.cli.files import below, find_run, read_file, write_file
from runback_gate.cli.samples import (
    AGENT,
    ANSWERS,
    ANSWERS_TEST,
    GATE,
    IGNORED,
    POLICY,
    POLICY_TEST,
    PROMPT,
    TOOLS,
    sample_run,
)
from runback_gate.cli.schemas import KINDS, shipped_schema
from runback_gate.cli.terminal import slug
from runback_gate.dataset.document import dataset_from
from runback_gate.dataset.edit import append_case, new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.report.text import line
from runback_gate.schema import schema_id, validate
from runback_gate.step import Run, to_json

MAX_CASES = 20
# What JSON lets stand as it is, but YAML wants escaped.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@click.command()
@click.option(
    "--from", "source", metavar="RUN", help="A run (file, or id in runs/): start from the agent that it recorded."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    metavar="FOLDER",
    help="Folder to write into (this one).",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def init(source: str | None, root: Path, force: bool) -> int:
    """Write a working start: gate, agent, dataset, policy with test.

    Without --from it is a small sample. With --from the agent file is the one that the run had, and its steps that
    called a tool become cases (the first 20), so that you start green.
    """
    run = sample_run() if source is None else find_run(source)
    files = start_files(run, sample=source is None)
    targets = {below(root, name): data for name, data in files.items()}
    if not force and (there := next((path for path in targets if path.exists()), None)):
        hint = "--force replaces it; nothing was written"
        raise InputError("is there already", hint=hint, location=Location(there.as_posix()))
    ignored = below(root, ".gitignore")
    if not ignored.exists():
        targets = {ignored: IGNORED.encode(), **targets}
    for path, data in targets.items():
        write_file(path, data)
        click.echo(f"wrote {line(path.as_posix())}")
    if b".runback" not in read_file(ignored, 1 << 20):
        click.echo("note: .gitignore is yours; runs/ holds raw conversations, .runback/ is made anew by each run")
    place = "" if root == Path() else f" --root {shlex.quote(root.as_posix())}"
    click.echo(f"next: runback-gate run{place}")
    return 0


def start_files(run: Run, *, sample: bool) -> dict[str, bytes]:
    """The files of a start, by path. The gate is the last: without it, what a full disk cut short is no gate.

    Raises:
        InputError: the run has no step, or holds names that no file of ours may hold.
    """
    if not run.steps:
        raise InputError(f"run {run.id} has no step")
    name = slug(run.agent)
    if sample:
        files = {
            "agents/support.yaml": _with_schema("Agent", AGENT),
            "agents/support.md": PROMPT.encode(),
            "agents/tools.json": TOOLS.encode(),
            "policies/refunds.yaml": _with_schema("Policy", POLICY),
            "policies/refunds.test.yaml": _with_schema("PolicyTest", POLICY_TEST),
        }
    else:
        files = {
            **_agent_files(run, name),
            "policies/answers.yaml": _with_schema("Policy", ANSWERS),
            "policies/answers.test.yaml": _with_schema("PolicyTest", ANSWERS_TEST),
        }
    files |= _dataset_files(run, f"datasets/{name}.yaml")
    if not sample:
        _hold(files, f"agents/{name}.yaml", f"datasets/{name}.yaml")
    return {**files, "runback.yaml": _with_schema("Gate", GATE.format(name=_word(name)))}


def _hold(files: dict[str, bytes], agent: str, dataset: str) -> None:
    """Read back what was made of a run's names and texts: a start that cannot be judged is none."""
    try:
        validate(parse_document(files[agent], agent), AgentDocument)
        dataset_from(parse_document(files[dataset], dataset))
    except DocumentError as error:
        raise InputError(f"no start can be made of this run: {error.message}", hint=error.hint) from error


def _with_schema(kind: str, text: str) -> bytes:
    return f"# yaml-language-server: $schema={schema_id(kind)}\n{text}".encode()


def _agent_files(run: Run, name: str) -> dict[str, bytes]:
    step = run.steps[-1]
    request, unknown = step.request, step.source.unknown
    spec: list[str] = []
    files: dict[str, bytes] = {}
    if request.model is not None and "model" not in unknown:
        spec.append(f"  model: {_yaml(request.model)}")
    if "parameters" not in unknown:
        spec.append(f"  parameters: {_yaml(request.parameters)}")
    if request.system is not None:
        spec.append(f"  system: {{file: {name}.md}}")
        files[f"agents/{name}.md"] = request.system.encode()
    if "tools" not in unknown:
        spec.append(f"  tools: {{file: {name}.tools.json}}")
        wire = [{"type": "function", "function": to_json(tool)} for tool in request.tools]
        files[f"agents/{name}.tools.json"] = (json.dumps(wire, ensure_ascii=False, indent=2) + "\n").encode()
    head = f"apiVersion: runback.dev/v1\nkind: Agent\nmetadata: {{name: {_yaml(run.agent)}}}\n"
    body = "spec:\n" + "\n".join(spec) + "\n" if spec else "spec: {}\n"
    return {f"agents/{name}.yaml": _with_schema("Agent", head + body), **files}


def _word(name: str) -> str:
    """A slug as YAML text: in quotes where it would read as something else, to us or to an older reader."""
    plain = name[0].isalpha() and name not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    return name if plain else json.dumps(name)


def _yaml(value: object) -> str:
    """A value on one line of YAML, which is JSON here."""
    return _STRANGE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _dataset_files(run: Run, path: str) -> dict[str, bytes]:
    chosen = [index for index, step in enumerate(run.steps) if step.response.tool_calls][:MAX_CASES] or [
        len(run.steps) - 1
    ]
    files: dict[str, bytes] = {}
    text = ""
    for index in chosen:
        digest, place, data = recording(run.steps[index], path)
        files[place] = data
        checks = cast("JsonValue", propose(run.steps[index]))
        case: dict[str, JsonValue] = {"id": case_name(run, index), "step": digest, "checks": checks}
        if not text:
            text = new_dataset(Path(path).stem, run.agent, case, schema_id("Dataset"))
        else:
            text = append_case(parse_document(text, path), case)
    return {path: text.encode(), **files}


@click.command(epilog=f"Kinds: {', '.join(KINDS)}.")
@click.argument("kind", type=click.Choice(tuple(KINDS), case_sensitive=False), metavar="KIND")
def schema(kind: str) -> int:
    """Print the JSON Schema (draft-07) of a KIND of file."""
    click.echo(shipped_schema(kind).encode(), nl=False)
    return 0


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), metavar="SHELL")
def completion(shell: str) -> int:
    """Print the completion script of a SHELL: bash, zsh or fish.

    For bash: eval "$(runback-gate completion bash)"
    """
    from runback_gate.cli import cli  # noqa: PLC0415  the group imports this module

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(cli, {}, "runback-gate", "_RUNBACK_GATE_COMPLETE").source())
    return 0
