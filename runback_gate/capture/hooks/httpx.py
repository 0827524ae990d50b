"""Hook for httpx and httpx2, which most clients of model APIs send with.

In: the module of the library. Out: patches of `Client.send` and `AsyncClient.send`.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

from runback_gate.capture.call import CLOSED, Call, Take, begin
from runback_gate.capture.decoding import decoder


def patches(module: ModuleType, taker: Callable[[], Take | None]) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    """The methods to patch."""
    plain, asynchronous = _streams(module)

    def sync(send: Any) -> Any:
        @functools.wraps(send)
        def recorded(self: Any, request: Any, **options: Any) -> Any:
            call = begin(taker, request.method, str(request.url), lambda: request.read())
            if call is None:
                return send(self, request, **options)
            with call.sending():
                response = send(self, request, **options)
            _answered(call, response, plain)
            return response

        return recorded

    def coroutine(send: Any) -> Any:
        @functools.wraps(send)
        async def recorded(self: Any, request: Any, **options: Any) -> Any:
            call = begin(taker, request.method, str(request.url), lambda: request.content)
            if call is None:
                return await send(self, request, **options)
            with call.sending():
                response = await send(self, request, **options)
            _answered(call, response, asynchronous)
            return response

        return recorded

    yield module.Client, "send", sync
    yield module.AsyncClient, "send", coroutine


def _answered(call: Call, response: Any, stream: Callable[[Any, Call], Any]) -> None:
    if response.is_stream_consumed or response.is_closed:
        call.answered(response.status_code, response.headers)
        call.data(response.content)
        call.end()
    else:
        call.answered(response.status_code, response.headers, decoder(response.headers.get("content-encoding", "")))
        response.stream = stream(response.stream, call)


def _streams(module: ModuleType) -> tuple[Callable[[Any, Call], Any], Callable[[Any, Call], Any]]:
    """Streams that pass on what comes and keep it; each must be of the library's own class."""

    class Plain(module.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner, self._call = inner, call

        def __iter__(self) -> Iterator[bytes]:
            return self._call.watched(self._inner)

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._call.end(CLOSED)

    class Asynchronous(module.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner, self._call = inner, call

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._call.watched_async(self._inner)

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                self._call.end(CLOSED)

    return Plain, Asynchronous
