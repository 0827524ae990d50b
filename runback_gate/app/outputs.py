"""The files of a report: removes those of an earlier run, and writes report.json and the other forms.

remove_outputs(folder)                      # before anything is judged
write_outputs(report, folder, {"html": "report.html"})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runback_gate.documents.named_files import remove_files, write_file, write_lines
from runback_gate.report import OUTPUTS, REPORT, renderer
from runback_gate.report.model import Report, report_parts


def remove_outputs(folder: Path) -> None:
    """Remove what an earlier run left, or the commit brought, before anything is judged.

    Raises:
        WriteError: a file of that name cannot be removed.
    """
    remove_files((folder / name for name in OUTPUTS), "what an earlier run left cannot be removed")


def write_outputs(report: Report, folder: Path, forms: Mapping[str, str]) -> None:
    """Write report.json, and each form to the file that is named for it.

    Raises:
        WriteError: a file cannot be written.
    """
    write_lines(folder / REPORT, report_parts(report))
    for form, name in forms.items():
        write_file(folder / name, renderer(form)(report).encode())
