"""Any endpoint that is compatible with OpenAI's chat completions, asked over aiohttp, plain or streamed.

In: a `Provider`, its key, the time. Out: one `Model` a name, all of them on the connections of one session.

    endpoint = Endpoint("openai", provider, key, outside, deadline=math.inf)
    response = await endpoint.model("gpt-4o-mini").answer(request)
    await endpoint.close()

Redirects are not followed: the key would go along. An answer is read up to 8 MiB, and every call has an end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

import aiohttp
import orjson

from runback_gate import __version__
from runback_gate.canonical import JsonValue, parse_json, plain_bytes
from runback_gate.errors import InputError, ProviderError, RunbackError
from runback_gate.replay.prices import cost, price_of
from runback_gate.replay.providers.model import Outside, Provider
from runback_gate.replay.providers.stream import CutError, Stream, StreamError
from runback_gate.replay.providers.wire import MAX_BODY_BYTES, Answer, GarbageError, failure, read_answer, to_body
from runback_gate.step import Request, Response

_CONNECT_SECONDS = 15.0
_MAX_ERROR_BYTES = 64 << 10


class Endpoint:
    """One provider: its session, its key, what it was seen not to honour."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        key: str | None,
        outside: Outside,
        *,
        deadline: float,
        proxy: str | None = None,
    ) -> None:
        if provider.base_url is None:
            raise InputError(f"providers.{name}: baseUrl is missing", hint="only litellm knows addresses of its own")
        self.name = name
        self.provider = provider
        self.url = provider.base_url.rstrip("/") + "/chat/completions"
        self._key = key
        self._outside = outside
        self._deadline = deadline
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    def model(self, name: str) -> DirectModel:
        """A model of this endpoint, by the name that the endpoint knows."""
        return DirectModel(self, name)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, body: Mapping[str, object]) -> Answer:
        """Send one request, once.

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
            async with self._open().post(
                self.url,
                data=plain_bytes(body),
                timeout=timeout,
                allow_redirects=False,
                proxy=self._proxy,
            ) as reply:
                if reply.status != 200:
                    raise await self._failure(reply)
                if reply.content_type == "text/event-stream":
                    value = await self._streamed(reply)
                else:
                    value = parse_json(self._clean(await _read(reply, MAX_BODY_BYTES)), path="answer")
            if isinstance(value, dict) and value.get("error") and not value.get("choices"):
                raise self._said(plain_bytes(value))
            return read_answer(value, clock() - begun)
        except ProviderError:
            raise
        except TimeoutError as error:
            raise ProviderError("time-out", f"{self.name}: no answer within {left:.3g} s") from error
        except (GarbageError, RunbackError, aiohttp.ClientResponseError) as error:
            reason = error.message if isinstance(error, RunbackError) else str(error)
            raise ProviderError("garbage", self._hidden(f"{self.name}: not a chat completion: {reason}")) from error
        except aiohttp.InvalidURL as error:
            raise ProviderError("refused", f"{self.name}: baseUrl is no address") from error
        except (CutError, aiohttp.ClientPayloadError) as error:
            raise ProviderError("connection", f"{self.name}: the answer ended before its end") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ProviderError("connection", self._hidden(f"{self.name}: no connection: {reason}")) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json", "User-Agent": f"runback-gate/{__version__}"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            # How many go out at a time is decided above; cookies would make one answer depend on another.
            self._session = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _failure(self, reply: aiohttp.ClientResponse) -> ProviderError:
        if 300 <= reply.status < 400:
            hint = "state the address that it points to as baseUrl"
            return ProviderError("refused", f"{self.name}: redirects elsewhere, which is not followed", hint=hint)
        try:
            data = await _read(reply, _MAX_ERROR_BYTES)
        except (GarbageError, aiohttp.ClientPayloadError):
            data = b""  # the status says enough
        return failure(self.name, reply.status, data, reply.headers, secret=self._key)

    async def _streamed(self, reply: aiohttp.ClientResponse) -> JsonValue:
        stream, size = Stream(), 0
        try:
            async for piece in reply.content.iter_any():
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise GarbageError(f"larger than {MAX_BODY_BYTES >> 20} MiB")
                stream.feed(piece)
                if stream.done:
                    break
        except StreamError as error:
            raise self._said(error.data) from error
        value = stream.completion()
        self._clean(plain_bytes(value))
        return value

    def _said(self, data: bytes) -> ProviderError:
        """An error that came with status 200, as gateways send it: its code is the status that was meant."""
        error = cast("dict[str, object]", orjson.loads(data)).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        status = int(code) if isinstance(code, (int, str)) and str(code).isdecimal() else 500
        return failure(self.name, status if 400 <= status < 600 else 500, data, {}, secret=self._key)

    def _clean(self, data: bytes) -> bytes:
        """The bytes, unless the key is in them: an answer is stored and shown."""
        if self._key and self._key.encode() in data:
            raise GarbageError("it holds the key")
        return data

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


class DirectModel:
    """One model of an endpoint."""

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self._price = price_of(name, endpoint.provider.prices)
        self._fingerprints: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What this model was seen not to honour."""
        return tuple(self._notes)

    async def answer(self, request: Request) -> Response:
        """Ask once; see `Model`."""
        answer = await self._endpoint.post(to_body(request, self._name))
        if "seed" in request.parameters:
            self._note_seed(answer.fingerprint)
        return dataclasses.replace(answer.response, cost_usd=cost(self._price, answer.response.usage))

    async def close(self) -> None:
        """Close the connections of the endpoint."""
        await self._endpoint.close()

    def _note_seed(self, fingerprint: str | None) -> None:
        who = f"{self._endpoint.name}/{self._name}"
        if fingerprint is None:
            self._notes[f"{who} does not say whether it honours the seed (no system_fingerprint)"] = None
            return
        self._fingerprints[fingerprint] = None
        if len(self._fingerprints) > 1:
            self._notes[f"{who} changed its system_fingerprint: the same seed may give another answer"] = None


async def _read(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body.

    Raises:
        GarbageError: larger than the limit; nothing more is read.
    """
    if reply.content_length is not None and reply.content_length > limit:
        raise GarbageError(f"larger than {limit >> 10} KiB")
    parts, size = [], 0
    async for piece in reply.content.iter_any():
        size += len(piece)
        if size > limit:
            raise GarbageError(f"larger than {limit >> 10} KiB")
        parts.append(piece)
    return b"".join(parts)
