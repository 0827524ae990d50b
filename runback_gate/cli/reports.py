"""The report that a command is about.

@REPORT_FILE
def show(report: Path) -> int:
    load_report(report).rows
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runback_gate.report.model import Report

REPORT_FILE = click.option(
    "--report",
    type=click.Path(path_type=Path),
    default=Path(".runback/report.json"),
    show_default=True,
    metavar="FILE|FOLDER",
    help="The report, or the folder of its report.json.",
)


def load_report(path: Path) -> Report:
    """The report of a file, or of the report.json in a folder.

    Raises:
        InputError: not there, or not a report that agrees with itself.
    """
    from runback_gate.documents.named_files import read_file  # noqa: PLC0415  `--help` does without
    from runback_gate.report.model import MAX_REPORT_BYTES, read_report  # noqa: PLC0415

    path = path / "report.json" if path.is_dir() else path
    return read_report(read_file(path, MAX_REPORT_BYTES, hint="`runback-gate run` writes it"), path.as_posix())
