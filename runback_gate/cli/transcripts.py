"""`import transcript`: chat transcripts of any source become runs."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path

import click

from runback_gate.app.paths import slug
from runback_gate.canonical import parse_json
from runback_gate.capture.runs import write_run
from runback_gate.capture.transcript import MAX_TRANSCRIPT_BYTES, read_transcripts
from runback_gate.cli import terminal
from runback_gate.cli.files import RUNS, STDIN, read_file, write_file
from runback_gate.cli.groups import Commands
from runback_gate.gate.config import GATE_FILE
from runback_gate.report.text import terminal as inert
from runback_gate.step import tools_from_json

MAX_TOOLS_BYTES = 8 << 20
MAX_NAME = 256


@click.group("import", cls=Commands)
def import_() -> None:
    """Turn transcripts into runs."""


@import_.command(short_help="Read chat-format transcripts, JSON or JSONL.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--agent", required=True, metavar="NAME", help="Name of the agent whose runs these are.")
@click.option(
    "--tools",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Its tools, as JSON in OpenAI function format; else those that the transcript names.",
)
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
    """Read a chat-format transcript FILE (JSON or JSONL; - is standard input).

    Each conversation becomes a run, each turn of the assistant a step.
    """
    for option, value in (("--agent", agent), ("--model", model)):
        if value is not None and not (value.strip() and value.isprintable() and len(value) <= MAX_NAME):
            raise click.BadParameter(f"a printable name of at most {MAX_NAME} characters", param_hint=option)
    known = None
    if tools is not None:
        name = tools.as_posix()
        known = tools_from_json(parse_json(read_file(tools, MAX_TOOLS_BYTES), path=name), name)
    data = read_file(file, MAX_TRANSCRIPT_BYTES)
    runs = read_transcripts(data, path=_name(file, data), agent=agent, tools=known, model=model)
    for run in runs:
        write_file(out / f"{run.id}.jsonl", write_run(run, secrets.token_bytes))
    steps = sum(len(run.steps) for run in runs)
    if as_json:
        rows = [{"run": run.id, "steps": len(run.steps), "labels": run.labels} for run in runs]
        terminal.print_json({"runs": rows, "steps": steps})
        return 0
    counts = f"{terminal.many(len(runs), 'run')}, {terminal.many(steps, 'step')}"
    click.echo(inert(f"{counts} of {agent} in {out.as_posix()}/"))
    if first := next((run for run in runs if run.steps), None):
        place = shlex.quote((out / f"{first.id}.jsonl").as_posix())
        # A word that begins the file name, so that no agent name needs quotes here.
        more = f"dataset add {place} 0 --dataset datasets/{slug(agent)}.yaml"
        click.echo(f"next: runback-gate {more if Path(GATE_FILE).exists() else f'init --from {place}'}")
    return 0


def _name(file: Path, data: bytes) -> str:
    """How errors and run ids name the transcript; the ending says whether it is one JSON text or one a line."""
    if file != STDIN:
        return file.as_posix()
    first, _, rest = data.strip().partition(b"\n")
    closed = first[:1] + first.rstrip()[-1:] in (b"{}", b"[]")
    return "stdin.jsonl" if closed and rest else "stdin.json"
