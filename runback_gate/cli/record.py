"""`record`: a Python program runs as it is, and what its agent does becomes a run."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runback_gate.app.answers import parse_size
from runback_gate.app.record import RecordOptions, parse_label, recorded_environment
from runback_gate.capture.outside import chosen, project_redaction
from runback_gate.cli.options import parsed
from runback_gate.cli.recording import NAME, REDACT, RUNS_FOLDER
from runback_gate.errors import InputError, Location


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--agent", metavar="NAME", callback=NAME, help="Name of the agent (default: the name of the program).")
@RUNS_FOLDER
@REDACT
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parsed(parse_label),
    help="Label to attach to the runs; repeatable.",
)
@click.option(
    "--sample",
    type=click.FloatRange(0, 1),
    default=1.0,
    metavar="SHARE",
    help="Share of program runs to record, 0 to 1; the rest run unrecorded.",
)
@click.option(
    "--rotate",
    metavar="SIZE",
    callback=parsed(parse_size),
    help="Continue a run that has grown beyond SIZE (200M, 1G) in another file, as a run whose parent it is.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def record(
    agent: str | None,
    out: Path,
    redact: str | None,
    labels: tuple[tuple[str, str], ...],
    sample: float,
    rotate: int | None,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND, a Python program, and record every model call it makes.

    The program and its environment stay as they are. Processes it starts are recorded too, each as a run of its own.
    The exit code is that of COMMAND.
    """
    project = project_redaction()  # what is wrong with it is said before the program runs
    options = RecordOptions(out.absolute(), agent, redact, dict(labels), project, rotate)
    environment = dict(os.environ)
    # Drawn once: the processes that a program starts are recorded with it, or not at all.
    if chosen(sample):
        environment |= recorded_environment(command, options, os.environ, os.pathsep)
    try:
        # The program takes the place of this process: signals, terminal and exit code are its own.
        os.execvpe(command[0], command, environment)  # noqa: S606  to run it is what was asked for
    except OSError as error:
        raise InputError(f"cannot be run: {error.strerror}", location=Location(command[0])) from error
