"""Where a report goes: its file, other forms beside it, and the table or the JSON on standard output.

In: a `Report` and what someone asked for. Out: files, output, and the exit code of the verdict.

    @command()
    def run(output: Output = options(Output)) -> int:
        return publish(report, output.folder or Path(".runback"), output)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from runback_gate.app.outputs import remove_outputs, write_outputs
from runback_gate.cli import terminal
from runback_gate.cli.options import option
from runback_gate.frozen import dataclass
from runback_gate.report import FILES, REPORT, renderer
from runback_gate.report.model import Report, write_report
from runback_gate.report.text import in_log, safe_terminal


@dataclass(frozen=True, slots=True)
class Output:
    """What somebody wants to see of a report."""

    folder: Path | None = option("--report FOLDER", "Folder for report.json (default: .runback).")
    formats: tuple[str, ...] = option(
        "--format", "Also write this format; repeatable.", type=click.Choice(tuple(FILES))
    )
    show_all: bool = option("--all", "Also show passing rows.")
    annotate: bool = option("--annotate", "Print GitHub annotations after the table.")
    as_json: bool = option("--json", "Print report.json instead of the table.")

    def __post_init__(self) -> None:
        if self.as_json and self.annotate:
            raise click.UsageError("--json and --annotate both write to standard output: choose one")


def publish(report: Report, folder: Path, output: Output, *, seconds: float | None = None) -> int:
    """Write and show a report, and how long it took where models were asked; the exit code is that of its verdict.

    Raises:
        WriteError: a file cannot be written.
    """
    remove_outputs(folder)
    write_outputs(report, folder, {form: FILES[form] for form in output.formats})
    if output.as_json:
        data = write_report(report)
        # The bytes of the file for a program; a person's terminal gets no character that could steer it.
        if terminal.is_terminal(sys.stdout):
            terminal.print_json(json.loads(data))
        else:
            click.echo(in_log("json", data.decode()).encode(), nl=False)
    else:
        click.echo(render_as(report, "console", show_all=output.show_all), nl=False)
        if report.spend.calls and seconds is not None:
            click.echo(f"time       {seconds:.1f} s")
        click.echo(f"report     {safe_terminal((folder / REPORT).as_posix())}")
    if output.annotate:
        click.echo(render_as(report, "github"), nl=False)
    return report.exit_code


def render_as(report: Report, form: str, *, show_all: bool = False, to_file: bool = False) -> str:
    """A report in one of `FORMATS`; the table is fitted to the terminal, or made plain for a file."""
    options: dict[str, object] = {}
    if form == "console":
        options = {
            "width": terminal.width(),
            "colour": terminal.colour() and not to_file,
            "show_all": show_all,
            "unicode": to_file or terminal.unicode(),
        }
    return renderer(form)(report, **options)
