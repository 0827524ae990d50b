"""`--root`: the folder of the gate that a command is about.

@ROOT
def lint(root: Path | None) -> int:
    lint_policies(gate_policies(gate_root(root)))
"""

from __future__ import annotations

from pathlib import Path

import click

ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Folder of runback.yaml (this one, or the nearest above it in the repository).",
)
HERE = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    metavar="FOLDER",
    help="Folder of runback.yaml (this one); with a base none is searched.",
)


def gate_root(root: Path | None) -> Path:
    """The folder that was named, or that of the nearest gate."""
    from runback_gate.revision.selection import nearest_gate  # noqa: PLC0415  `--help` does without

    return nearest_gate() if root is None else root
