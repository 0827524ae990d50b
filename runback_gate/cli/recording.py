"""Options of the commands that write runs: where, for which agent, and what is redacted."""

from __future__ import annotations

from typing import Any

import click

from runback_gate.cli.options import option
from runback_gate.redact import LEVELS
from runback_gate.step import MAX_NAME, is_name
from runback_gate.store.folder import RUNS


def name(text: str) -> str:
    """A name of an agent or a model; raises ValueError for what is none."""
    if not is_name(text):
        raise ValueError(f"a printable name of at most {MAX_NAME} characters")
    return text


RUNS_FOLDER: Any = option("--out FOLDER", "Folder for the runs.", default=RUNS, show_default=True)
REDACT: Any = option(
    "--redact",
    "Data to replace by pseudonyms before it is stored (default: spec.redact, else standard).",
    type=click.Choice(LEVELS),
)
