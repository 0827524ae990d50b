"""`import`: transcripts, logs and dumps of any known format become runs."""

from __future__ import annotations

import os
import secrets
from functools import partial
from pathlib import Path

import click

from runback_gate.app.import_files import read_tools
from runback_gate.app.import_runs import ImportOptions, parse_format, redaction
from runback_gate.app.imported import (
    import_named,
    import_transcript,
    imported_json,
    imported_lines,
    transcript_json,
    transcript_lines,
)
from runback_gate.app.redaction_only import has_gate
from runback_gate.capture.outside import project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.named import policy_files
from runback_gate.cli.options import JSON, PATH, argument, option, options, value_of
from runback_gate.cli.recording import REDACT, RUNS_FOLDER, name
from runback_gate.frozen import dataclass
from runback_gate.redact import KEY_VARIABLE, Level

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
    format: str | None = option("--format FORMAT", "Format of the files (default: detected).", parse=parse_format)


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
    tools = None if flags.tools is None else read_tools(flags.tools)
    redactor = redaction(redact, os.environ.get(KEY_VARIABLE), secrets.token_bytes, project_redaction())
    given = value_of(ImportOptions, flags, tools=tools, redaction=redactor)
    if paths[0] == ALIAS and len(paths) == 2:
        if check:
            raise click.UsageError("--check works with `import PATH…`, not with `import transcript`")
        file, warn = Path(paths[1]), partial(terminal.say, err=True)
        imported = import_transcript(file, out, given, secrets.token_bytes, warn=warn)
        lines = partial(transcript_lines, out=out, gate=has_gate())
        return terminal.show(imported, as_json=as_json, to_json=transcript_json, lines=lines)
    policies = policy_files(check, with_tests=False).policies if check else ()
    found = import_named(paths, out, given, policies, secrets.token_bytes)
    rows = partial(imported_lines, agent=flags.agent, gate=has_gate())
    return terminal.show(found, as_json=as_json, to_json=imported_json, lines=rows, code=found.exit_code)
