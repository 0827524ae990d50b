"""Wire: the formats of provider APIs, to the package's values and back, one file an API.

In: the JSON of a body, or the bytes of a streamed answer. Out: a `Request`, a `Response`, and the body of a request.

    form = wire.format_of("openai.chat")
    request = form.read_request(body)
    grade, lost = wire.grade(body, form.write_request(request, request.model))
    response = form.read_answer(value)
    stream = form.read_stream()                             # stream.feed(bytes), stream.done, stream.body()

Readers take a body whole or raise one of `wire.faults`; a stream that is not JSON is a `DocumentError`. The standard
library is enough for all of it, since a recorder runs in the environment of someone's agent.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast, get_args

from runback_gate.canonical import JsonValue
from runback_gate.step import Api, Grade, Request, Response
from runback_gate.wire.fields import same

APIS: tuple[Api, ...] = get_args(Api)
"""Every API that is spoken."""


class AnswerStream(Protocol):
    """One streamed answer, between two pieces."""

    done: bool
    """Its end came; what follows is not read."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, cut anywhere; raises as `read_answer`, or DocumentError for what is no JSON."""

    def body(self) -> dict[str, Any]:
        """The JSON that a plain call would have answered; raises CutError when it has no end."""


class WireFormat(Protocol):
    """One API: what each of its files offers."""

    @property
    def PARAMETERS(self) -> frozenset[str]:  # noqa: N802  a constant of a module
        """Fields that an agent config states as parameters."""

    def read_request(self, body: JsonValue) -> Request:
        """The request of a body; raises NotUnderstoodError."""

    def write_request(self, request: Request, model: str | None) -> dict[str, Any]:
        """The body of a request; where the model stands in the address, it is not in the body."""

    def read_answer(self, value: JsonValue) -> Response:
        """The one answer; raises ErrorAnswerError, NotUnderstoodError."""

    def read_stream(self) -> AnswerStream:
        """The reader of one streamed answer."""


def format_of(api: Api) -> WireFormat:
    """The wire format of an API; imported when it is asked for."""
    return cast("WireFormat", import_module(f"{__name__}.{api.replace('.', '_')}"))


def grade(body: Any, written: Any) -> tuple[Grade, tuple[str, ...]]:
    """How much of a recorded body a replay sends: `exact`, or `semantic` and the JSON paths that differ.

    Args:
        body: as it was recorded.
        written: what `write_request` makes of its request.
    """
    # Most bodies are written as they were, which needs no walk.
    if isinstance(body, dict) and isinstance(written, dict) and _in_bytes(body) == _in_bytes(written):
        return "exact", ()
    lost = tuple(_differences(body, written, "$"))
    return ("semantic", lost) if lost else ("exact", ())


def _in_bytes(body: dict[str, Any]) -> dict[str, bytes]:
    """Each field so that equal bytes are equal JSON, of the same types; version 2 of the format has no references."""
    return {name: marshal.dumps(value, 2) for name, value in body.items()}


def _differences(one: Any, other: Any, place: str) -> Iterator[str]:
    if same(one, other):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            if name not in one or name not in other:
                yield f"{place}.{name}"
            else:
                yield from _differences(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{place}[{index}]")
    else:
        yield place
