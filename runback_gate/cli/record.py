"""`record`: a Python program runs as it is, and what its agent does becomes a run."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runback_gate.app.answers import parse_size
from runback_gate.app.record import RecordOptions, parse_label, recorded_environment
from runback_gate.capture.outside import chosen, project_redaction
from runback_gate.cli.groups import command
from runback_gate.cli.options import argument, option
from runback_gate.cli.recording import REDACT, RUNS_FOLDER, name
from runback_gate.errors import InputError, Location


@command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def record(
    agent: str | None = option("--agent NAME", "Name of the agent (default: the name of the program).", parse=name),
    out: Path = RUNS_FOLDER,
    redact: str | None = REDACT,
    labels: tuple[tuple[str, str], ...] = option(
        "--label NAME=VALUE", "Label to attach to the runs; repeatable.", parse=parse_label
    ),
    sample: float = option(
        "--sample SHARE",
        "Share of program runs to record, 0 to 1; the rest run unrecorded.",
        type=click.FloatRange(0, 1),
        default=1.0,
    ),
    rotate: int | None = option(
        "--rotate SIZE",
        "Continue a run that has grown beyond SIZE (200M, 1G) in another file, as a run whose parent it is.",
        parse=parse_size,
    ),
    program: tuple[str, ...] = argument("COMMAND...", required=True, type=click.UNPROCESSED),
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
        environment |= recorded_environment(program, options, os.environ, os.pathsep)
    try:
        # The program takes the place of this process: signals, terminal and exit code are its own.
        os.execvpe(program[0], program, environment)  # noqa: S606  to run it is what was asked for
    except OSError as error:
        raise InputError(f"cannot be run: {error.strerror}", location=Location(program[0])) from error
