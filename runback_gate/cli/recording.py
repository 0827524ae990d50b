"""`record` and `serve` write runs: of a Python program, and of agents in any language through one local port."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path
from typing import Any

import click

from runback_gate.app.answers import parse_size
from runback_gate.app.record import RecordOptions, parse_label, recorded_environment
from runback_gate.capture.outside import chosen, project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import argument, option, options, value_of
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.redact import LEVELS
from runback_gate.step import MAX_NAME, is_name
from runback_gate.store.folder import RUNS
from runback_gate.web.addresses import address_lines, parse_listen, parse_provider

TOKEN = "RUNBACK_SERVE_TOKEN"


def name(text: str) -> str:
    """A name of an agent or a model; raises ValueError for what is none."""
    if not is_name(text):
        raise ValueError(f"a printable name of at most {MAX_NAME} characters")
    return text


RUNS_FOLDER: Any = option("--out FOLDER", "Folder for the runs.", shown=RUNS)
REDACT: Any = option(
    "--redact",
    "Data to replace by pseudonyms before it is stored (default: spec.redact, else standard).",
    type=click.Choice(LEVELS),
)


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


@dataclass(frozen=True, slots=True)
class ServeFlags:
    """Where to listen, what is recorded, and who answers."""

    listen: tuple[str, int] = option(
        "--listen HOST:PORT",
        f"Where to listen. Beyond this machine, {TOKEN} holds the token that each request brings.",
        shown="127.0.0.1:4318",
        parse=parse_listen,
    )
    out: Path = RUNS_FOLDER
    agent: str | None = option(
        "--agent NAME", "Name for an agent that gives none (default: `agent`, or the name in its spans).", parse=name
    )
    redact: str | None = REDACT
    idle: float = option(
        "--idle SECONDS", "End a run after this long without activity.", type=click.FloatRange(0.1, 86_400), shown=60.0
    )
    providers: tuple[tuple[str, str], ...] = option(
        "--provider NAME=URL", "Base URL of an additional provider; repeatable.", parse=parse_provider
    )
    replay: str | None = option("--replay RUN", "Answer from this run instead of asking providers.")
    cache: Path | None = option("--cache FOLDER", "Response cache for steps replayed from the pages.")


@command()
def serve(flags: ServeFlags = options(ServeFlags)) -> int:
    """Serve pages over this folder, a recording proxy for model APIs, and an OpenTelemetry receiver.

    An agent whose base URL is http://127.0.0.1:4318/v1/proxy/openai reaches OpenAI through the proxy, and each of its
    calls becomes a step of a run. Keys pass through and are never stored. An OTLP exporter whose endpoint is
    http://127.0.0.1:4318 sends traces and logs to the receiver. The pages show runs, reports, datasets and policies; a
    step can be replayed with another prompt, message, model, tool or parameter, and saved as a case.
    """
    # `record` does without, and aiohttp is for commands that need it.
    import asyncio  # noqa: PLC0415

    from runback_gate.app.served import served_named  # noqa: PLC0415
    from runback_gate.web import server  # noqa: PLC0415
    from runback_gate.web.desk import open_desk  # noqa: PLC0415

    replay, out, environ = flags.replay, flags.out, dict(os.environ)
    project = project_redaction()  # what is wrong with it is said before anything is served
    served = None if replay is None else served_named(replay, environ, secrets.token_bytes, project, note=terminal.note)
    given = environ.get(TOKEN) or None
    token = given or secrets.token_urlsafe(24)
    wanted = value_of(
        server.ServeOptions,
        flags,
        folder=out.absolute(),
        host=flags.listen[0],
        port=flags.listen[1],
        token=given,
        providers=dict(flags.providers),
        served=served,
        environ=environ,
        desk=open_desk(Path(), out, token, flags.cache, environ, project),
    )

    def ready(address: str) -> None:
        terminal.say_lines(address_lines(address, token, out, replay))

    return 0 if asyncio.run(server.serve(wanted, ready, _interrupted)) else 2


async def _interrupted() -> None:
    import asyncio  # noqa: PLC0415  `record` does without

    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    await end.wait()
