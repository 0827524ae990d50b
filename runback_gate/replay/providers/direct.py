"""A provider's own API, asked over aiohttp, plain or streamed.

In: a `Provider`, its key, the time. Out: one `Model` a name, all of them on the connections of one session.

    connection = Connection("openai", provider, key, outside, deadline=math.inf)
    response = await connection.model("gpt-4o-mini").answer(request)
    await connection.close()

Redirects are not followed: the key would go along. An answer is read up to 8 MiB, and every call has an end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping

import aiohttp
from yarl import URL

from runback_gate import __version__
from runback_gate.canonical import JsonValue, parse_json, plain_bytes
from runback_gate.errors import InputError, ProviderError, RunbackError
from runback_gate.replay.prices import Price, cost, price_of
from runback_gate.replay.providers.address import ADDRESSES
from runback_gate.replay.providers.failure import failure, no_answer
from runback_gate.replay.providers.key_guard import KeyGuard
from runback_gate.replay.providers.model import Provider, Runtime
from runback_gate.replay.providers.question import note_unsent, sendable
from runback_gate.replay.providers.signature import Signer
from runback_gate.step import Request, Response
from runback_gate.wire import format_of

_CONNECT_SECONDS = 15.0
_MAX_ANSWER_BYTES = 8 << 20
_MAX_ERROR_BYTES = 64 << 10
_STREAMS = frozenset(("text/event-stream", "application/vnd.amazon.eventstream"))


class Connection:
    """One provider: its session, its key, what it was seen not to honour."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        key: str | None,
        outside: Runtime,
        *,
        deadline: float,
        proxy: str | None = None,
        signer: Signer | None = None,
    ) -> None:
        if provider.base_url is None:
            raise InputError(
                f"providers.{name}: baseUrl is missing", hint="state it; only `api: litellm` brings its own addresses"
            )
        self.name = name
        self.provider = provider
        self._base = provider.base_url
        self._address = ADDRESSES[provider.api]
        self.wire_format = format_of(self._address.api)
        self.api = self._address.api
        self._key = key
        self._signer = signer
        self._guard = KeyGuard(key, *(() if signer is None else signer.secrets))
        self._outside = outside
        self._deadline = deadline
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        """By model."""

    def model(self, name: str) -> DirectModel:
        """A model of this connection, by the name that the connection knows."""
        return DirectModel(self, name)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, model: str, body: Mapping[str, object], price: Price | None = None) -> Response:
        """Send one request to a model, once; the answer says what it took and, by this price, what it cost.

        Raises:
            ProviderError: no answer came, or none that can be read.
        """
        clock = self._outside.clock
        begun = clock()
        left = min(self.provider.timeout, self._deadline - begun)
        if left <= 0:
            raise ProviderError("time-out", f"{self.name}: no time is left to ask")
        timeout = aiohttp.ClientTimeout(total=left, sock_connect=_CONNECT_SECONDS)
        try:
            url, data = self._url(model), plain_bytes(body)
            async with self._open().post(
                url,
                data=data,
                headers=None if self._signer is None else self._signer.headers(str(url), data),
                timeout=timeout,
                allow_redirects=False,
                proxy=self._proxy,
            ) as reply:
                if reply.status != 200:
                    raise await self._failure(reply)
                value = await self._value(reply)
            if self._guard.holds(value):
                raise ProviderError("garbage", f"{self.name}: the answer holds the key")
            latency = max(0, round((clock() - begun) * 1000))
            response = self.wire_format.read_answer(value)
            return dataclasses.replace(response, latency_ms=latency, cost_usd=cost(price, response.usage))
        except ProviderError:
            raise
        except TimeoutError as error:
            raise ProviderError("time-out", f"{self.name}: no answer within {left:.3g} s") from error
        except RunbackError as error:
            raise no_answer(self.name, error, guard=self._guard) from error
        except aiohttp.InvalidURL as error:
            raise ProviderError("refused", f"{self.name}: baseUrl is no address") from error
        except aiohttp.ClientResponseError as error:
            raise ProviderError("garbage", self._guard.hide(f"{self.name}: no HTTP: {error}")) from error
        except aiohttp.ClientPayloadError as error:
            raise ProviderError("connection", f"{self.name}: the answer ended before its end") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ProviderError("connection", self._guard.hide(f"{self.name}: no connection: {reason}")) from error

    def _url(self, model: str) -> URL:
        if model not in self._urls:
            self._urls[model] = URL(self._address.url(self._base, model), encoded=True)
        return self._urls[model]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            own = {"Content-Type": "application/json", "User-Agent": f"runback-gate/{__version__}"}
            headers = own | self._address.headers(self._key)
            # How many go out at a time is decided above; cookies would make one answer depend on another.
            self._session = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _failure(self, reply: aiohttp.ClientResponse) -> ProviderError:
        if 300 <= reply.status < 400:
            hint = "use the address that it redirects to as baseUrl"
            return ProviderError("refused", f"{self.name}: redirects elsewhere, which is not followed", hint=hint)
        try:
            data = await _read(reply, _MAX_ERROR_BYTES)
        except (InputError, aiohttp.ClientPayloadError):
            data = b""  # the status says enough
        return failure(self.name, reply.status, data, reply.headers, guard=self._guard)

    async def _value(self, reply: aiohttp.ClientResponse) -> JsonValue:
        """The JSON of an answer; of a streamed one what a plain answer would have been."""
        if reply.content_type not in _STREAMS:
            return parse_json(await _read(reply, _MAX_ANSWER_BYTES), path="answer")
        stream = self.wire_format.read_stream()
        async for piece in _pieces(reply, _MAX_ANSWER_BYTES):
            stream.feed(piece)
            if stream.done:
                break
        return stream.body()


class DirectModel:
    """One model of a connection."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._price = price_of(name, connection.provider.prices)
        self._fingerprints: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What this model was seen not to honour."""
        return tuple(self._notes)

    async def answer(self, request: Request) -> Response:
        """Ask once; see `Model`."""
        connection = self._connection
        asked, unsent = sendable(request, connection.api)
        body = connection.wire_format.write_request(asked, self._name)
        response = await connection.post(self._name, body, self._price)
        if "seed" in asked.parameters:
            self._note_seed(response.extra.get("system_fingerprint"))
        return note_unsent(response, unsent)

    async def close(self) -> None:
        """Close the connections of the connection."""
        await self._connection.close()

    def _note_seed(self, fingerprint: str | None) -> None:
        who = f"{self._connection.name}/{self._name}"
        if fingerprint is None:
            self._notes[f"{who} does not say whether it honours the seed (no system_fingerprint)"] = None
            return
        self._fingerprints[fingerprint] = None
        if len(self._fingerprints) > 1:
            self._notes[f"{who} changed its system_fingerprint: the same seed may give another answer"] = None


async def _read(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body; errors as `_pieces`."""
    return b"".join([piece async for piece in _pieces(reply, limit)])


async def _pieces(reply: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises:
        InputError: larger than the limit; nothing more is read.
    """
    size = reply.content_length or 0
    if size <= limit:
        size = 0
        async for piece in reply.content.iter_any():
            size += len(piece)
            if size > limit:
                break
            yield piece
    if size > limit:
        raise InputError(f"larger than {limit >> 10:,} KiB")
