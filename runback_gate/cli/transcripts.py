"""`import transcript`: chat transcripts of any source become runs."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path

import click

from runback_gate.app.import_runs import MAX_NAME, ImportOptions, import_transcript, is_name
from runback_gate.app.paths import slug
from runback_gate.canonical import parse_json
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.capture.transcript import MAX_TRANSCRIPT_BYTES
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.documents.named_files import STDIN, read_file, write_file
from runback_gate.gate.config import GATE_FILE
from runback_gate.plural import many
from runback_gate.report.text import terminal as inert
from runback_gate.step import tools_from_json
from runback_gate.store.folder import RUNS

MAX_TOOLS_BYTES = 8 << 20


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
        if value is not None and not is_name(value):
            raise click.BadParameter(f"a printable name of at most {MAX_NAME} characters", param_hint=option)
    known = None
    if tools is not None:
        name = tools.as_posix()
        known = tools_from_json(parse_json(read_file(tools, MAX_TOOLS_BYTES), path=name), name)
    data = read_file(file, MAX_TRANSCRIPT_BYTES)

    def there(name: str) -> bytes | None:
        return read_file(out / name, MAX_RUN_BYTES) if (out / name).exists() else None

    found = import_transcript(data, _name(file, data), ImportOptions(agent, known, model), secrets.token_bytes, there)
    for name, lines in found.files.items():
        write_file(out / name, lines)
    if as_json:
        rows = [{"run": run.id, "steps": len(run.steps), "labels": run.labels} for run in found.runs]
        terminal.print_json({"runs": rows, "steps": found.steps})
        return 0
    counts = f"{many(len(found.runs), 'run')}, {many(found.steps, 'step')}"
    kept = len(found.runs) - len(found.files)
    more = f" ({kept:,} there already, left as it was)" if kept else ""
    click.echo(inert(f"{counts} of {agent} in {out.as_posix()}/{more}"))
    if first := next((run for run in found.runs if run.steps), None):
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
