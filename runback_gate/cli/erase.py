"""`audit erase`: values of a run or a record that must go."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate.app.erase import Selection, erase_values, erasure_json, erasure_lines
from runback_gate.chain import MAX_REASON
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON
from runback_gate.cli.records import now


@click.command(short_help="Erase values from a run or record; chain and signature hold.")
@click.argument("file", type=click.Path(path_type=Path), metavar="RUN|RECORD")
@click.argument("values", nargs=-1, metavar="VALUE…")
@click.option(
    "--match", "pattern", metavar="PATTERN", help="Also erase every value that matches this regular expression."
)
@click.option("--reason", required=True, metavar="TEXT", help="Reason, which is written into the tombstone.")
@click.option("--dry-run", is_flag=True, help="Print what would be erased; change nothing.")
@JSON
def erase(file: Path, values: tuple[str, ...], pattern: str | None, reason: str, dry_run: bool, as_json: bool) -> int:
    """Replace values with tombstones that hold the time and the reason.

    VALUE is an id (sha256:…, or at least its first eight digits) or a path such as 'step 3 request.messages[2]' or 'RUN
    event 0 labels'. A value is erased as a whole, in every event that refers to it. The file is replaced; copies
    elsewhere, and recordings made from the run, are not touched.

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
