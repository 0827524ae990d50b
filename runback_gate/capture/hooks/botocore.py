"""Hook for botocore, which signs and sends the calls of Amazon Bedrock.

In: the module `botocore.httpsession`. Out: a patch of `URLLib3Session.send`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from runback_gate.capture.call import CLOSED, Call, Take, begin


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
            call.answered(response.status_code, response.headers)
            if response._content is not None:
                call.data(response.content)
                call.end()
            else:
                response.raw = _Raw(response.raw, call)
            return response

        return recorded

    yield module.URLLib3Session, "send", sync


class _Raw:
    """The bytes of an answer: botocore reads them by `stream` and `read`, and asks for little else."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner, self._call = inner, call

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Pieces as they come."""
        return self._call.watched(self._inner.stream(*args, **kwargs))

    def read(self, amount: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        """So many bytes, or all."""
        chunk: bytes = self._inner.read(amount, *args, **kwargs)
        self._call.data(chunk)
        if amount is None or (amount and not chunk):
            self._call.end()
        return chunk

    def close(self) -> None:
        """Early, or after the end."""
        try:
            self._inner.close()
        finally:
            self._call.end(CLOSED)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
