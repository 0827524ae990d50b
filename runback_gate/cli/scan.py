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
from runback_gate.cli.options import path_option
from runback_gate.redact import KEY_VARIABLE, Level


@click.command(short_help="Find secrets and personal data in files.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(("standard", "strict")),
    help="strict also looks for IP addresses and telephone numbers (default: spec.redact, else standard).",
)
@path_option("--rules", "JSON file with a list of additional rules.", metavar="FILE")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--sarif", "form", flag_value="sarif", help="Print SARIF 2.1.0 for code scanning.")
def scan(paths: tuple[Path, ...], level: str | None, rules: Path | None, form: str | None) -> int:
    """Look for secrets and personal data in files and folders; hidden files in a folder are skipped.

    Values are never printed: a pseudonym stands for each, equal for equal values. With RUNBACK_REDACT_KEY, the
    pseudonyms are those of recorded runs. The rules and kept values of spec.redact in runback.yaml apply, plus those
    of --rules or, without it, of RUNBACK_REDACT_RULES.

    Exit codes: 0 nothing found, 1 something found, 2 a file could not be read.
    """
    project = project_redaction(read_rules(rules) if rules else None)
    using = scanner(cast("Level | None", level), os.environ.get(KEY_VARIABLE), secrets.token_bytes, project)
    scanned = scan_paths(paths, using)
    if form == "sarif":
        terminal.print_json(scan_sarif(scanned))
    else:
        terminal.show(scanned, as_json=form == "json", to_json=scan_json, lines=scan_lines)
    if form is None:
        for _, error in scanned.faults:
            terminal.note(str(error))
    return scanned.exit_code
