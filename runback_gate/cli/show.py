"""`show`: one row of a report, whole, in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.options import REPORT_FILE, load_report


@click.command()
@click.argument("case")
@REPORT_FILE
@click.option("--conversation", is_flag=True, help="Show every message of the conversation.")
def show(case: str, report: Path, conversation: bool) -> int:
    """Show the whole row of CASE: what the customer said, the answers then and now, whose rule says no, what changed in
    the prompt, and what to do.

    CASE is its name in the table: the case, `dataset/case`, or `agent: dataset/case`.

    Exit codes: 0 shown, whatever its verdict; 2 there is no such row or report.
    """
    from runback_gate.report.show import show as rendered  # noqa: PLC0415  `--help` does without
    from runback_gate.report.story import find_row  # noqa: PLC0415

    found = load_report(report)
    text = rendered(
        found,
        find_row(found, case),
        width=terminal.width(),
        colour=terminal.is_terminal(sys.stdout) and terminal.colour(),
        talk=conversation,
    )
    click.echo(text if terminal.unicode() else text.encode("ascii", "backslashreplace").decode(), nl=False)
    return 0
