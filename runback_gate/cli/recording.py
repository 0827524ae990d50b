"""Options of the commands that write runs: where, for which agent, and what is redacted.

@click.command()
@AGENT
@RUNS_FOLDER
@REDACT
def record(agent: str | None, out: Path, redact: Level) -> int: ...
"""

from __future__ import annotations

from typing import Any

import click

from runback_gate.cli.options import Decorator, folder_option
from runback_gate.redact import LEVELS
from runback_gate.step import MAX_NAME, is_name
from runback_gate.store.folder import RUNS


def name_option(name: str, text: str, metavar: str = "NAME") -> Decorator[Any]:
    """An option whose value names an agent or a model: printable, at most 256 characters."""
    return click.option(name, metavar=metavar, help=text, callback=_printable)


def _printable(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_name(value):
        raise click.BadParameter(f"a printable name of at most {MAX_NAME} characters")
    return value


RUNS_FOLDER = folder_option("--out", "Folder for the runs.", default=RUNS, show_default=True)
REDACT = click.option(
    "--redact",
    type=click.Choice(LEVELS),
    default="standard",
    show_default=True,
    help="What becomes pseudonyms before anything is stored.",
)
