"""The recording proxy: a base URL instead of a provider's.

In: requests of any client below `/v1/proxy/`. Out: the provider's answers, byte by byte as they come; calls of models
are recorded.

    /v1/proxy/openai/chat/completions                          → https://api.openai.com/v1/chat/completions
    /v1/proxy/agent/support/run/task-7/anthropic/v1/messages   → https://api.anthropic.com/v1/messages

Headers pass through and are never stored. Redirects are passed on, not followed: a key would go along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from runback_gate.canonical import parse_json
from runback_gate.capture.call import CLOSED, Call
from runback_gate.capture.decoding import decoder
from runback_gate.capture.exchange import MAX_BODY, Seen, api_of, is_model_call
from runback_gate.capture.proxy import Claim
from runback_gate.errors import DocumentError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.replay.providers.models import proxy_for
from runback_gate.replay.served_run import Differs, ServedRun
from runback_gate.step import is_name
from runback_gate.web.guard import COOKIE, TOKEN_HEADER, read_body, refused

PREFIX: Final = "/v1/proxy/"
PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "https://api.anthropic.com",
    "deepseek": "https://api.deepseek.com",
    "google": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "together": "https://api.together.xyz/v1",
    "xai": "https://api.x.ai/v1",
}
"""What each client has as its base URL unless it is told otherwise."""
_AGENT, _RUN = "X-Runback-Agent", "X-Runback-Run"
_HOP = frozenset(
    "connection content-length host keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    "transfer-encoding upgrade".split()
)
_OURS = frozenset((_AGENT.lower(), _RUN.lower(), TOKEN_HEADER.lower()))
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_CONNECT_SECONDS, _SILENT_SECONDS = 15, 900

Take = Callable[[Seen, Claim], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, and what its path says of its run."""

    provider: str
    rest: str
    """The path behind the provider, as it was sent."""
    claim: Claim


class Proxy:
    """The handler of all requests below the prefix."""

    def __init__(
        self,
        providers: Mapping[str, str],
        take: Take,
        served: ServedRun | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._providers, self._take, self._served, self._environ = providers, take, served, environ or {}
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            target = target_of(request.rel_url.raw_path, request.headers)
        except ValueError as error:
            return refused(404, str(error))
        body = await read_body(request, MAX_BODY)
        if self._served is not None:
            return self._replayed(self._served, target, body)
        base = self._providers.get(target.provider)
        if base is None:
            return refused(404, f"no provider {target.provider!r}", hint="--provider NAME=URL adds one")
        query = request.rel_url.raw_query_string
        url = f"{base.rstrip('/')}/{target.rest}" + (f"?{query}" if query else "")
        call = None
        if request.method == "POST" and is_model_call(url):
            call = Call(lambda seen: self._take(seen, target.claim), url, body)
        try:
            return await self._passed(request, url, body, call)
        except asyncio.CancelledError:
            if call is not None:
                call.end(CLOSED)
            raise
        finally:
            if call is not None:
                call.end("the answer ended before its end")

    async def close(self) -> None:
        """Close the connections to the providers."""
        if self._session is not None:
            await self._session.close()

    async def _passed(self, request: web.Request, url: str, body: bytes, call: Call | None) -> web.StreamResponse:
        headers = _through(request.headers, _OURS | {"content-encoding"})
        try:
            upstream = await self._client().request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                proxy=proxy_for(url, self._environ),
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if call is not None:
                call.end(f"{type(error).__name__}: no answer of the provider")
            return refused(502, f"the provider cannot be reached ({type(error).__name__})")
        async with upstream:
            return await _answer(request, upstream, call)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
            self._session = aiohttp.ClientSession(
                timeout=timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=256),
                skip_auto_headers=_AUTOMATIC,
                read_bufsize=1 << 18,
            )
        return self._session

    def _replayed(self, served: ServedRun, target: Target, body: bytes) -> web.Response:
        """The recorded answer; 409 with the first place that differs."""
        api = api_of(f"/{target.rest}")
        if api is None:
            return refused(404, "a replay answers calls of models alone")
        try:
            value: Any = parse_json(body, path="body", max_bytes=MAX_BODY)
            if not isinstance(value, dict):
                raise DocumentError("an object was expected")
            streamed = bool(value.get("stream")) or "stream" in target.rest.rpartition("/")[2].lower()
            found = served.answer(api, value, streamed=streamed)
        except RunbackError as error:
            return refused(400, str(error))
        if isinstance(found, Differs):
            return refused(
                409, f"step {found.step} was asked otherwise, at {found.place}", step=found.step, path=found.place
            )
        return web.Response(body=found.data, content_type=found.media_type, headers={"X-Runback-Step": str(found.step)})


async def _answer(request: web.Request, upstream: aiohttp.ClientResponse, call: Call | None) -> web.StreamResponse:
    """Pass an answer on as it comes, and tell the call."""
    if call is not None:
        call.answered(upstream.status, upstream.headers, decoder(upstream.headers.get("Content-Encoding", "")))
    response = web.StreamResponse(
        status=upstream.status, reason=upstream.reason, headers=_through(upstream.headers, ())
    )
    if (length := upstream.content_length) is not None:
        response.content_length = length
    try:
        await response.prepare(request)
        async for chunk in upstream.content.iter_any():
            if call is not None:
                call.data(chunk)
            await response.write(chunk)
        await response.write_eof()
    except (aiohttp.ClientError, TimeoutError) as error:
        # What came stays as it is; the broken connection tells the client that it is not all.
        if call is not None:
            call.end(f"{type(error).__name__}: the answer of the provider broke off")
        if request.transport is not None:
            request.transport.abort()
        return response
    except ConnectionError:
        if call is not None:
            call.end(CLOSED)
        raise
    if call is not None:
        call.end()
    return response


def target_of(path: str, headers: Mapping[str, str]) -> Target:
    """Where a path below the prefix leads.

    Raises:
        ValueError: nowhere.
    """
    parts = path.removeprefix(PREFIX).split("/")
    known: dict[str, str] = {}
    for word in ("agent", "run"):
        if len(parts) > 2 and parts[0] == word:
            known[word], parts = unquote(parts[1]), parts[2:]
    if len(parts) < 2 or not parts[0]:
        raise ValueError("the path names no provider and no path of it")
    if any(unquote(part) in (".", "..") or "\\" in unquote(part) for part in parts):
        raise ValueError("the path leads out of the provider's")
    agent, run = known.get("agent") or headers.get(_AGENT), known.get("run") or headers.get(_RUN)
    if any(name is not None and not is_name(name) for name in (agent, run)):
        raise ValueError("an agent or a run has no printable name")
    return Target(unquote(parts[0]), "/".join(parts[1:]), Claim(agent, run))


def _through(headers: Mapping[str, str], more: Any) -> CIMultiDict[str]:
    """The headers that belong to the message, and not to one connection."""
    named = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    gone = _HOP | named | set(more)
    kept = [(name, _without_ours(name, value)) for name, value in headers.items() if name.lower() not in gone]
    return CIMultiDict((name, value) for name, value in kept if value)


def _without_ours(name: str, value: str) -> str:
    """A header without the cookies of our pages: theirs is the token, and no provider may set one in its place."""
    if name.lower() == "set-cookie":
        return "" if value.lstrip().startswith(COOKIE) else value
    if name.lower() != "cookie":
        return value
    return "; ".join(item for item in map(str.strip, value.split(";")) if not item.startswith(COOKIE))
