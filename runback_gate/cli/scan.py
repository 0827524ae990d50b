"""`scan`: secrets and personal data in files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, cast

import click

from runback_gate.app.scan import message, redactor, scan_files, scan_json, scan_sarif
from runback_gate.canonical import parse_json
from runback_gate.cli import terminal
from runback_gate.documents.folders import files_below
from runback_gate.documents.named_files import read_file
from runback_gate.plural import many
from runback_gate.redact import KEY_VARIABLE, Level, Rule, parse_rules
from runback_gate.report.text import line as one_line

MAX_FILE: Final = 256 << 20
"""Bytes of the largest file that is looked through."""
MAX_RULES: Final = 1 << 20


@click.command(short_help="Say whether files hold secrets or personal data.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(("standard", "strict")),
    default="standard",
    show_default=True,
    help="strict looks for IP addresses and telephone numbers as well.",
)
@click.option("--rules", type=click.Path(path_type=Path), metavar="FILE", help="JSON list of rules of your own.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--sarif", "form", flag_value="sarif", help="Print SARIF 2.1.0, for code scanning.")
def scan(paths: tuple[Path, ...], level: str, rules: Path | None, form: str | None) -> int:
    """Look for secrets and personal data in files and folders; hidden files of a folder are left out.

    Values are never printed: a pseudonym stands for each, equal for equal values. With RUNBACK_REDACT_KEY they are
    those of recorded runs.

    Exit codes: 0 nothing found, 1 something found, 2 a file could not be read.
    """
    custom = _rules(rules) if rules else ()
    found = redactor(cast("Level", level), key=os.environ.get(KEY_VARIABLE), chance=secrets.token_bytes, custom=custom)
    scanned = scan_files(_files(paths), found)
    if form == "json":
        terminal.print_json(scan_json(scanned))
    elif form == "sarif":
        terminal.print_json(scan_sarif(scanned))
    else:
        for item in scanned.found:
            click.echo(one_line(f"{item.location}: {message(item)}"))
        for _, error in scanned.faults:
            terminal.note(str(error))
        click.echo(f"{many(len(scanned.found), 'finding')} in {many(scanned.files, 'file')}, level {scanned.level}")
    return scanned.exit_code


def _rules(path: Path) -> tuple[Rule, ...]:
    return parse_rules(parse_json(read_file(path, MAX_RULES), path=path.as_posix()), path=path.as_posix())


def _files(paths: tuple[Path, ...]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each file by name, with what reads it; a folder gives the files below it, in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from ((item.as_posix(), partial(read_file, item, MAX_FILE)) for item in files_below(path))
        else:
            yield path.as_posix(), partial(read_file, path, MAX_FILE)
