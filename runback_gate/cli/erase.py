"""`audit erase`: values of a run or a record that must go."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from runback_gate.app.records import check_whole
from runback_gate.audit.erase import Erasable, erased, parse_selector, select
from runback_gate.chain import MAX_REASON
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON
from runback_gate.cli.records import now
from runback_gate.documents.named_files import read_lines, write_lines
from runback_gate.errors import InputError, Location
from runback_gate.plural import many

SHOWN = 5
"""Events that are listed for one value."""


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
    lines = partial(read_lines, file)
    check_whole(file)
    found = select(lines, [parse_selector(text) for text in values], pattern=pattern)
    held = [item for item in found if item.state == "held"]
    if not found:
        raise InputError("no value matches", hint="nothing was erased", location=Location(file.as_posix()))
    at = now()
    if held and not dry_run:
        write_lines(file, erased(lines, held, at=at, reason=reason))
    if as_json:
        rows = [{"id": item.id, "was": item.state, "run": item.run, "named": item.used} for item in found]
        terminal.print_json({"erased": len(held), "at": at, "reason": reason, "dryRun": dry_run, "values": rows})
        return 0
    terminal.say_lines(terminal.row_lines(map(_row, found)))
    click.echo(f"{many(len(held), 'value')} {'would be erased' if dry_run else 'erased'}")
    return 0


def _row(value: Erasable) -> tuple[str, str]:
    names = value.used
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    shared = f" (all {len(names):,} lose it)" if len(names) > 1 else ""
    before = " was erased before;" if value.state == "erased" else ""
    return value.id[:19], f"{before}named by {', '.join(names[:SHOWN]) or 'no event'}{more}{shared}"
