"""`cache list | stats | prune`: what the response cache holds, and what of it can go."""

from __future__ import annotations

import datetime
import os
import re
import time
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.replay.cache import ResponseCache, Stored, seal_key
from runback_gate.replay.prune import DAY, to_remove
from runback_gate.report.text import terminal as inert
from runback_gate.summary import summarize

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
    store = _open(folder)
    rows = [_row(store, item) for item in store.stored() if item.trial is not None]
    if as_json:
        terminal.print_json(rows)
        return 0
    for row in rows:
        # Whatever a model wrote or named itself may not steer the terminal.
        said = [row["state"]] if row["state"] != "ok" else [row["model"] or "-", row["answer"]]
        words = [
            str(row["used"])[:10],
            f"{str(row['request'])[7:19]}.{row['trial']}",
            *(inert(str(word)) for word in said),
        ]
        click.echo("  ".join(words))
    click.echo(terminal.many(len(rows), "answer"))
    return 0


@cache.command(short_help="Count the answers, their requests, the bytes.")
@CACHE
@JSON
def stats(folder: Path, as_json: bool) -> int:
    """Count the answers, the requests that they answer, and the bytes.

    Exit codes: 0 counted; 2 there is no such folder.
    """
    stored = list(_open(folder).stored())
    answers = [item for item in stored if item.trial is not None]
    found = {
        "answers": len(answers),
        "requests": len({item.request for item in answers}),
        "bytes": sum(item.size for item in stored),
        "oldest": _time(min(item.used for item in answers)) if answers else None,
        "newest": _time(max(item.used for item in answers)) if answers else None,
    }
    if as_json:
        terminal.print_json(found)
        return 0
    asked = terminal.many(int(found["requests"] or 0), "request")
    click.echo(f"{terminal.many(len(answers), 'answer')} to {asked}, {_size(sum(item.size for item in stored))}")
    if answers:
        click.echo(f"last used between {str(found['oldest'])[:10]} and {str(found['newest'])[:10]}")
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
    store = _open(folder)
    limit = 0 if everything else None if max_size is None else _bytes(max_size)
    age = None if unused is None else unused * DAY
    stored = list(store.stored())
    gone = to_remove(stored, time.time(), unused=age, max_bytes=limit)
    for item in () if dry_run else gone:
        store.remove(item)
    answers, size = sum(item.trial is not None for item in gone), sum(item.size for item in gone)
    click.echo(f"{'would remove' if dry_run else 'removed'} {terminal.many(answers, 'answer')}, {_size(size)}")
    left = len(stored) - len(gone), sum(item.size for item in stored) - size
    click.echo(f"{'would keep' if dry_run else 'kept'} {terminal.many(left[0], 'file')}, {_size(left[1])}")
    return 0


def _open(folder: Path) -> ResponseCache:
    if not folder.is_dir():
        hint = "`runback-gate run --live --cache FOLDER` makes one"
        raise InputError("no such folder", hint=hint, location=Location(folder.as_posix()))
    return ResponseCache(folder, seal_key(os.environ))


def _row(store: ResponseCache, item: Stored) -> dict[str, object]:
    trial = item.trial or 0
    row: dict[str, object] = {
        "request": f"sha256:{item.request}",
        "trial": trial,
        "used": _time(item.used),
        "bytes": item.size,
        "state": "ok",
        "model": None,
        "answer": None,
    }
    try:
        found = store.get(f"sha256:{item.request}", trial)
    except IntegrityError:
        return {**row, "state": "cut or changed"}
    if found is None:
        return {**row, "state": "not sealed with this key"}
    asked = store.request(f"sha256:{item.request}")
    return {**row, "model": asked.model if asked else found[0].model, "answer": summarize(found[0])}


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise InputError(f"--max-size {text[:40]!r}: not a size", hint="digits, then K, M or G: 200M")
    return int(found[1]) * _UNITS[found[2]]
