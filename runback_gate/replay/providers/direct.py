"""A provider's own API, asked over HTTP, plain or streamed.

In: a `Provider`, its key, the time. Out: one `Model` a name, all of them on the connections of one client.

    connection = Connection("openai", provider, key, outside, deadline=math.inf)
    response = await connection.model("gpt-4o-mini").answer(request)
    await connection.close()

Redirects are not followed: the key would go along. An answer is read up to 8 MiB, and every call has an end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from runback_gate import __version__
from runback_gate.canonical import JsonValue, parse_json, plain_bytes
from runback_gate.errors import InputError, ProviderError, RunbackError
from runback_gate.replay.prices import Price, cost, price_of
from runback_gate.replay.providers.address import ADDRESSES
from runback_gate.replay.providers.curl import CONNECT_SECONDS, Client, TransferError, fields
from runback_gate.replay.providers.failure import failure, no_answer
from runback_gate.replay.providers.key_guard import KeyGuard
from runback_gate.replay.providers.model import Provider, Runtime
from runback_gate.replay.providers.question import note_unsent, sendable
from runback_gate.replay.providers.signature import Signer
from runback_gate.step import Request, Response
from runback_gate.wire import AnswerStream, WireFormat, format_of

_MAX_ANSWER_BYTES = 8 << 20
_MAX_ERROR_BYTES = 64 << 10
_STREAMS = frozenset((b"text/event-stream", b"application/vnd.amazon.eventstream"))


class Connection:
    """One provider: its connections, its key, what it was seen not to honour."""

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
        self._client: Client | None = None

    def model(self, name: str) -> DirectModel:
        """A model of this connection, by the name that the connection knows."""
        return DirectModel(self, name)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def url(self, model: str) -> str:
        """Where a model is asked."""
        return self._address.url(self._base, model)

    async def post(self, url: str, body: Mapping[str, object], price: Price | None = None) -> Response:
        """Send one request to a model, once; the answer says what it took and, by this price, what it cost.

        Raises:
            ProviderError: no answer came, or none that can be read.
        """
        clock = self._outside.clock
        begun = clock()
        left = min(self.provider.timeout, self._deadline - begun)
        if left <= 0:
            raise ProviderError("time-out", f"{self.name}: no time is left to ask")
        client, data = self._open(), plain_bytes(body)
        signed = {} if self._signer is None else self._signer.headers(url, data)
        answer = _Answer(self.wire_format)
        try:
            try:
                await client.post(url, data, signed, left, answer)
            except TransferError as error:
                if answer.status in (0, 200) or error.kind == "time-out":
                    raise self._lost(error, left) from error
                answer.pieces.clear()  # the status says enough
            if answer.status != 200:
                raise self._failure(answer)
            value = answer.value()
            if self._guard.holds(value):
                raise ProviderError("garbage", f"{self.name}: the answer holds the key")
            latency = max(0, round((clock() - begun) * 1000))
            response = self.wire_format.read_answer(value)
            return dataclasses.replace(response, latency_ms=latency, cost_usd=cost(price, response.usage))
        except ProviderError:
            raise
        except RunbackError as error:
            raise no_answer(self.name, error, guard=self._guard) from error

    def _open(self) -> Client:
        if self._client is None:
            if not urlsplit(self._base).hostname or not self._base.isprintable():
                raise ProviderError("refused", f"{self.name}: baseUrl is no address")
            headers = {"Content-Type": "application/json"} | self._address.headers(self._key)
            self._client = Client(f"runback-gate/{__version__}", headers, proxy=self._proxy)
        return self._client

    def _lost(self, error: TransferError, left: float) -> ProviderError:
        what = str(error)
        if error.kind == "time-out":
            what += f" within {left if what == 'no answer' else min(left, CONNECT_SECONDS):.3g} s"
        return ProviderError(error.kind, self._guard.hide(f"{self.name}: {what}"))

    def _failure(self, answer: _Answer) -> ProviderError:
        if 300 <= answer.status < 400:
            hint = "use the address that it redirects to as baseUrl"
            return ProviderError("refused", f"{self.name}: redirects elsewhere, which is not followed", hint=hint)
        return failure(self.name, answer.status, b"".join(answer.pieces), fields(answer.head), guard=self._guard)


class _Answer:
    """What comes from a server: an answer, plain or streamed, or the words of a failure."""

    def __init__(self, wire_format: WireFormat) -> None:
        self.status = 0
        """0 before it is known."""
        self.head: Sequence[bytes] = ()
        self.pieces: list[bytes] = []
        """The body so far; without what was streamed."""
        self._wire_format = wire_format
        self._stream: AnswerStream | None = None
        self._size = 0

    def begin(self, status: int, head: Sequence[bytes]) -> None:
        """Take the head."""
        self.status, self.head = status, head
        kind = next((line for line in head if line[:13].lower() == b"content-type:"), b"")
        if status == 200 and kind[13:].partition(b";")[0].strip().lower() in _STREAMS:
            self._stream = self._wire_format.read_stream()

    def take(self, piece: bytes) -> bool:
        """Take a piece of the body.

        Raises:
            InputError: larger than the limit; nothing more is read.
        """
        self._size += len(piece)
        if self.status != 200:
            if self._size > _MAX_ERROR_BYTES or self.status < 400:
                self.pieces.clear()  # the status says enough
                return False
        elif self._size > _MAX_ANSWER_BYTES:
            raise InputError(f"larger than {_MAX_ANSWER_BYTES >> 10:,} KiB")
        if self._stream is None:
            self.pieces.append(piece)
            return True
        self._stream.feed(piece)
        return not self._stream.done

    def value(self) -> JsonValue:
        """The JSON of the answer; of a streamed one what a plain answer would have been."""
        return parse_json(b"".join(self.pieces), path="answer") if self._stream is None else self._stream.body()


class DirectModel:
    """One model of a connection."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._url = connection.url(name)
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
        response = await connection.post(self._url, body, self._price)
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
