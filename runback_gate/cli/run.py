"""`run` judges; `render` shows a report again in another form."""

from __future__ import annotations

from pathlib import Path

import click

from runback_gate import __version__
from runback_gate.cli import terminal
from runback_gate.documents import write_atomic
from runback_gate.errors import InputError, WriteError
from runback_gate.report import FORMATS, renderer
from runback_gate.report.model import MAX_REPORT_BYTES, Report, read_report, write_report

FILES = {"markdown": "report.md", "html": "report.html", "junit": "junit.xml", "sarif": "report.sarif"}
"""Formats that `run` can write beside report.json, and their file names."""


@click.command(epilog="Exit codes: 0 pass, 1 fail, 2 could not judge.")
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".", help="Folder of runback.yaml."
)
@click.option(
    "--agent", metavar="NAME|FILE", help="Judge this agent alone; a file stands in for the agent of its name."
)
@click.option("--dataset", metavar="NAME|FILE", help="Judge this dataset alone.")
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder for report.json (.runback).",
)
@click.option(
    "--format", "formats", type=click.Choice(tuple(FILES)), multiple=True, help="Write this form as well; may repeat."
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Earlier answers (.runback/responses).",
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
    """Judge every case and say pass, fail or could not judge."""
    report = judge(
        root, agent=agent, dataset=dataset, cache=cache or root / ".runback/responses", date=date, quiet=quiet
    )
    target = folder or root / ".runback"
    data = write_report(report)
    _write(target / "report.json", data)
    for form in formats:
        _write(target / FILES[form], render_as(report, form).encode())
    if as_json:
        click.echo(data, nl=False)
    else:
        click.echo(render_as(report, "console", show_all=show_all), nl=False)
        click.echo(f"  report: {(target / 'report.json').as_posix()}")
    if annotate:
        click.echo(render_as(report, "github"), nl=False)
    return report.exit_code


def judge(root: Path, *, agent: str | None, dataset: str | None, cache: Path, date: str | None, quiet: bool) -> Report:
    """Read the gate of a folder, judge it, and give the report."""
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415  `render` does without the engine
    from runback_gate.gate.run import run_gate  # noqa: PLC0415
    from runback_gate.policy.cel_cpp import CppEngine  # noqa: PLC0415
    from runback_gate.replay.cache import ResponseCache  # noqa: PLC0415
    from runback_gate.report.build import build_report  # noqa: PLC0415

    plan = load_plan(root, day=_day(date), agent=agent, dataset=dataset)
    engine = CppEngine()
    with terminal.progress(quiet=quiet) as step:
        result = run_gate(plan, engine, ResponseCache(cache), step)
    return build_report(plan, result, engine, version=__version__)


def render_as(report: Report, form: str, *, show_all: bool = False) -> str:
    """A report in one of `FORMATS`."""
    options: dict[str, object] = {}
    if form == "console":
        options = {
            "width": terminal.width(),
            "colour": terminal.colour(),
            "show_all": show_all,
            "unicode": terminal.unicode(),
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


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"{path.parent.as_posix()}: {error.strerror}", hint="name another folder with --report"
        ) from error
    write_atomic(path, data)


@click.command()
@click.argument("report", type=click.Path(path_type=Path, dir_okay=False), default=".runback/report.json")
@click.option(
    "--format", "form", type=click.Choice(tuple(FORMATS)), default="console", show_default=True, help="The form."
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead of the terminal."
)
@click.option("--all", "show_all", is_flag=True, help="Show the rows that pass as well.")
def render(report: Path, form: str, output: Path | None, show_all: bool) -> int:
    """Render a report.json as a table, Markdown, HTML, JUnit, SARIF or annotations."""
    try:
        if report.stat().st_size > MAX_REPORT_BYTES:
            raise InputError(f"{report.as_posix()}: larger than {MAX_REPORT_BYTES >> 20} MiB")
        data = report.read_bytes()
    except OSError as error:
        raise InputError(f"{report.as_posix()}: {error.strerror}", hint="`runback-gate run` writes it") from error
    text = render_as(read_report(data, report.as_posix()), form, show_all=show_all)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        _write(output, text.encode())
    return 0
