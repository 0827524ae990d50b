"""`scan`: secrets and personal data in files."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import cast

import click

from runback_gate.app.scan import read_rules, scan_json, scan_lines, scan_paths, scan_sarif, scanner
from runback_gate.capture.outside import project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import JSON, PATH, argument, option
from runback_gate.redact import KEY_VARIABLE, Level


@command(short_help="Find secrets and personal data in files.")
def scan(
    paths: tuple[Path, ...] = argument("PATH…", required=True),
    level: str | None = option(
        "--level",
        "strict also looks for IP addresses and telephone numbers (default: spec.redact, else standard).",
        type=click.Choice(("standard", "strict")),
    ),
    rules: Path | None = option("--rules FILE", "JSON file with a list of additional rules.", type=PATH),
    as_json: bool = JSON,
    sarif: bool = option("--sarif", "Print SARIF 2.1.0 for code scanning."),
) -> int:
    """Look for secrets and personal data in files and folders; hidden files in a folder are skipped.

    Values are never printed: a pseudonym stands for each, equal for equal values. With RUNBACK_REDACT_KEY, the
    pseudonyms are those of recorded runs. The rules and kept values of spec.redact in runback.yaml apply, plus those
    of --rules or, without it, of RUNBACK_REDACT_RULES.

    Exit codes: 0 nothing found, 1 something found, 2 a file could not be read.
    """
    project = project_redaction(read_rules(rules) if rules else None)
    using = scanner(cast("Level | None", level), os.environ.get(KEY_VARIABLE), secrets.token_bytes, project)
    scanned = scan_paths(paths, using)
    to_json = scan_sarif if sarif else scan_json
    terminal.show(scanned, as_json=as_json or sarif, to_json=to_json, lines=scan_lines)
    for _, error in () if as_json or sarif else scanned.faults:
        terminal.note(str(error))
    return scanned.exit_code
