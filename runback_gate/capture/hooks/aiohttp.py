"""Hook for aiohttp.

In: the module of the library. Out: patches of `ClientSession._request`, and of the ways to leave a response.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from runback_gate.capture.call import CLOSED, Call, Take, begin

_CALL = "_runback_gate_call"
_READS = ("read", "readany", "readchunk", "readline", "readuntil", "readexactly")


def patches(module: ModuleType, taker: Callable[[], Take | None]) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    """The methods to patch."""

    def coroutine(request: Any) -> Any:
        @functools.wraps(request)
        async def recorded(self: Any, method: str, url: Any, **options: Any) -> Any:
            whole = self._build_url(url) if hasattr(self, "_build_url") else url
            call = begin(taker, method, str(whole), lambda: _body(self, options))
            if call is None:
                return await request(self, method, url, **options)
            with call.sending():
                response = await request(self, method, url, **options)
            call.answered(response.status, response.headers)
            response.content = _Content(response.content, call)
            setattr(response, _CALL, call)
            return response

        return recorded

    def leaving(leave: Any) -> Any:
        @functools.wraps(leave)
        def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return leave(self, *args, **kwargs)
            finally:
                if (call := getattr(self, _CALL, None)) is not None:
                    call.end(CLOSED)

        return recorded

    yield module.ClientSession, "_request", coroutine
    yield module.ClientResponse, "close", leaving
    yield module.ClientResponse, "release", leaving


def _body(session: Any, options: dict[str, Any]) -> object:
    """What is sent: JSON as the session writes it, or bytes and text as they were given."""
    if options.get("json") is not None:
        return session._json_serialize(options["json"])
    data = options.get("data")
    return data if isinstance(data, (str, bytes, bytearray, memoryview)) else b""


class _Content:
    """The bytes of an answer, each kept as it is read; the end is known by the last of them."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner, self._call = inner, call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in _READS:
            return functools.partial(self._read, found)
        if name == "read_nowait":
            return lambda *args: self._took(found(*args))
        if name in ("iter_any", "iter_chunked", "iter_chunks"):
            return functools.partial(self._iterate, name)
        return found

    async def _read(self, read: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._took(await read(*args, **kwargs))
        except Exception as error:
            self._call.end(f"{type(error).__name__}: {error}")
            raise

    def _took(self, found: Any) -> Any:
        self._call.data(found[0] if isinstance(found, tuple) else found)
        if self._inner.at_eof():
            self._call.end()
        return found

    async def _iterate(self, name: str, size: int = -1) -> Any:
        read = {"iter_any": self.readany, "iter_chunks": self.readchunk}.get(name)
        while True:
            found = await (self.read(size) if read is None else read())
            if found in (b"", (b"", False)):
                return
            yield found

    async def __aiter__(self) -> Any:
        while line := await self.readline():
            yield line
