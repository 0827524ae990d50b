"""`serve`: one local port that records what agents in any language do."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

import click

from runback_gate.capture.outside import project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import option, options, value_of
from runback_gate.cli.recording import REDACT, RUNS_FOLDER, name
from runback_gate.web.addresses import address_lines, parse_listen, parse_provider

TOKEN = "RUNBACK_SERVE_TOKEN"


@dataclass(frozen=True, slots=True)
class ServeFlags:
    """Where to listen, what is recorded, and who answers."""

    listen: tuple[str, int] = option(
        "--listen HOST:PORT",
        f"Where to listen. Beyond this machine, {TOKEN} holds the token that each request brings.",
        default="127.0.0.1:4318",
        show_default=True,
        parse=parse_listen,
    )
    out: Path = RUNS_FOLDER
    agent: str | None = option(
        "--agent NAME", "Name for an agent that gives none (default: `agent`, or the name in its spans).", parse=name
    )
    redact: str | None = REDACT
    idle: float = option(
        "--idle SECONDS",
        "End a run after this long without activity.",
        type=click.FloatRange(0.1, 86_400),
        default=60.0,
        show_default=True,
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
    from runback_gate.app.served import served_named  # noqa: PLC0415  aiohttp is for commands that need it
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
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    await end.wait()
