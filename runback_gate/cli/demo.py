"""`demo`: a failing run to walk through, in an empty folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.documents.named_files import write_file
from runback_gate.errors import InputError, Location


@click.command()
@click.option("--no-browser", is_flag=True, help="Print where the page lies; open nothing.")
def demo(no_browser: bool) -> int:
    """Write a small agent and a run that broke into this empty folder, and open the run on the step that broke.

    No key, no network, no sign-up. The page lists its keys and what to do next: replay, keep the step, gate.

    Exit codes: 0 it was written, 2 the folder is not empty.
    """
    from runback_gate.app.demo import BROKE, NEXT, PAGE, RUN, demo_files, demo_page  # noqa: PLC0415  loads the engine

    if found := next((item for item in sorted(Path().iterdir()) if item.name != ".git"), None):
        hint = "the demo wants an empty folder: mkdir demo && cd demo"
        raise InputError("is in the way", hint=hint, location=Location(found.as_posix()))
    for name, data in demo_files(os.urandom).items():
        write_file(Path(name), data)
    write_file(Path(PAGE), demo_page(Path(), note=terminal.note).encode())
    opened = not no_browser and _open(Path(PAGE).absolute().as_uri())
    click.echo(f"runs/{RUN}.jsonl   4 steps; a rule refuses step {BROKE}: the agent paid 250 where 100 is the limit")
    click.echo(f"{PAGE}   {'opened in the browser' if opened else 'open it in a browser'}; keys: j k e c r ?")
    click.echo("\nnext:")
    for text, command in NEXT:
        click.echo(f"  {text}\n    {command.replace('STEP', str(BROKE))}")
    return 0


def _open(address: str) -> bool:
    """Open a page where a screen is; a browser inside of the terminal would hide what was printed."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not screen:
        return False
    import webbrowser  # noqa: PLC0415  only here

    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
