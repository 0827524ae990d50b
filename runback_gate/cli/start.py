"""`init` and `demo` write a working start, `schema` prints the shape of a file, `completion` the shell's script."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from runback_gate.app.schemas import KINDS, shipped_schema
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import argument, option
from runback_gate.report.text import safe_terminal
from runback_gate.step import Run
from runback_gate.store.folder import find_runs

if TYPE_CHECKING:
    from runback_gate.app.prompts import Prompt


@command()
def init(
    source: str | None = option(
        "--from RUN|FOLDER",
        "A run (a file, or an id in runs/) or a folder of runs: start from the agent recorded there.",
    ),
    agent: str | None = option("--agent NAME", "Use only the runs of this agent."),
    root: Path = option("--root FOLDER", "Folder to write to (default: the current one).", default="."),
    force: bool = option("--force", "Overwrite existing files."),
) -> int:
    """Write a working starting point: gate, agent, dataset, and a policy with its test.

    Without --from, a small sample is written. With --from, the agent file is the one the run used, and the first 20
    steps that called a tool become cases, so that you start green.
    """
    from runback_gate.app.samples import sample_run  # noqa: PLC0415  schema and completion do without
    from runback_gate.app.start import ignores_outputs, start_files, start_lines, write_start  # noqa: PLC0415

    runs = (sample_run(),) if source is None else find_runs(source, note=terminal.note)
    runs = tuple(run for run in runs if agent in (None, run.agent))
    prompt = None if source is None else _prompt(root, runs)
    files = start_files(runs, sample=source is None, prompt=prompt)
    for path in write_start(root, files, force=force):
        click.echo(f"wrote {safe_terminal(path.as_posix())}")
    terminal.say_lines(start_lines(root, () if source is None else runs, prompt, ignores=ignores_outputs(root)))
    return 0


def _prompt(root: Path, runs: Sequence[Run]) -> Prompt | None:
    from runback_gate.app.prompts import find_prompt  # noqa: PLC0415  it loads Jinja2
    from runback_gate.capture.outside import project_key  # noqa: PLC0415

    return find_prompt(root, runs, project_key())


@command(epilog=f"Kinds: {', '.join(KINDS)}.")
def schema(kind: str = argument("KIND", type=click.Choice(tuple(KINDS), case_sensitive=False))) -> int:
    """Print the JSON Schema (draft-07) of a KIND of file."""
    click.echo(shipped_schema(kind).encode(), nl=False)
    return 0


@command()
def completion(shell: str = argument("SHELL", type=click.Choice(("bash", "zsh", "fish")))) -> int:
    """Print the completion script of a SHELL: bash, zsh or fish.

    For bash: eval "$(runback-gate completion bash)"
    """
    from runback_gate.cli import cli  # noqa: PLC0415  the group imports this module

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(cli, {}, "runback-gate", "_RUNBACK_GATE_COMPLETE").source())
    return 0


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
