"""Where a report goes: its file, other forms beside it, and the table or the JSON on standard output.

In: a `Report` and what somebody asked for. Out: files, output, and the exit code of the verdict.

    @output_options
    def run(output: Output) -> int:
        return publish(report, output.folder or Path(".runback"), output)
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from runback_gate.cli import terminal
from runback_gate.documents.named_files import write_file, write_lines
from runback_gate.errors import Location, WriteError
from runback_gate.report import FILES, OUTPUTS, REPORT, renderer
from runback_gate.report.model import Report, report_parts, write_report
from runback_gate.report.text import json_log, log, markup_log, safe_terminal

_FOR_LOG: dict[str, Callable[[str], str]] = {
    "markdown": log,
    "html": markup_log,
    "junit": markup_log,
    "sarif": json_log,
    "json": json_log,
}
"""How a rendering is printed. The table has its colours, and annotations are commands."""

Command = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Output:
    """What somebody wants to see of a report."""

    folder: Path | None
    """Where report.json is written; None for the usual place."""
    formats: tuple[str, ...]
    """Forms to be written beside it."""
    show_all: bool
    annotate: bool
    as_json: bool


def output_options(command: Command) -> Command:
    """Give a command the options of `Output`, which it gets as `output`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> int:
        names = ("folder", "formats", "show_all", "annotate", "as_json")
        output = Output(**{name: given.pop(name) for name in names})
        if output.as_json and output.annotate:
            message = "--json and --annotate both want standard output: choose one"
            raise click.UsageError(message, click.get_current_context())
        return command(**given, output=output)

    folder = click.Path(path_type=Path, file_okay=False)
    options = (
        click.option(
            "--report", "folder", type=folder, metavar="FOLDER", help="Where report.json is written (.runback)."
        ),
        click.option(
            "--format",
            "formats",
            type=click.Choice(tuple(FILES)),
            multiple=True,
            help="Write this form beside it; may repeat.",
        ),
        click.option("--all", "show_all", is_flag=True, help="Show the rows that pass as well."),
        click.option("--annotate", is_flag=True, help="Print GitHub annotations after the table."),
        click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table."),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def remove_outputs(folder: Path) -> None:
    """Remove what an earlier run left, or the commit brought, before anything is judged.

    Raises:
        WriteError: a file of that name cannot be removed.
    """
    for path in (folder / name for name in OUTPUTS):
        # What is no file is no report; whoever writes there says so.
        if path.is_file() or path.is_symlink():
            try:
                path.unlink()
            except OSError as error:
                message = f"what an earlier run left cannot be removed: {error.strerror}"
                raise WriteError(message, location=Location(path.as_posix())) from error


def publish(report: Report, folder: Path, output: Output, *, seconds: float | None = None) -> int:
    """Write and show a report, and how long it took where models were asked; the exit code is that of its verdict.

    Raises:
        WriteError: a file cannot be written.
    """
    remove_outputs(folder)
    write_lines(folder / REPORT, report_parts(report))
    for form in output.formats:
        write_file(folder / FILES[form], render_as(report, form).encode())
    if output.as_json:
        data = write_report(report)
        # The bytes of the file for a program; a person's terminal gets no character that could steer it.
        if terminal.is_terminal(sys.stdout):
            terminal.print_json(json.loads(data))
        else:
            click.echo(for_log(data.decode(), "json"), nl=False)
    else:
        click.echo(render_as(report, "console", show_all=output.show_all), nl=False)
        if report.spend.calls and seconds is not None:
            click.echo(f"time       {seconds:.1f} s")
        click.echo(f"report     {safe_terminal((folder / REPORT).as_posix())}")
    if output.annotate:
        click.echo(render_as(report, "github"), nl=False)
    return report.exit_code


def for_log(text: str, form: str) -> bytes:
    """What standard output gets of a rendering: the same, in which no service that runs the job finds a command.

    Bytes: what a program reads is UTF-8, whatever the terminal can show.
    """
    return _FOR_LOG.get(form, str)(text).encode()


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
