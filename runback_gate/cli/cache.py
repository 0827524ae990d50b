"""`cache list | stats | prune`: shows the contents of the response cache, and removes from it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click

from runback_gate.app import answers as app
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import COUNT, JSON, option
from runback_gate.replay.prune import DAY

DEFAULT = Path(".runback/responses")
FOLDER: Any = option("--cache FOLDER", f"The folder that `run --cache` names ({DEFAULT}).", default=DEFAULT)


@click.group(cls=Commands)
def cache() -> None:
    """List, count and prune the cached answers of models."""


@cache.command("list", short_help="List cached answers.")
def list_(folder: Path = FOLDER, as_json: bool = JSON) -> int:
    """List cached answers: last use, request and trial, model, and what the model said.

    Exit codes: 0 listed, also when the cache is empty; 2 there is no such folder.
    """
    found = app.list_answers(app.open_cache(folder, os.environ))
    return terminal.show(found, as_json=as_json, to_json=app.list_json, lines=app.list_lines)


@cache.command(short_help="Count answers, requests and bytes.")
def stats(folder: Path = FOLDER, as_json: bool = JSON) -> int:
    """Count the cached answers, the requests they answer, and their bytes.

    Exit codes: 0 counted, 2 there is no such folder.
    """
    found = app.count_answers(app.open_cache(folder, os.environ))
    return terminal.show(found, as_json=as_json, to_json=app.counts_json, lines=app.counts_lines)


@cache.command(short_help="Remove unused answers.")
def prune(
    folder: Path = FOLDER,
    unused: int | None = option("--unused DAYS", "Remove answers not used for DAYS.", type=COUNT),
    max_size: int | None = option(
        "--max-size SIZE",
        "Then remove the least recently used answers until at most SIZE (200M, 1G) remains.",
        parse=app.parse_size,
    ),
    everything: bool = option("--all", "Remove every answer."),
    dry_run: bool = option("--dry-run", "Print what would be removed; change nothing."),
) -> int:
    """Remove cached answers. A removed answer has to be asked for again, and the model may then answer differently.

    Without a limit, only leftovers are removed: requests that have no answer, and files that an interrupted run left
    half-written.

    Exit codes: 0 removed, or nothing to remove; 2 there is no such folder, or a file cannot be removed.
    """
    if everything and (unused is not None or max_size is not None):
        raise click.UsageError("--all leaves nothing for --unused and --max-size")
    limit = 0 if everything else max_size
    wanted = app.PruneOptions(None if unused is None else unused * DAY, limit, dry_run)
    terminal.say_lines(app.pruned_lines(app.prune_answers(app.open_cache(folder, os.environ), wanted, time.time())))
    return 0
