"""`demo`: a failing run to walk through, in an empty folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import option


@command()
def demo(
    no_browser: bool = option("--no-browser", "Print the path of the page instead of opening it."),
) -> int:
    """Write a small agent and a failing run into this empty folder, and open the run on the step that broke.

    No key, no network, no sign-up. The page lists its keyboard shortcuts and what to do next: replay, save the step,
    gate.

    Exit codes: 0 written, 2 the folder is not empty.
    """
    from runback_gate.app.demo import PAGE, demo_lines, write_demo  # noqa: PLC0415  loads the engine

    write_demo(Path(), os.urandom, note=terminal.note)
    opened = not no_browser and _open(Path(PAGE).absolute().as_uri())
    click.echo("\n".join(demo_lines(opened=opened)))
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
