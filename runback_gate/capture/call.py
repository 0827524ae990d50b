"""One call of a model API in progress, filled in by hooks piece by piece.

In: a request, then its answer. Out: one `Seen`, at its end, its error or its early close, whichever comes first.

    call = begin("POST", url, lambda: request.content)
    if call is not None:
        with call.sending():
            response = send(request)
        call.answered(response.status_code, response.headers)
        call.data(response.content)
        call.end()

Nothing here raises but what the client itself raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Final

from runback_gate.capture.exchange import MAX_BODY, Seen, is_model_call
from runback_gate.capture.outside import complain, monotonic, now

Take = Callable[[Seen], None]
"""Takes a call that is over."""
CLOSED: Final = "closed by the application before its end"

RUN_ENDED: Final = "the run ended before its answer did"

_open: dict[int, Call] = {}
"""Calls that go on: an application may leave a stream and never close it."""
_inside: ContextVar[bool] = ContextVar("runback_gate_inside", default=False)
"""A client that sends through another one is seen once."""


class Call:
    """A call that is recorded."""

    def __init__(self, take: Take, url: str, body: bytes) -> None:
        self._take, self._url, self._body = take, url, body
        self._at, self._start = now(), monotonic()
        self._status: int | None = None
        self._media = ""
        self._decode: Callable[[bytes], bytes] | None = None
        self._chunks: list[bytes] = []
        self._size = self._kept = 0
        self._ended = False

    def sending(self) -> Call:
        """With it, the client sends; what it raises is how the call ended."""
        return self

    def __enter__(self) -> None:
        self._token = _inside.set(True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        _inside.reset(self._token)
        if error is not None:
            self.end(f"{type(error).__name__}: {error}")

    def answered(self, status: int, headers: Mapping[str, str], decode: Callable[[bytes], bytes] | None = None) -> None:
        """The answer begins; `decode` undoes the content encoding of its bytes, where they come as they were sent."""
        self._status, self._decode = status, decode
        self._media = headers.get("content-type") or headers.get("Content-Type") or ""

    def data(self, chunk: bytes) -> None:
        """Bytes of the answer."""
        if self._ended:
            return
        self._size += len(chunk)
        if self._kept + len(chunk) <= MAX_BODY and self._kept == self._size - len(chunk):
            self._kept += len(chunk)
            self._chunks.append(chunk)

    def watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes of the answer as they come, each kept; the last one is its end, and so is what is raised."""
        try:
            for chunk in chunks:
                self.data(chunk)
                yield chunk
        except GeneratorExit:  # left, and collected
            self.end(CLOSED)
            raise
        except Exception as error:
            self.end(f"{type(error).__name__}: {error}")
            raise
        self.end()

    async def watched_async(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """As `watched`."""
        try:
            async for chunk in chunks:
                self.data(chunk)
                yield chunk
        except GeneratorExit:
            self.end(CLOSED)
            raise
        except Exception as error:
            self.end(f"{type(error).__name__}: {error}")
            raise
        self.end()

    def end(self, fault: str | None = None) -> None:
        """The answer is over, or the call is; only the first word counts."""
        if self._ended:
            return
        self._ended = True
        _open.pop(id(self), None)
        took = int((monotonic() - self._start) * 1000)
        chunks = tuple(self._chunks)
        whole = self._size == self._kept
        self._take(
            Seen(self._url, self._body, self._at, self._status, self._media, chunks, whole, self._decode, took, fault)
        )


def begin(take: Callable[[], Take | None], method: str, url: str, body: Callable[[], object]) -> Call | None:
    """A call that is to be recorded; None where nothing is recorded, or the request goes to no model API."""
    try:
        if method.upper() != "POST" or _inside.get() or not is_model_call(url):
            return None
        taker = take()
        if taker is None:
            return None
        content = body()
        data = content.encode() if isinstance(content, str) else bytes(content) if content else b""  # type: ignore[call-overload]
        call = Call(taker, url, data)
        _open[id(call)] = call
        return call
    except Exception as error:  # noqa: BLE001  the agent's request goes out whatever a hook does
        complain(f"a model call is not recorded: {type(error).__name__}")
        return None


def end_open(take: Take) -> None:
    """End the calls of a run that ends itself."""
    for call in list(_open.values()):
        if call._take == take:
            call.end(RUN_ENDED)


def forget_open() -> None:
    """In a forked child: what goes on belongs to the parent."""
    _open.clear()
