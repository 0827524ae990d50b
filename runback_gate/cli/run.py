"""`run` judges; `render` shows a report again in another form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from runback_gate import __version__
from runback_gate.cli import terminal
from runback_gate.cli.files import below, read_file, write_file
from runback_gate.errors import InputError
from runback_gate.report import FORMATS, renderer
from runback_gate.report.model import MAX_REPORT_BYTES, Report, read_report, write_report
from runback_gate.report.text import terminal as inert

FILES = {"markdown": "report.md", "html": "report.html", "junit": "junit.xml", "sarif": "report.sarif"}
"""Formats that `run` can write beside report.json, and their file names."""


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Folder of runback.yaml (this one).",
)
@click.option(
    "--agent", metavar="NAME|FILE", help="Judge this agent alone; a file stands in for the agent of its name."
)
@click.option("--dataset", metavar="NAME|FILE", help="Judge this dataset alone.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where report.json is written (.runback).",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(tuple(FILES)),
    multiple=True,
    help="Write this form beside it; may repeat.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Earlier answers of models; without it none counts.",
)
@click.option("--date", metavar="YYYY-MM-DD", help="Day that waivers are held against (today, UTC).")
@click.option("--all", "show_all", is_flag=True, help="Show the rows that pass as well.")
@click.option("--annotate", is_flag=True, help="Print GitHub annotations after the table.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def run(
    root: Path,
    agent: str | None,
    dataset: str | None,
    folder: Path | None,
    formats: tuple[str, ...],
    cache: Path | None,
    date: str | None,
    show_all: bool,
    annotate: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge every case and say pass, fail or could not judge.

    Exit codes: 0 pass, 1 fail, 2 could not judge (a row is undecided, no case was there, or the input is wrong).
    """
    if as_json and annotate:
        raise click.UsageError(
            "--json and --annotate both want standard output: choose one", click.get_current_context()
        )
    # Only the folder that a person names may lie outside, not one that the repository links.
    target = folder or below(root, ".runback")
    report = judge(root, agent=agent, dataset=dataset, cache=cache, date=date, quiet=quiet)
    data = write_report(report)
    write_file(target / "report.json", data)
    for form in formats:
        write_file(target / FILES[form], render_as(report, form).encode())
    if as_json:
        # The bytes of the file for a program; a person's terminal gets no character that could steer it.
        click.echo(
            json.dumps(json.loads(data), indent=2) + "\n" if terminal.is_terminal(sys.stdout) else data, nl=False
        )
    else:
        click.echo(render_as(report, "console", show_all=show_all), nl=False)
        click.echo(f"report     {inert((target / 'report.json').as_posix())}")
    if annotate:
        click.echo(render_as(report, "github"), nl=False)
    return report.exit_code


def judge(
    root: Path, *, agent: str | None, dataset: str | None, cache: Path | None, date: str | None, quiet: bool
) -> Report:
    """Read the gate of a folder, judge it, and give the report."""
    from runback_gate.cli.policy import clearly  # noqa: PLC0415  `render` does without policies and engine
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415
    from runback_gate.gate.run import in_turn, run_gate  # noqa: PLC0415
    from runback_gate.policy.cel_cpp import CppEngine  # noqa: PLC0415
    from runback_gate.replay.cache import NoAnswers, ResponseCache  # noqa: PLC0415
    from runback_gate.report.build import build_report  # noqa: PLC0415

    plan = load_plan(root, day=_day(date), agent=agent, dataset=dataset)
    engine = CppEngine()
    with clearly(plan.policies), terminal.progress(quiet=quiet) as step:
        result = run_gate(plan, engine, in_turn(ResponseCache(cache) if cache else NoAnswers()), step)
    return build_report(plan, result, engine, version=__version__)


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


def _day(date: str | None) -> str:
    if date is None:
        return terminal.today()
    import datetime  # noqa: PLC0415

    try:
        return datetime.date.fromisoformat(date).isoformat()
    except ValueError as error:
        raise InputError(f"--date {date}: not a day", hint="YYYY-MM-DD") from error


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
        # Bytes: what a program reads is UTF-8, whatever the terminal can show.
        click.echo(text.encode(), nl=False)
    return 0
