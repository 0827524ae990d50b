"""`serve`: one local port that records what agents in any language do."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import click

from runback_gate.cli import terminal
from runback_gate.cli.recording import REDACT, RUNS_FOLDER, name_option
from runback_gate.report.text import safe_terminal
from runback_gate.store.folder import find_run

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
TOKEN = "RUNBACK_SERVE_TOKEN"


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:4318",
    show_default=True,
    help=f"Where to listen. Beyond this machine, {TOKEN} holds the token that each request brings.",
)
@RUNS_FOLDER
@name_option("--agent", "Name of an agent that says none; else `agent`, or what spans tell.")
@REDACT
@click.option(
    "--idle",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A run in which nothing happens for so long is over.",
)
@click.option("--provider", "providers", multiple=True, metavar="NAME=URL", help="Base URL of one more provider.")
@click.option("--replay", metavar="RUN", help="Answer from this run in place of the providers.")
def serve(
    listen: str, out: Path, agent: str | None, redact: str, idle: float, providers: tuple[str, ...], replay: str | None
) -> int:
    """Serve a recording proxy for model APIs and a receiver of OpenTelemetry, until it is interrupted.

    An agent whose base URL is http://127.0.0.1:4318/v1/proxy/openai asks OpenAI through it, and each of its calls
    becomes a step of a run. Keys pass through and are never stored. An OTLP exporter whose endpoint is
    http://127.0.0.1:4318 sends its traces and logs there.
    """
    from runback_gate.app.served import served_run  # noqa: PLC0415  aiohttp is for commands that need it
    from runback_gate.web import server  # noqa: PLC0415

    host, port = _address(listen)
    served = None
    if replay is not None:
        served = served_run(
            find_run(replay, note=terminal.note), os.environ.get("RUNBACK_REDACT_KEY"), secrets.token_bytes
        )
    options = server.ServeOptions(
        out.absolute(),
        host,
        port,
        os.environ.get(TOKEN) or None,
        agent,
        redact,
        idle,
        dict(map(_provider, providers)),
        served,
    )

    def ready(address: str) -> None:
        click.echo(f"proxy  {address}/v1/proxy/PROVIDER")
        if served is None:
            click.echo(f"otlp   {address}/v1/traces, /v1/logs")
        what = f"answers from {replay}" if replay else f"runs in {out.as_posix()}/"
        click.echo(safe_terminal(f"{what}; ctrl-c ends"))

    whole = asyncio.run(server.serve(options, ready, _interrupted))
    return 0 if whole else 2


async def _interrupted() -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    await end.wait()


def _address(text: str) -> tuple[str, int]:
    parts = _split(f"//{text}")
    if parts is None or not parts.hostname or parts.port is None or parts.path or parts.username is not None:
        raise click.BadParameter("HOST:PORT was expected, such as 127.0.0.1:4318", param_hint="--listen")
    return parts.hostname, parts.port


def _provider(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    parts = _split(url)
    whole = parts is not None and parts.hostname and parts.scheme in ("http", "https") and parts.username is None
    if not whole or "?" in url or not _NAME.fullmatch(name) or name in ("agent", "run"):
        example = "NAME=URL was expected, such as local=http://127.0.0.1:8000/v1"
        raise click.BadParameter(example, param_hint="--provider")
    return name, url


def _split(url: str) -> SplitResult | None:
    """The parts of a URL whose port is one."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port >= 0 else None
    except ValueError:
        return None
