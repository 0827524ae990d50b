"""`archive`: run files packed into Parquet, in a folder or an object store."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from runback_gate.app import archive as app
from runback_gate.app.erase import Selection, parse_reason
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import JSON, argument, option, options, value_of
from runback_gate.cli.terminal import now
from runback_gate.frozen import dataclass
from runback_gate.store.archive.duck import Wanted
from runback_gate.store.archive.rows import parse_partition
from runback_gate.store.folder import run_path

DEST: Any = argument("DEST")


class _Archive(Commands):
    """What is no command names runs to add: `archive runs --to DEST` is `archive add runs --to DEST`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["add", *args]
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class WantedFlags:
    """Which runs to list."""

    agent: str | None = option("--agent NAME", "Only runs of this agent.")
    status: str | None = option("--status", "Only runs that ended so.", type=click.Choice(("ok", "error")))
    since: str | None = option("--since TIME", "Only runs from this day or time on.")
    until: str | None = option("--until TIME", "Only runs before this day or time.")
    tool: str | None = option("--tool NAME", "Only runs that called this tool.")


@click.group(cls=_Archive)
def archive() -> None:
    """Pack runs into Parquet; verify, list, restore and erase from them (extra `archive`).

    DEST is a folder, or a URI such as s3://BUCKET/FOLDER. `archive RUNS… --to DEST` is short for `archive add`.
    """


@archive.command(short_help="Add runs to an archive.")
def add(
    runs: tuple[str, ...] = argument("RUNS…", required=True),
    dest: str = option("--to DEST", "Folder or URI of the archive; made if need be."),
    by: tuple[str, ...] = option(
        "--partition day,agent",
        "Sort parts into folders by day, agent or both.",
        default="",
        multiple=False,
        parse=parse_partition,
    ),
    as_json: bool = JSON,
) -> int:
    """Add RUNS, files or folders of run files, to an archive, byte for byte.

    A run that is there already with the same bytes is passed over. A run without an end is left out.

    Exit codes: 0 added, or nothing to add; 2 nothing was added.
    """
    found = app.pack_runs(runs, dest, by=by, at=now(), note=terminal.note)
    return terminal.show(found, as_json=as_json, to_json=app.packed_json, lines=app.packed_lines)


@archive.command(short_help="Check every byte of an archive, and locate any change.")
def verify(dest: str = DEST, as_json: bool = JSON) -> int:
    """Check every manifest, part and run of an archive, and show where it was changed if it was.

    Exit codes: 0 valid, 1 invalid, 2 no archive, or it could not be read.
    """
    found = app.verify_archive(dest)
    code = 1 if found.faults else 0
    return terminal.show(found, as_json=as_json, to_json=app.checked_json, lines=app.checked_lines, code=code)


@archive.command(short_help="Write a run as it was packed.")
def restore(
    dest: str = DEST,
    run: str = argument(),
    out: Path | None = option("--out FILE", "File to write (default: runs/RUN.jsonl)."),
    as_json: bool = JSON,
) -> int:
    """Write RUN, named by its id, as it was packed, byte for byte. A file that is there is not replaced.

    Exit codes: 0 restored, 2 nothing was written.
    """
    if out is None and ("/" in run or "\\" in run or run.startswith(".")):
        raise click.UsageError("the id of this run cannot be a file name: name a file with --out")
    found = app.restore_run(dest, run, out or run_path(run))
    return terminal.show(found, as_json=as_json, to_json=asdict, lines=app.restored_lines)


@archive.command("list", short_help="List the runs of an archive.")
def list_(dest: str = DEST, wanted: WantedFlags = options(WantedFlags), as_json: bool = JSON) -> int:
    """List the runs of an archive, by time. A list believes what `archive verify` checks."""
    found = app.list_archive(dest, value_of(Wanted, wanted))
    return terminal.show(found, as_json=as_json, to_json=app.listed_json, lines=app.listed_lines)


@archive.command(short_help="Erase values from an archive.")
def erase(
    dest: str = DEST,
    values: tuple[str, ...] = argument("VALUE…"),
    pattern: str | None = option("--match PATTERN", "Also erase every value that matches this pattern."),
    reason: str = option("--reason TEXT", "Reason, written into the tombstone.", parse=parse_reason),
    dry_run: bool = option("--dry-run", "Print what would be erased; change nothing."),
    as_json: bool = JSON,
) -> int:
    """Replace values of archived runs with tombstones that hold the time and the reason.

    VALUE is an id (sha256:…) or a pseudonym (<email:…>). Parts that held it are written anew, and the old ones removed.

    Exit codes: 0 erased (or would be), 2 nothing was changed, or an old version could not be removed.
    """
    if not values and pattern is None:
        raise click.UsageError("no value was named, and no --match was given")
    at = now()
    found = app.erase_archived(dest, Selection(values, pattern), at=at, reason=reason, dry_run=dry_run)
    to_json = partial(app.rewritten_json, at=at, reason=reason, dry_run=dry_run)
    lines = partial(app.rewritten_lines, dry_run=dry_run)
    return terminal.show(found, as_json=as_json, to_json=to_json, lines=lines)
