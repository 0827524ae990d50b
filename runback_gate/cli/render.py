"""Reports and runs seen again: `render`, `show` and `merge` for reports, `view` for a page of a run."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.named import load_report, policy_files
from runback_gate.cli.options import REPORT_FILE, argument, option, options
from runback_gate.cli.output import Output, publish, render_as
from runback_gate.documents.named_files import write_file
from runback_gate.plural import many
from runback_gate.report import FORMATS
from runback_gate.report.text import in_log, safe_terminal
from runback_gate.store.folder import find_run, read_run_as_far


@command()
def render(
    report: Path = argument(default=".runback/report.json"),
    form: str = option("--format", "Output format.", type=click.Choice(tuple(FORMATS)), shown="console"),
    output: Path | None = option("--output FILE", "Write to this file instead of the terminal."),
    show_all: bool = option("--all", "Also show passing rows (console)."),
) -> int:
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


@command()
def show(
    case: str = argument(),
    report: Path = REPORT_FILE,
    conversation: bool = option("--conversation", "Show every message of the conversation."),
) -> int:
    """Show the whole row of CASE: what the customer said, the answers then and now, whose rule says no, what changed in
    the prompt, and what to do.

    CASE is its name in the table: the case, `dataset/case`, or `agent: dataset/case`.

    Exit codes: 0 shown, whatever its verdict; 2 there is no such row or report.
    """
    from runback_gate.report.show import show as rendered  # noqa: PLC0415  `render` does without
    from runback_gate.report.story import find_row  # noqa: PLC0415

    found = load_report(report)
    row, width, colour = find_row(found, case), terminal.width(), terminal.colour()
    text = rendered(found, row, width=width, colour=colour, talk=conversation)
    click.echo(text if terminal.unicode() else text.encode("ascii", "backslashreplace").decode(), nl=False)
    return 0


@command()
def merge(reports: tuple[Path, ...] = argument(required=True), output: Output = options(Output)) -> int:
    """Join the REPORTS of all parts of a run (`run --shard i/n`) into the report that a single run would have written.

    A folder stands for the report.json in it.

    Exit codes: 0 pass, 1 fail, 2 could not judge, or the parts do not belong to one run.
    """
    from runback_gate.report.merge import merge as merged  # noqa: PLC0415  `render` does without

    parts = [load_report(path, written_by="`runback-gate run --shard i/n` writes it") for path in reports]
    return publish(merged(parts), output.folder or Path(".runback"), output)


@command()
def view(
    run: str = argument(),
    other: str | None = argument(),
    policies: tuple[str, ...] = option("--policies FILE|FOLDER", "Judge each step against these policies."),
    out: Path = option("--out FILE", "File to write the page to.", shown=Path(".runback/run.html")),
) -> int:
    """Write RUN (a file, or an id in runs/) as one HTML file that loads nothing and opens on the first step that broke.

    With an OTHER run, the two stand side by side, and the page opens where their answers diverge. RUN may also be a
    case of this gate (CASE or DATASET/CASE), a report.json, or an audit record, whose page verifies itself in the
    browser.

    If a run was tampered with, the page shows what stands before the changed line, judges nothing, and names that line.

    Exit codes: 0 the page was written, 2 something cannot be read, or the run was changed.
    """
    from runback_gate.app.view import Around, view_named, view_run  # noqa: PLC0415  loads the engine

    place = f"open {safe_terminal(out.as_posix())} in a browser"
    if other is None and not policies and (page := view_named(run)) is not None:
        write_file(out, page.encode())
        click.echo(place)
        return 0
    found, fault = read_run_as_far(run, note=terminal.note)
    beside = None if other is None else find_run(other, note=terminal.note)
    judged_by = policy_files(policies, with_tests=False).policies if policies else ()
    names = (shlex.quote(run), shlex.quote(other or ""))
    around = Around(tampered=fault.location.line if fault and fault.location else None, names=names)
    write_file(out, view_run(found, () if fault else judged_by, beside, around).encode())
    if fault is not None:
        click.echo(f"what stands before the fault: {place}")
        raise fault
    click.echo(f"{many(len(found.steps), 'step')}: {place}")
    return 0
