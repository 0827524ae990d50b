"""Hook for requests.

In: the module of the library. Out: a patch of `Session.send`.
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
        def recorded(self: Any, request: Any, **options: Any) -> Any:
            call = begin(taker, request.method or "", request.url or "", lambda: request.body)
            if call is None:
                return send(self, request, **options)
            with call.sending():
                response = send(self, request, **options)
            call.answered(response.status_code, response.headers)
            if response._content_consumed:
                call.data(response.content or b"")
                call.end()
            else:
                _watch(response, call)
            return response

        return recorded

    yield module.Session, "send", sync


def _watch(response: Any, call: Call) -> None:
    """Every way to the content of a streamed response but `raw` goes through `iter_content`."""
    iterate, close = response.iter_content, response.close

    def iter_content(*args: Any, **kwargs: Any) -> Iterator[Any]:
        # Text is asked for by decode_unicode; the bytes are those that it was made of.
        decoded = kwargs.pop("decode_unicode", args[1] if len(args) > 1 else False)
        chunks = call.watched(iterate(*args[:1], **kwargs))
        return _texts(chunks, response.encoding) if decoded and response.encoding else chunks

    def closed() -> None:
        try:
            close()
        finally:
            call.end(CLOSED)

    response.iter_content, response.close = iter_content, closed


def _texts(chunks: Iterator[bytes], encoding: str) -> Iterator[str]:
    import codecs  # noqa: PLC0415  used when an application asks for text

    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for chunk in chunks:
        if text := decoder.decode(chunk):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text
