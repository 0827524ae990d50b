"""Who may ask the local server, and how much.

In: a request. Out: the same, or a refusal; a body, read within bounds.

    app = web.Application(middlewares=[guard(Guard("127.0.0.1", token=None))])
    data = await read_body(request, MAX_BODY)

A page of another site reaches a port of this machine through the browser: by its own name (rebinding, so `Host` is
checked) or directly (so `Origin` is). Beyond loopback every request brings the token.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from runback_gate.frozen import dataclass

TOKEN_HEADER: Final = "X-Runback-Token"
COOKIE: Final = "runback_"
"""How the name of a cookie of our pages begins."""
MIN_TOKEN: Final = 16
MAX_HELD: Final = 512 << 20
"""Bytes of bodies that all requests hold together."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of one server."""

    host: str
    """The address that it listens on."""
    token: str | None = None

    def refusal(self, host: str | None, origin: str | None, token: str | None) -> str | None:
        """Why a request is refused; None when it is not."""
        name = _hostname(host)
        if name is None or not (name in _LOCAL or name == self.host or (self.token and _is_address(name))):
            return "the Host header names another host"
        if origin is not None and (origin == "null" or urlsplit(origin).netloc.lower() != (host or "").lower()):
            return "the request comes from a page of another origin"
        if self.token is not None and not secrets.compare_digest((token or "").encode(), self.token.encode()):
            return f"the header {TOKEN_HEADER} does not hold the token"
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _hostname(host: str | None) -> str | None:
    try:
        parts = urlsplit(f"//{host or ''}")
        name = parts.hostname if parts.port is None or parts.port else None
    except ValueError:
        return None
    return name.lower() if name else None


HELD: Final = web.AppKey("held", dict)
"""Bytes of the bodies that are held, under `bytes`."""
_OWN: Final = web.RequestKey("own", int)
"""Those of one request."""


def guarded(rules: Guard) -> Middleware:
    """The middleware: refuses, and gives back what a request held."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
        why = "more than one Host or Origin" if len(hosts) > 1 or len(origins) > 1 else None
        why = why or rules.refusal(next(iter(hosts), None), next(iter(origins), None), _token(request))
        if why is not None:
            return refused(403, why)
        try:
            return await handler(request)
        finally:
            request.app[HELD]["bytes"] -= request.get(_OWN, 0)

    return middleware


def _token(request: web.Request) -> str | None:
    """What a client gives as the token; a browser has it in the address that it opens first, then as a cookie."""
    given = request.headers.get(TOKEN_HEADER) or request.cookies.get(cookie_name(request))
    page = request.method == "GET" and not request.path.startswith("/v1/")
    return given or (request.query.get("token") if page else None)


def cookie_name(request: web.Request) -> str:
    """The name of the cookie that holds the token; cookies know no port, and each server of a machine has its own."""
    return f"{COOKIE}{request.url.port or 0}"


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body, its content encoding undone.

    Raises:
        HTTPException: 413 beyond the limit, 503 when all requests together hold too much, 400 when it is cut.
    """
    held, chunks, size = request.app[HELD], [], 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise web.HTTPRequestEntityTooLarge(limit, size)
            if held["bytes"] + len(chunk) > MAX_HELD:
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"}, text="too much at once")
            held["bytes"] += len(chunk)
            request[_OWN] = size
            chunks.append(chunk)
    except (ValueError, web.RequestPayloadError) as error:
        raise web.HTTPBadRequest(text="the body is not what its headers say") from error
    return b"".join(chunks)


def refused(status: int, message: str, **more: object) -> web.Response:
    """An error in the form that clients of model APIs show."""
    error = {"type": "runback_gate", "message": f"runback-gate: {message}", **more}
    return web.json_response({"error": error}, status=status, headers={"Cache-Control": "no-store"})
