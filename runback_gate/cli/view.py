"""`view`: a run, a case, a report or an audit record as one HTML file."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.named import policy_files
from runback_gate.cli.options import argument, option
from runback_gate.documents.named_files import write_file
from runback_gate.plural import many
from runback_gate.report.text import safe_terminal
from runback_gate.store.folder import find_run, read_run_as_far


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
