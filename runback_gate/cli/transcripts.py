"""`import`: transcripts, logs and dumps of any known format become runs."""

from __future__ import annotations

import glob
import os
import secrets
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.app.import_runs import (
    MAX_NAME,
    OTLP,
    UNNAMED,
    Counts,
    ImportedFile,
    ImportOptions,
    counts,
    file_json,
    import_file,
    is_name,
    redaction,
)
from runback_gate.app.paths import slug
from runback_gate.app.policies import load_policy_files
from runback_gate.canonical import parse_json
from runback_gate.capture.formats import MAX_TRANSCRIPT_BYTES, formats
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.cli import terminal
from runback_gate.cli.policy_paths import policy_roots
from runback_gate.documents.named_files import STDIN, read_file, write_file
from runback_gate.errors import InputError
from runback_gate.gate.config import GATE_FILE
from runback_gate.plural import many
from runback_gate.redact import KEY_VARIABLE, LEVELS, Level
from runback_gate.report.text import safe_terminal
from runback_gate.step import tools_from_json
from runback_gate.store.folder import RUNS

if TYPE_CHECKING:
    from runback_gate.analysis.backtest import Backtest
    from runback_gate.policy.document import Policy

MAX_TOOLS_BYTES = 8 << 20
SHOWN = 3
"""Failures of each rule that `--check` lists."""
ALIAS = "transcript"
"""The first word of a command of version 1, which reads one file."""


@click.command("import", short_help="Turn transcripts into runs.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--agent", metavar="NAME", help="Name of the agent whose runs these are; else the one that a file names.")
@click.option(
    "--tools",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Its tools, as JSON in OpenAI function format; else those that the transcript names.",
)
@click.option("--model", metavar="PROVIDER/MODEL", help="Model to note in place of what the transcript says.")
@click.option("--format", "form", metavar="FORMAT", help="Format of the files; else it is found by their keys.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=RUNS,
    show_default=True,
    help="Folder for the runs.",
)
@click.option(
    "--redact",
    "level",
    type=click.Choice(LEVELS),
    default="standard",
    show_default=True,
    help="What becomes pseudonyms before anything is stored.",
)
@click.option("--check", multiple=True, metavar="FILE|FOLDER", help="Policies to judge what was imported by.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: files with what was read of them, and the runs.")
def import_(
    paths: tuple[str, ...],
    agent: str | None,
    tools: Path | None,
    model: str | None,
    form: str | None,
    out: Path,
    level: Level,
    check: tuple[str, ...],
    as_json: bool,
) -> int:
    """Read transcripts, logs and dumps: files, folders or patterns ('logs/*.json'); - is standard input.

    Each conversation becomes a run, each answer a step. The format is found by the keys of a file. What cannot be read
    is named, and the rest is written. `import transcript FILE` is the form of version 1.

    Exit codes: 0 everything was read, 2 something was not. With --check: 1 a step fails a policy, 2 also when a policy
    could not be evaluated or judged no step.
    """
    options = _options(agent, tools, model, form, level)
    if paths[0] == ALIAS and len(paths) == 2:
        if check:
            raise click.UsageError("--check goes with `import PATH…`, not with `import transcript`")
        return _one(Path(paths[1]), options, out, as_json=as_json)
    policies = load_policy_files(policy_roots(check), with_tests=False).policies if check else ()
    skipped: list[Path] = []
    found = [_import(file, options, out) for file in _files(paths, skipped)]
    runs = [(out / f"{run.id}.jsonl").as_posix() for item in found for run in item.runs]
    judged, code = _judged(policies, found)
    if as_json:
        others = [path.as_posix() for path in skipped]
        checked = {"check": judged.to_json()} if judged else {}
        terminal.print_json({"files": [file_json(item) for item in found], "runs": runs, "skipped": others, **checked})
    else:
        click.echo("\n".join(_table(found)))
        if skipped:
            click.echo(f"skipped   {many(len(skipped), 'file')} of a folder, no JSON")
        if judged:
            from runback_gate.report.backtest import backtest_lines  # noqa: PLC0415  loads the engine

            click.echo("\n".join(("", *backtest_lines(judged, SHOWN, "--json"))))
        else:
            _say_next(found, out, agent)
    return code or (2 if any(item.faults for item in found) else 0)


def _options(agent: str | None, tools: Path | None, model: str | None, form: str | None, level: Level) -> ImportOptions:
    """What the files do not say, checked."""
    for option, value in (("--agent", agent), ("--model", model)):
        if value is not None and not is_name(value):
            raise click.BadParameter(f"a printable name of at most {MAX_NAME} characters", param_hint=option)
    names = (*formats(), OTLP)
    if form is not None and form not in names:
        raise click.BadParameter(f"none of {', '.join(names)}", param_hint="--format")
    known = None
    if tools is not None:
        name = tools.as_posix()
        known = tools_from_json(parse_json(read_file(tools, MAX_TOOLS_BYTES), path=name), name)
    redact = redaction(level, os.environ.get(KEY_VARIABLE), secrets.token_bytes)
    return ImportOptions(agent, known, model, form, redact)


def _judged(policies: Sequence[Policy], found: Sequence[ImportedFile]) -> tuple[Backtest | None, int]:
    """What the policies say of the runs, each once, and the exit code that it means; 0 without a policy to ask."""
    if not policies:
        return None, 0
    from runback_gate.app.backtest import backtest_runs, exit_code  # noqa: PLC0415  loads the engine

    runs = {run.id: run for item in found for run in item.runs}
    judged = backtest_runs(policies, runs.values())
    return judged, exit_code(policies, judged)


def _files(paths: tuple[str, ...], skipped: list[Path]) -> Iterator[Path]:
    """The files of files, folders and patterns, each once; `skipped` gets what lies in a folder and is no JSON."""
    seen: dict[Path, None] = {}
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = (item for item in sorted(path.rglob("*")) if item.is_file())
            shown = (item for item in inside if not any(part.startswith(".") for part in item.relative_to(path).parts))
            found = [item for item in shown if _may_be_json(item, skipped)]
        elif path != STDIN and not path.exists() and glob.has_magic(name):
            root = Path(path.anchor)
            found = [item for item in sorted(root.glob(name.removeprefix(path.anchor))) if item.is_file()]
        else:
            found = [path]
        if not found and not skipped:
            raise InputError(f"{name}: no file is there")
        seen |= dict.fromkeys(found)
    yield from seen


def _may_be_json(file: Path, skipped: list[Path]) -> bool:
    """Whether a file that nobody named begins as JSON or as an archive does."""
    try:
        with file.open("rb") as opened:
            start = opened.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return True  # the import says why
    known = start[:1] in (b"{", b"[", b"") or start.startswith(b"PK\x03\x04")
    if not known:
        skipped.append(file)
    return known


def _import(file: Path, options: ImportOptions, out: Path) -> ImportedFile:
    """Read a file whole, then write its runs."""
    try:
        data = read_file(file, MAX_TRANSCRIPT_BYTES)
    except InputError as error:
        return ImportedFile(file.as_posix(), "", faults=(error,))
    imported = import_file(data, _name(file), options, secrets.token_bytes, _there(out))
    for name, lines in imported.files.items():
        write_file(out / name, lines)
    return imported


def _there(out: Path) -> Callable[[str], bytes | None]:
    return lambda name: read_file(out / name, MAX_RUN_BYTES) if (out / name).exists() else None


def _name(file: Path) -> str:
    """How errors and run ids name the file."""
    return "stdin" if file == STDIN else file.as_posix()


def _one(file: Path, options: ImportOptions, out: Path, *, as_json: bool) -> int:
    """`import transcript`: one file, read whole or not at all, and what version 1 said of it."""
    data = read_file(file, MAX_TRANSCRIPT_BYTES)
    imported = import_file(data, _name(file), options, secrets.token_bytes, _there(out))
    if imported.faults:
        for error in imported.faults[1:]:
            click.echo(safe_terminal(f"error: {error}"), err=True)
        raise imported.faults[0]
    for name, lines in imported.files.items():
        write_file(out / name, lines)
    agent = imported.runs[0].agent
    if as_json:
        rows = [{"run": run.id, "steps": len(run.steps), "labels": run.labels} for run in imported.runs]
        terminal.print_json({"runs": rows, "steps": imported.steps})
        return 0
    summary = f"{many(len(imported.runs), 'run')}, {many(imported.steps, 'step')}"
    kept = len(imported.runs) - len(imported.files)
    more = f" ({kept:,} there already, left as it was)" if kept else ""
    click.echo(safe_terminal(f"{summary} of {agent} in {out.as_posix()}/{more}"))
    _say_next([imported], out, agent)
    return 0


def _table(found: list[ImportedFile]) -> Iterator[str]:
    """What was read by format, what was refused, what was ignored."""
    by_format: dict[str, list[ImportedFile]] = {}
    for item in found:
        if item.runs:
            by_format.setdefault(item.format, []).append(item)
    rows = [
        (name, many(len(items), "file"), sum(map(counts, items), Counts()))
        for name, items in sorted(by_format.items(), key=lambda pair: -len(pair[1]))
    ]
    cells = [
        (
            safe_terminal(name),
            files,
            *(many(getattr(total, noun + "s"), noun) for noun in ("run", "step", "call", "result", "error")),
        )
        for name, files, total in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for cell in cells:
        yield "  ".join(f"{text:{width}}" for text, width in zip(cell, widths, strict=True)).rstrip()
    for item in found:
        for error in item.faults:
            yield f"refused   {safe_terminal(str(error))}"
    ignored = sum((Counter(item.ignored) for item in found), Counter[str]())
    if ignored:
        shown = [f"{safe_terminal(name)} ×{number:,}" for name, number in ignored.most_common(8)]
        more = f" · {len(ignored) - 8:,} more" if len(ignored) > 8 else ""
        yield f"ignored   {' · '.join(shown)}{more}"
    redacted: Counter[str] = Counter()
    for run in (run for item in found for run in item.runs):
        redacted.update(run.redaction.get("counts", {}))
    if redacted:
        level = next(run.redaction["level"] for item in found for run in item.runs if "counts" in run.redaction)
        yield f"redacted  {' · '.join(f'{number:,} {rule}' for rule, number in redacted.most_common())}   ({level})"


def _say_next(found: list[ImportedFile], out: Path, agent: str | None) -> None:
    runs = [run for item in found for run in item.runs]
    kept = len(runs) - sum(len(item.files) for item in found)
    if len(found) > 1 or agent is None:
        more = f" ({kept:,} there already, left as it was)" if kept else ""
        click.echo(safe_terminal(f"{many(len(runs), 'run')} in {out.as_posix()}/{more}"))
    if any(run.agent == UNNAMED for run in runs) and agent is None:
        click.echo("note: no file names its agent, so it is called `agent`; --agent NAME names it")
    if runs:
        place = shlex.quote((out / f"{runs[0].id}.jsonl").as_posix())
        # A word that begins the file name, so that no agent name needs quotes here.
        add = f"dataset add {place} 0 --dataset datasets/{slug(runs[0].agent)}.yaml"
        click.echo(f"next: runback-gate {add if Path(GATE_FILE).exists() else f'init --from {place}'}")
