"""`render` shows a report again in another form; `merge` makes one report of the parts of a run."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate.cli.output import Output, for_log, output_options, publish, render_as
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.report import FORMATS
from runback_gate.report.merge import merge as merge_reports
from runback_gate.report.model import MAX_REPORT_BYTES, Report, read_report


@click.command()
@click.argument("report", type=click.Path(path_type=Path, allow_dash=True), default=".runback/report.json")
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMATS)), default="console", show_default=True, help="The form."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file instead of the terminal.",
)
@click.option("--all", "show_all", is_flag=True, help="Show the rows that pass as well (console).")
def render(report: Path, form: str, output: Path | None, show_all: bool) -> int:
    """Show a REPORT (.runback/report.json; - is standard input) in another form.

    Forms: the table of the console, Markdown, HTML, JUnit, SARIF 2.1.0, GitHub annotations, JSON.

    Exit codes: 0 it was rendered, whatever its verdict; 2 it is missing, changed or no report.
    """
    data = read_file(report, MAX_REPORT_BYTES, hint="`runback-gate run` writes it")
    text = render_as(read_report(data, report.as_posix()), form, show_all=show_all, to_file=output is not None)
    text += "" if text.endswith("\n") else "\n"
    if output is not None:
        write_file(output, text.encode())
    elif form == "console":
        click.echo(text, nl=False)
    else:
        click.echo(for_log(text, form), nl=False)
    return 0


@click.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_options
def merge(reports: tuple[Path, ...], output: Output) -> int:
    """Join the REPORTS of all parts of a run (`run --shard i/n`) to the report that one run would have written.

    A folder stands for the report.json in it.

    Exit codes: 0 pass, 1 fail, 2 could not judge, or the parts are not those of one run.
    """
    report = merge_reports([_read(path / "report.json" if path.is_dir() else path) for path in reports])
    return publish(report, output.folder or Path(".runback"), output)


def _read(path: Path) -> Report:
    data = read_file(path, MAX_REPORT_BYTES, hint="`runback-gate run --shard i/n` writes it")
    return read_report(data, path.as_posix())
