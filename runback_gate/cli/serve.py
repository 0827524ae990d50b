"""`serve`: one local port that records what agents in any language do."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import click

from runback_gate.capture.outside import project_redaction
from runback_gate.cli import terminal
from runback_gate.cli.options import parsed
from runback_gate.cli.recording import NAME, REDACT, RUNS_FOLDER
from runback_gate.report.text import line
from runback_gate.web.addresses import parse_listen, parse_provider

TOKEN = "RUNBACK_SERVE_TOKEN"


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:4318",
    callback=parsed(parse_listen),
    show_default=True,
    help=f"Where to listen. Beyond this machine, {TOKEN} holds the token that each request brings.",
)
@RUNS_FOLDER
@click.option(
    "--agent",
    metavar="NAME",
    callback=NAME,
    help="Name for an agent that gives none (default: `agent`, or the name in its spans).",
)
@REDACT
@click.option(
    "--idle",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="End a run after this long without activity.",
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME=URL",
    callback=parsed(parse_provider),
    help="Base URL of an additional provider; repeatable.",
)
@click.option("--replay", metavar="RUN", help="Answer from this run instead of asking providers.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Response cache for steps replayed from the pages.",
)
def serve(
    listen: tuple[str, int],
    out: Path,
    agent: str | None,
    redact: str | None,
    idle: float,
    providers: tuple[tuple[str, str], ...],
    replay: str | None,
    cache: Path | None,
) -> int:
    """Serve pages over this folder, a recording proxy for model APIs, and an OpenTelemetry receiver.

    An agent whose base URL is http://127.0.0.1:4318/v1/proxy/openai reaches OpenAI through the proxy, and each of its
    calls becomes a step of a run. Keys pass through and are never stored. An OTLP exporter whose endpoint is
    http://127.0.0.1:4318 sends traces and logs to the receiver. The pages show runs, reports, datasets and policies; a
    step can be replayed with another prompt, message, model, tool or parameter, and saved as a case.
    """
    from runback_gate.app.served import served_named  # noqa: PLC0415  aiohttp is for commands that need it
    from runback_gate.web import server  # noqa: PLC0415
    from runback_gate.web.desk import open_desk  # noqa: PLC0415

    host, port = listen
    project = project_redaction()  # what is wrong with it is said before anything is served
    chance = secrets.token_bytes
    served = None if replay is None else served_named(replay, os.environ, chance, project, note=terminal.note)
    given = os.environ.get(TOKEN) or None
    token = given or secrets.token_urlsafe(24)
    options = server.ServeOptions(
        out.absolute(),
        host,
        port,
        given,
        agent,
        redact,
        idle,
        dict(providers),
        served,
        dict(os.environ),
        open_desk(Path(), out, token, cache, os.environ, project),
    )

    what = f"answers from {replay}" if replay else f"runs in {out.as_posix()}/"

    def ready(address: str) -> None:
        terminal.say_lines(_address_lines(address, token, what, receives=served is None))

    whole = asyncio.run(server.serve(options, ready, _interrupted))
    return 0 if whole else 2


def _address_lines(address: str, token: str, what: str, *, receives: bool) -> Iterator[str]:
    """Where agents, exporters and browsers go, and what is served."""
    yield f"proxy  {address}/v1/proxy/PROVIDER"
    if receives:
        yield f"otlp   {address}/v1/traces, /v1/logs"
    yield f"pages  {address}/?token={token}"
    yield line(f"{what}; ctrl-c ends")


async def _interrupted() -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    await end.wait()
