"""`import`: transcripts, logs and dumps of any known format become runs."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from runback_gate.app.import_files import import_paths, read_tools
from runback_gate.app.import_runs import OTLP, ImportOptions, redaction
from runback_gate.app.imported import (
    import_named,
    imported_json,
    imported_lines,
    transcript_json,
    transcript_lines,
)
from runback_gate.app.redaction_only import has_gate
from runback_gate.capture.formats import formats
from runback_gate.capture.outside import project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.named import policy_files
from runback_gate.cli.options import JSON, PATH, argument, option, options
from runback_gate.cli.recording import REDACT, RUNS_FOLDER, name
from runback_gate.redact import KEY_VARIABLE, Level
from runback_gate.report.text import line

ALIAS = "transcript"
"""The first word of a command of version 1, which reads one file."""


@dataclass(frozen=True, slots=True)
class ImportFlags:
    """What the files do not say."""

    agent: str | None = option(
        "--agent NAME", "Agent the runs belong to (default: the one named in the file).", parse=name
    )
    tools: Path | None = option(
        "--tools FILE",
        "The agent's tools, as JSON in OpenAI function format (default: those in the transcript).",
        type=PATH,
    )
    model: str | None = option(
        "--model PROVIDER/MODEL", "Model to record instead of the one in the transcript.", parse=name
    )
    provider: str | None = option(
        "--provider NAME",
        "Provider of models named without one (default: inferred from the model name and API).",
        parse=name,
    )
    format: str | None = option("--format FORMAT", "Format of the files (default: detected).")


@command("import", short_help="Import transcripts, logs and traces as runs.")
def import_(
    paths: tuple[str, ...] = argument("PATH...", required=True),
    flags: ImportFlags = options(ImportFlags),
    out: Path = RUNS_FOLDER,
    redact: Level | None = REDACT,
    check: tuple[str, ...] = option("--check FILE|FOLDER", "Policies to judge the imported steps against."),
    as_json: bool = JSON,
) -> int:
    """Import transcripts, logs and dumps: files, folders or patterns ('logs/*.json'); - is standard input.

    Each conversation becomes a run, each answer a step. The format is detected from the keys of a file. Files that
    cannot be read are named, and the rest are imported. `import transcript FILE` is the form of version 1.

    Exit codes: 0 everything was read, 2 something was not. With --check: 1 a step fails a policy, 2 also when a policy
    could not be evaluated or judged no step.
    """
    given = _options(flags, redact)
    if paths[0] == ALIAS and len(paths) == 2:
        if check:
            raise click.UsageError("--check goes with `import PATH…`, not with `import transcript`")
        return _one(Path(paths[1]), given, out, as_json=as_json)
    policies = policy_files(check, with_tests=False).policies if check else ()
    found = import_named(paths, out, given, policies, secrets.token_bytes)
    lines = partial(imported_lines, agent=flags.agent, gate=has_gate())
    return terminal.show(found, as_json=as_json, to_json=imported_json, lines=lines, code=found.exit_code)


def _options(flags: ImportFlags, level: Level | None) -> ImportOptions:
    names = (*formats(), OTLP)
    if flags.format is not None and flags.format not in names:
        raise click.BadParameter(f"none of {', '.join(names)}", param_hint="--format")
    tools = None if flags.tools is None else read_tools(flags.tools)
    redactor = redaction(level, os.environ.get(KEY_VARIABLE), secrets.token_bytes, project_redaction())
    return ImportOptions(flags.agent, tools, flags.model, flags.format, redactor, flags.provider)


def _one(file: Path, options: ImportOptions, out: Path, *, as_json: bool) -> int:
    """`import transcript`: one file, read whole or not at all, and what version 1 said of it."""
    (imported,) = import_paths([file], out, options, secrets.token_bytes, whole=True)
    if imported.faults:
        for error in imported.faults[1:]:
            terminal.say(f"error: {line(str(error))}", err=True)
        raise imported.faults[0]
    lines = partial(transcript_lines, out=out, gate=has_gate())
    return terminal.show(imported, as_json=as_json, to_json=transcript_json, lines=lines)
