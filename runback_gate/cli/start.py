"""`init` writes a working start, `schema` prints the shape of a file, `completion` the shell's script."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from runback_gate.app.paths import below
from runback_gate.app.schemas import KINDS, shipped_schema
from runback_gate.cli import terminal
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import InputError, Location
from runback_gate.plural import many
from runback_gate.report.text import safe_terminal
from runback_gate.step import Run
from runback_gate.store.folder import find_runs

if TYPE_CHECKING:
    from runback_gate.app.prompts import Prompt


@click.command()
@click.option(
    "--from",
    "source",
    metavar="RUN|FOLDER",
    help="A run (file, or id in runs/), or a folder of runs: start from the agent that was recorded.",
)
@click.option("--agent", metavar="NAME", help="Of a folder, the runs of this agent alone.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    metavar="FOLDER",
    help="Folder to write into (this one).",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def init(source: str | None, agent: str | None, root: Path, force: bool) -> int:
    """Write a working start: gate, agent, dataset, policy with test.

    Without --from it is a small sample. With --from the agent file is the one that the run had, and its steps that
    called a tool become cases (the first 20), so that you start green.
    """
    from runback_gate.app.samples import IGNORED, sample_run  # noqa: PLC0415  schema and completion do without
    from runback_gate.app.start import left_out, start_files  # noqa: PLC0415

    runs = (sample_run(),) if source is None else find_runs(source, note=terminal.note)
    runs = tuple(run for run in runs if agent in (None, run.agent))
    prompt = None if source is None else _prompt(root, runs)
    files = start_files(runs, sample=source is None, prompt=prompt)
    targets = {below(root, name): data for name, data in files.items()}
    if not force and (there := next((path for path in targets if path.exists()), None)):
        hint = "--force replaces it; nothing was written"
        raise InputError("is there already", hint=hint, location=Location(there.as_posix()))
    ignored = below(root, ".gitignore")
    if not ignored.exists():
        targets = {ignored: IGNORED.encode(), **targets}
    for path, data in targets.items():
        write_file(path, data)
        click.echo(f"wrote {safe_terminal(path.as_posix())}")
    if b".runback" not in read_file(ignored, 1 << 20):
        click.echo("note: .gitignore is yours; runs/ holds raw conversations, .runback/ is made anew by each run")
    if source is not None:
        for said in _about_prompt(prompt):
            click.echo(safe_terminal(f"note: {said}"))
        if missed := left_out(runs, prompt):
            click.echo(f"note: {many(missed, 'step')} with another model, other tools or another prompt can be no case")
    place = "" if root == Path() else f" --root {shlex.quote(root.as_posix())}"
    click.echo(safe_terminal(f"next: runback-gate run{place}"))
    return 0


def _prompt(root: Path, runs: Sequence[Run]) -> Prompt | None:
    from runback_gate.app.prompts import find_prompt  # noqa: PLC0415  it loads Jinja2
    from runback_gate.capture.outside import redact_key  # noqa: PLC0415

    return find_prompt(root, runs, redact_key())


def _about_prompt(prompt: Prompt | None) -> Iterator[str]:
    """What of the prompt is judged: the text that the application loads, or a copy."""
    if prompt is None:
        return
    if prompt.file:
        how = "gives" if prompt.template else "holds"
        yield f"the prompt is read from {prompt.place}, which {how} what was recorded"
        if prompt.others:
            yield f"so does {', '.join(prompt.others)}; name in the agent file the one that your application loads"
        return
    if prompt.template:
        yield "the prompt varies: a template was written, whose places have what varied"
    yield "no file of the repository holds the prompt as it was recorded: the gate judges a copy, which was written"
    yield "a change of the prompt that your application loads goes unseen until the agent file names that file"


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
