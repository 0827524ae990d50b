"""`audit erase`: values of a run or a record that must go."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate.app.erase import Selection, erase_values, erasure_json, erasure_lines
from runback_gate.chain import MAX_REASON
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON
from runback_gate.cli.records import now


@click.command(short_help="Erase values of a run or a record; chain and signature hold.")
@click.argument("file", type=click.Path(path_type=Path), metavar="RUN|RECORD")
@click.argument("values", nargs=-1, metavar="VALUE…")
@click.option("--match", "pattern", metavar="PATTERN", help="Every value that this regular expression finds, too.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the tombstone.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and write nothing.")
@JSON
def erase(file: Path, values: tuple[str, ...], pattern: str | None, reason: str, dry_run: bool, as_json: bool) -> int:
    """Put a tombstone with time and reason in the place of values.

    VALUE is an id (sha256:…, or its first eight digits or more), or a path such as 'step 3 request.messages[2]' or
    'RUN event 0 labels'. A value is erased as a whole, and for every event that names it. The file is replaced;
    copies of it elsewhere, and recordings made of the run, are not touched.

    Exit codes: 0 erased (or would be), 2 nothing was changed.
    """
    if not values and pattern is None:
        raise click.UsageError("no value was named, and no --match was given")
    if not (reason.strip() and reason.isprintable() and len(reason) <= MAX_REASON):
        message = f"one printable line of at most {MAX_REASON} characters"
        raise click.BadParameter(message, param_hint="--reason")
    erasure = erase_values(file, Selection(values, pattern), at=now(), reason=reason, dry_run=dry_run)
    terminal.show(erasure, as_json=as_json, to_json=erasure_json, lines=erasure_lines)
    return 0
