"""`render` shows a report again in another form; `merge` makes one report of the parts of a run."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate.cli.options import file_option, load_report, options
from runback_gate.cli.output import Output, publish, render_as
from runback_gate.documents.named_files import write_file
from runback_gate.report import FORMATS
from runback_gate.report.merge import merge as merge_reports
from runback_gate.report.text import in_log

WRITTEN_BY = "`runback-gate run --shard i/n` writes it"


@click.command()
@click.argument("report", type=click.Path(path_type=Path, allow_dash=True), default=".runback/report.json")
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMATS)), default="console", show_default=True, help="Output format."
)
@file_option("--output", "Write to this file instead of the terminal.")
@click.option("--all", "show_all", is_flag=True, help="Also show passing rows (console).")
def render(report: Path, form: str, output: Path | None, show_all: bool) -> int:
    """Show a REPORT (.runback/report.json; - is standard input) in another format.

    Formats: console table, Markdown, HTML, JUnit, SARIF 2.1.0, GitHub annotations, JSON.

    Exit codes: 0 rendered, whatever its verdict; 2 the report is missing or changed, or is not a report.
    """
    text = render_as(load_report(report), form, show_all=show_all, to_file=output is not None)
    text += "" if text.endswith("\n") else "\n"
    if output is not None:
        write_file(output, text.encode())
    elif form == "console":
        click.echo(text, nl=False)
    else:
        # Bytes: what a program reads is UTF-8, whatever the terminal can show.
        click.echo(in_log(form, text).encode(), nl=False)
    return 0


@click.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@options(Output, "output")
def merge(reports: tuple[Path, ...], output: Output) -> int:
    """Join the REPORTS of all parts of a run (`run --shard i/n`) into the report that a single run would have written.

    A folder stands for the report.json in it.

    Exit codes: 0 pass, 1 fail, 2 could not judge, or the parts do not belong to one run.
    """
    report = merge_reports([load_report(path, written_by=WRITTEN_BY) for path in reports])
    return publish(report, output.folder or Path(".runback"), output)
