"""Hook for lm15, the HTTP client over sockets of its own that dspy carries.

In: the module of its synchronous or of its asynchronous transport. Out: a patch of the method that sends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from runback_gate.capture.call import CLOSED, Call, Take, begin
from runback_gate.capture.decoding import decoder


def patches(module: ModuleType, taker: Callable[[], Take | None]) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    """The method to patch."""

    def sync(send: Any) -> Any:
        @functools.wraps(send)
        def recorded(self: Any, request: Any) -> Any:
            call = begin(taker, request.method, request.url, lambda: request.body)
            if call is None:
                return send(self, request)
            with call.sending():
                response = send(self, request)
            _answered(call, response)
            response._chunks = call.watched(response._chunks)
            response._release = _released(response._release, call)
            return response

        return recorded

    def coroutine(send: Any) -> Any:
        @functools.wraps(send)
        async def recorded(self: Any, request: Any) -> Any:
            call = begin(taker, request.method, request.url, lambda: request.body)
            if call is None:
                return await send(self, request)
            with call.sending():
                response = await send(self, request)
            _answered(call, response)
            response._chunks = call.watched_async(response._chunks)
            response._release = _released(response._release, call)
            return response

        return recorded

    if hasattr(module, "StdlibTransport"):
        yield module.StdlibTransport, "stream", sync
    if hasattr(module, "StdlibAsyncTransport"):
        yield module.StdlibAsyncTransport, "_do_stream", coroutine


def _answered(call: Call, response: Any) -> None:
    headers = {name.lower(): value for name, value in response.headers}
    call.answered(response.status, headers, decoder(headers.get("content-encoding", "")))


def _released(release: Callable[[bool], Any], call: Call) -> Callable[[bool], Any]:
    """What lets go of the connection, sync or async; the answer is over then, early or not."""

    def released(consumed: bool) -> Any:
        call.end(CLOSED)
        return release(consumed)

    return released
