"""`cache list | stats | prune`: what the response cache holds, and what of it can go."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import time
from pathlib import Path

import click

from runback_gate.app.answers import CachedAnswer, PruneOptions, count_answers, list_answers, open_cache, prune_answers
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.errors import InputError
from runback_gate.plural import many
from runback_gate.replay.prune import DAY
from runback_gate.report.text import safe_terminal

FOLDER = Path(".runback/responses")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15})([KMG]?)")

CACHE = click.option(
    "--cache",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    metavar="FOLDER",
    help=f"The folder that `run --cache` names ({FOLDER}).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Commands)
def cache() -> None:
    """List, count and prune the cached answers of models."""


@cache.command("list", short_help="List the answers and what they said.")
@CACHE
@JSON
def list_(folder: Path, as_json: bool) -> int:
    """List the answers: when each was last used, its request and trial, the model, and what it said.

    Exit codes: 0 listed, also when the cache is empty; 2 there is no such folder.
    """
    found = list_answers(open_cache(folder, os.environ))
    if as_json:
        terminal.print_json([_row(item) for item in found])
        return 0
    for item in found:
        # Whatever a model wrote or named itself may not steer the terminal.
        said = [item.model or "-", item.answer or ""] if item.state == "ok" else [item.state]
        name = f"{item.file.request[:12]}.{item.trial}"
        click.echo("  ".join([_time(item.file.used)[:10], name, *map(safe_terminal, said)]))
    click.echo(many(len(found), "answer"))
    return 0


@cache.command(short_help="Count the answers, their requests, the bytes.")
@CACHE
@JSON
def stats(folder: Path, as_json: bool) -> int:
    """Count the answers, the requests that they answer, and the bytes.

    Exit codes: 0 counted; 2 there is no such folder.
    """
    found = count_answers(open_cache(folder, os.environ))
    oldest, newest = (None if time is None else _time(time) for time in (found.oldest, found.newest))
    if as_json:
        terminal.print_json({**dataclasses.asdict(found), "oldest": oldest, "newest": newest})
        return 0
    asked = many(found.requests, "request")
    click.echo(f"{many(found.answers, 'answer')} to {asked}, {_size(found.bytes)}")
    if oldest and newest:
        click.echo(f"last used between {oldest[:10]} and {newest[:10]}")
    return 0


@cache.command(short_help="Remove answers that nobody uses.")
@CACHE
@click.option("--unused", type=click.IntRange(min=0), metavar="DAYS", help="Remove what nobody used for so many days.")
@click.option("--max-size", metavar="SIZE", help="Then remove what was used longest ago until SIZE (200M, 1G) is kept.")
@click.option("--all", "everything", is_flag=True, help="Remove every answer.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def prune(folder: Path, unused: int | None, max_size: str | None, everything: bool, dry_run: bool) -> int:
    """Remove cached answers. What is removed has to be asked again, and may then be answered otherwise.

    Without a limit only goes what no answer needs: requests without one, and what an interrupted run left half-written.

    Exit codes: 0 removed, or nothing to remove; 2 there is no such folder, or a file cannot be removed.
    """
    if everything and (unused is not None or max_size is not None):
        raise click.UsageError("--all leaves nothing for --unused and --max-size", click.get_current_context())
    limit = 0 if everything else None if max_size is None else _bytes(max_size)
    options = PruneOptions(None if unused is None else unused * DAY, limit, dry_run)
    found = prune_answers(open_cache(folder, os.environ), options, time.time())
    answers, size = sum(item.trial is not None for item in found.gone), sum(item.size for item in found.gone)
    click.echo(f"{'would remove' if dry_run else 'removed'} {many(answers, 'answer')}, {_size(size)}")
    kept = many(len(found.kept), "file")
    click.echo(f"{'would keep' if dry_run else 'kept'} {kept}, {_size(sum(item.size for item in found.kept))}")
    return 0


def _row(item: CachedAnswer) -> dict[str, object]:
    return {
        "request": f"sha256:{item.file.request}",
        "trial": item.trial,
        "used": _time(item.file.used),
        "bytes": item.file.size,
        "state": item.state,
        "model": item.model,
        "answer": item.answer,
    }


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise InputError(f"--max-size {text[:40]!r}: not a size", hint="digits, then K, M or G: 200M")
    return int(found[1]) * _UNITS[found[2]]
