"""`cache list | stats | prune`: what the response cache holds, and what of it can go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from runback_gate.app.answers import (
    PruneOptions,
    count_answers,
    counts_json,
    counts_lines,
    list_answers,
    list_json,
    list_lines,
    open_cache,
    parse_size,
    prune_answers,
    pruned_lines,
)
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import JSON, folder_option, parsed
from runback_gate.replay.prune import DAY

FOLDER = Path(".runback/responses")
CACHE = folder_option("--cache", f"The folder that `run --cache` names ({FOLDER}).", "folder", default=FOLDER)


@click.group(cls=Commands)
def cache() -> None:
    """List, count and prune the cached answers of models."""


@cache.command("list", short_help="List cached answers.")
@CACHE
@JSON
def list_(folder: Path, as_json: bool) -> int:
    """List cached answers: last use, request and trial, model, and what the model said.

    Exit codes: 0 listed, also when the cache is empty; 2 there is no such folder.
    """
    found = list_answers(open_cache(folder, os.environ))
    terminal.show(found, as_json=as_json, to_json=list_json, lines=list_lines)
    return 0


@cache.command(short_help="Count answers, requests and bytes.")
@CACHE
@JSON
def stats(folder: Path, as_json: bool) -> int:
    """Count the cached answers, the requests they answer, and their bytes.

    Exit codes: 0 counted, 2 there is no such folder.
    """
    found = count_answers(open_cache(folder, os.environ))
    terminal.show(found, as_json=as_json, to_json=counts_json, lines=counts_lines)
    return 0


@cache.command(short_help="Remove unused answers.")
@CACHE
@click.option("--unused", type=click.IntRange(min=0), metavar="DAYS", help="Remove answers not used for DAYS.")
@click.option(
    "--max-size",
    metavar="SIZE",
    callback=parsed(parse_size),
    help="Then remove the least recently used answers until at most SIZE (200M, 1G) remains.",
)
@click.option("--all", "everything", is_flag=True, help="Remove every answer.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed; change nothing.")
def prune(folder: Path, unused: int | None, max_size: int | None, everything: bool, dry_run: bool) -> int:
    """Remove cached answers. A removed answer has to be asked for again, and the model may then answer differently.

    Without a limit, only leftovers are removed: requests that have no answer, and files that an interrupted run left
    half-written.

    Exit codes: 0 removed, or nothing to remove; 2 there is no such folder, or a file cannot be removed.
    """
    if everything and (unused is not None or max_size is not None):
        raise click.UsageError("--all leaves nothing for --unused and --max-size", click.get_current_context())
    limit = 0 if everything else max_size
    options = PruneOptions(None if unused is None else unused * DAY, limit, dry_run)
    terminal.say_lines(pruned_lines(prune_answers(open_cache(folder, os.environ), options, time.time())))
    return 0
