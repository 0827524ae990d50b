"""Wire: the formats of provider APIs, to the package's values and back, one file an API.

In: the JSON of a body, or the bytes of a streamed answer. Out: a `Request`, a `Response`, and the body of a request.

    api = wire.openai_chat
    request = api.read_request(body)
    grade, lost = wire.grade(body, api.write_request(request, request.model))
    response = api.read_answer(value)
    stream = api.read_stream()                              # stream.feed(bytes), stream.done, stream.body()

Readers take a body whole or raise one of `wire.faults`; a stream that is no JSON is a `DocumentError`. The standard
library is enough for all of it, since a recorder runs in the environment of somebody's agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runback_gate.step import Grade
from runback_gate.wire.fields import same


def grade(body: Any, written: Any) -> tuple[Grade, tuple[str, ...]]:
    """How much of a recorded body a replay sends: `exact`, or `semantic` and the JSON paths that differ.

    Args:
        body: as it was recorded.
        written: what `write_request` makes of its request.
    """
    lost = tuple(_differences(body, written, "$"))
    return ("semantic", lost) if lost else ("exact", ())


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
