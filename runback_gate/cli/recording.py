"""Options of the commands that write runs: where, for which agent, and what is redacted.

@click.command()
@AGENT
@RUNS_FOLDER
@REDACT
def record(agent: str | None, out: Path, redact: Level) -> int: ...
"""

from __future__ import annotations

import click

from runback_gate.cli.options import folder_option, parsed
from runback_gate.redact import LEVELS
from runback_gate.step import MAX_NAME, is_name
from runback_gate.store.folder import RUNS


def _printable(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"a printable name of at most {MAX_NAME} characters")
    return text


NAME = parsed(_printable)
"""The callback of an option that names an agent or a model."""
RUNS_FOLDER = folder_option("--out", "Folder for the runs.", default=RUNS, show_default=True)
REDACT = click.option(
    "--redact",
    type=click.Choice(LEVELS),
    help="Data to replace by pseudonyms before it is stored (default: spec.redact, else standard).",
)
