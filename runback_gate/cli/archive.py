"""`archive`: run files packed into Parquet, in a folder or an object store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from runback_gate.app.archive import (
    checked_json,
    checked_lines,
    erase_archived,
    list_archive,
    listed_json,
    listed_lines,
    pack_runs,
    packed_json,
    packed_lines,
    restore_run,
    restored_lines,
    rewritten_json,
    rewritten_lines,
    verify_archive,
)
from runback_gate.app.erase import Selection, parse_reason
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import FILE, JSON, option, options, parsed, value_of
from runback_gate.cli.terminal import now
from runback_gate.store.archive.duck import Wanted
from runback_gate.store.archive.rows import parse_partition
from runback_gate.store.folder import run_path

DEST = click.argument("dest", metavar="DEST")


class _Archive(Commands):
    """What is no command names runs to add: `archive runs --to DEST` is `archive add runs --to DEST`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["add", *args]
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class WantedFlags:
    """Which runs to list."""

    agent: str | None = option("--agent", "Only runs of this agent.", metavar="NAME")
    status: str | None = option("--status", "Only runs that ended so.", type=click.Choice(("ok", "error")))
    since: str | None = option("--since", "Only runs from this day or time on.", metavar="TIME")
    until: str | None = option("--until", "Only runs before this day or time.", metavar="TIME")
    tool: str | None = option("--tool", "Only runs that called this tool.", metavar="NAME")


@click.group(cls=_Archive)
def archive() -> None:
    """Pack runs into Parquet; verify, list, restore and erase from them (extra `archive`).

    DEST is a folder, or a URI such as s3://BUCKET/FOLDER. `archive RUNS… --to DEST` is short for `archive add`.
    """


@archive.command(short_help="Add runs to an archive.")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS…")
@click.option("--to", "dest", required=True, metavar="DEST", help="Folder or URI of the archive; made if need be.")
@click.option(
    "--partition",
    "by",
    default="",
    metavar="day,agent",
    callback=parsed(parse_partition),
    help="Sort parts into folders by day, agent or both.",
)
@JSON
def add(runs: tuple[str, ...], dest: str, by: tuple[str, ...], as_json: bool) -> int:
    """Add RUNS, files or folders of run files, to an archive, byte for byte.

    A run that is there already with the same bytes is passed over. A run without an end is left out.

    Exit codes: 0 added, or nothing to add; 2 nothing was added.
    """
    found = pack_runs(runs, dest, by=by, at=now(), note=terminal.note)
    terminal.show(found, as_json=as_json, to_json=packed_json, lines=packed_lines)
    return 0


@archive.command(short_help="Check every byte of an archive, and locate any change.")
@DEST
@JSON
def verify(dest: str, as_json: bool) -> int:
    """Check every manifest, part and run of an archive, and show where it was changed if it was.

    Exit codes: 0 valid, 1 invalid, 2 no archive, or it could not be read.
    """
    found = verify_archive(dest)
    terminal.show(found, as_json=as_json, to_json=checked_json, lines=checked_lines)
    return 1 if found.faults else 0


@archive.command(short_help="Write a run as it was packed.")
@DEST
@click.argument("run")
@click.option("--out", type=FILE, metavar="FILE", help="File to write (default: runs/RUN.jsonl).")
@JSON
def restore(dest: str, run: str, out: Path | None, as_json: bool) -> int:
    """Write RUN, named by its id, as it was packed, byte for byte. A file that is there is not replaced.

    Exit codes: 0 restored, 2 nothing was written.
    """
    if out is None and ("/" in run or "\\" in run or run.startswith(".")):
        raise click.UsageError("the id of this run is no file name: name a file with --out")
    found = restore_run(dest, run, out or run_path(run))
    terminal.show(found, as_json=as_json, to_json=asdict, lines=restored_lines)
    return 0


@archive.command("list", short_help="List the runs of an archive.")
@DEST
@options(WantedFlags, "wanted")
@JSON
def list_(dest: str, wanted: WantedFlags, as_json: bool) -> int:
    """List the runs of an archive, by time. A list believes what `archive verify` checks."""
    found = list_archive(dest, value_of(Wanted, wanted))
    terminal.show(found, as_json=as_json, to_json=listed_json, lines=listed_lines)
    return 0


@archive.command(short_help="Erase values from an archive.")
@DEST
@click.argument("values", nargs=-1, metavar="VALUE…")
@click.option("--match", "pattern", metavar="PATTERN", help="Also erase every value that matches this pattern.")
@click.option(
    "--reason", required=True, metavar="TEXT", callback=parsed(parse_reason), help="Reason, written into the tombstone."
)
@click.option("--dry-run", is_flag=True, help="Print what would be erased; change nothing.")
@JSON
def erase(dest: str, values: tuple[str, ...], pattern: str | None, reason: str, dry_run: bool, as_json: bool) -> int:
    """Replace values of archived runs with tombstones that hold the time and the reason.

    VALUE is an id (sha256:…) or a pseudonym (<email:…>). Parts that held it are written anew, and the old ones removed.

    Exit codes: 0 erased (or would be), 2 nothing was changed.
    """
    if not values and pattern is None:
        raise click.UsageError("no value was named, and no --match was given")
    at = now()
    found = erase_archived(dest, Selection(values, pattern), at=at, reason=reason, dry_run=dry_run)
    to_json = partial(rewritten_json, at=at, reason=reason, dry_run=dry_run)
    terminal.show(found, as_json=as_json, to_json=to_json, lines=partial(rewritten_lines, dry_run=dry_run))
    return 0
