"""The local server: starts, serves until it is told to end, and writes what is there.

In: where to listen and what to do with what comes. Out: run files in a folder.

    asyncio.run(serve(ServeOptions(Path("runs")), print, signalled))

The event loop passes bytes on; the one writer thread of the process reads, redacts and writes them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from runback_gate.capture.exchange import Seen
from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp.received import OtlpReceived
from runback_gate.capture.proxy import UNNAMED, Claim, ProxyRuns
from runback_gate.capture.redaction import redaction_at
from runback_gate.capture.sink import sink
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.replay.served_run import ServedRun
from runback_gate.web.desk import Desk
from runback_gate.web.guard import HELD, MIN_TOKEN, Guard, guarded, is_loopback
from runback_gate.web.pages import mount
from runback_gate.web.proxy import PREFIX, PROVIDERS, Proxy
from runback_gate.web.receiver import Receiver

PORT: Final = 4318
"""That of OTLP over HTTP."""
END_SECONDS: Final = 30.0
"""How long the end waits for the writer."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = PORT
    """0 for any that is free."""
    token: str | None = field(default=None, repr=False)
    agent: str | None = None
    """Name of an agent that says none; of spans, in place of the one that they tell."""
    redact: str | None = None
    idle: float = 60.0
    """Seconds without a call after which a run ends."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Base URLs by name, beside those that are known."""
    served: ServedRun | None = None
    """A run that answers in place of the providers; nothing is recorded then."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name the proxy that leads to the providers."""
    desk: Desk | None = None
    """What the pages work on; None for a server without pages."""

    def check(self) -> None:
        """Refuse to listen where anybody could ask.

        Raises:
            InputError: beyond loopback without a token, or with a short one.
        """
        if not is_loopback(self.host) and self.token is None:
            raise InputError(
                f"{self.host} is reached from other machines",
                hint="set RUNBACK_SERVE_TOKEN to a token, such as `openssl rand -hex 16`",
            )
        if self.token is not None and len(self.token) < MIN_TOKEN:
            raise InputError(f"the token has fewer than {MIN_TOKEN} characters")


def make_app(options: ServeOptions, runs: ProxyRuns, received: OtlpReceived) -> web.Application:
    """The application."""

    def take(seen: Seen, claim: Claim) -> None:
        size = len(seen.body) + sum(map(len, seen.chunks))
        sink().offer(lambda: runs.take(seen, claim), size, runs.drop)

    def export(value: dict[str, Any], size: int) -> bool:
        return sink().offer(lambda: received.take(value, size), size, lambda: None)

    app = web.Application(middlewares=[guarded(Guard(options.host, options.token))])
    app[HELD] = {"bytes": 0}
    proxy = Proxy({**PROVIDERS, **options.providers}, take, options.served, options.environ)

    async def close(_app: web.Application) -> None:
        await proxy.close()

    app.on_cleanup.append(close)
    app.router.add_route("*", PREFIX + "{tail:.*}", proxy.handle)
    if options.served is None:
        receiver = Receiver(export)
        app.router.add_post("/v1/traces", receiver.traces)
        app.router.add_post("/v1/logs", receiver.logs)
    if options.desk is not None:
        mount(app, options.desk)
    return app


async def serve(
    options: ServeOptions,
    ready: Callable[[str], None],
    ended: Callable[[], Awaitable[object]],
) -> bool:
    """Serve until `ended` returns.

    Args:
        options: how.
        ready: is told the address once requests are taken.
        ended: waits for the end.

    Returns:
        Whether everything that came was written.

    Raises:
        InputError: the address cannot be listened on.
    """
    options.check()
    redaction: Redaction = redaction_at(options.redact)
    runs = ProxyRuns(options.folder, redaction, idle=options.idle, agent=options.agent or UNNAMED)
    received = OtlpReceived(options.folder, redaction, idle=options.idle, agent=options.agent)
    runner = web.AppRunner(
        make_app(options, runs, received), handler_cancellation=True, access_log=None, shutdown_timeout=5.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port, backlog=1024)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise InputError(
            f"{options.host}:{options.port} cannot be listened on: {error.strerror}",
            hint="choose another with --listen",
        ) from error
    host = f"[{options.host}]" if ":" in options.host else options.host
    ready(f"http://{host}:{runner.addresses[0][1]}")
    ticking = asyncio.create_task(_tick((runs.tick, received.tick), min(1.0, options.idle / 4)))
    try:
        await ended()
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        await runner.cleanup()
        sink().call(runs.close)
        sink().call(received.close)
    return await asyncio.to_thread(sink().flush, END_SECONDS)


async def _tick(jobs: Sequence[Callable[[], None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        for job in jobs:
            sink().call(job)
