"""`audit erase`: values of a run or a record that must go."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate.app.erase import Selection, erase_values, erasure_json, erasure_lines, parse_reason
from runback_gate.app.erase_everywhere import erase_everywhere, project_erasure_json, project_erasure_lines
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON, parsed
from runback_gate.cli.terminal import now


@click.command(short_help="Erase values from a run, a record or a project.")
@click.argument("file", type=click.Path(path_type=Path), metavar="RUN|RECORD|FOLDER")
@click.argument("values", nargs=-1, metavar="VALUE…")
@click.option(
    "--match", "pattern", metavar="PATTERN", help="Also erase every value that matches this regular expression."
)
@click.option(
    "--reason",
    required=True,
    metavar="TEXT",
    callback=parsed(parse_reason),
    help="Reason, which is written into the tombstone.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be erased; change nothing.")
@JSON
def erase(file: Path, values: tuple[str, ...], pattern: str | None, reason: str, dry_run: bool, as_json: bool) -> int:
    """Replace values with tombstones that hold the time and the reason.

    VALUE is an id (sha256:…, or at least its first eight digits) or a path such as 'step 3 request.messages[2]' or 'RUN
    event 0 labels'. A value is erased as a whole, in every event that refers to it. The file is replaced; copies
    elsewhere, and recordings made from the run, are not touched.

    In FOLDER, the folder of a gate, VALUE is a pseudonym (<email:…>). Everything under it is erased from runs/, from
    the recordings of datasets (their cases are updated) and from the cached answers.

    Exit codes: 0 erased (or would be), 2 nothing was changed.
    """
    if not values and pattern is None:
        raise click.UsageError("no value was named, and no --match was given")
    if file.is_dir():
        everywhere = erase_everywhere(file, values, pattern, at=now(), reason=reason, dry_run=dry_run)
        terminal.show(everywhere, as_json=as_json, to_json=project_erasure_json, lines=project_erasure_lines)
        return 0
    erasure = erase_values(file, Selection(values, pattern), at=now(), reason=reason, dry_run=dry_run)
    terminal.show(erasure, as_json=as_json, to_json=erasure_json, lines=erasure_lines)
    return 0
