"""Whole answers and requests in a report: each once, by digest, within bounds.

In: the rows, worst first, and what is kept of the bodies that they name. Out: `Body` values for `Report.answers` and
`Report.requests`. What is too large, or comes after the bound of all, is there by digest and size alone.

    answers, requests = report_bodies(rows, bodies.get)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row

MAX_BODY: Final = 256 << 10
"""Bytes of canonical JSON of one body that a report holds."""
MAX_BODIES: Final = 16 << 20
"""Bytes of all bodies of a report."""
_SMALL: Final = 128
"""Bytes below which a value is not worth a name."""


@dataclass(frozen=True, slots=True)
class Body:
    """An answer or a request in full."""

    digest: str
    """SHA-256 of its canonical JSON."""
    bytes: int
    """Size of its canonical JSON."""
    value: dict[str, Any] | None
    """It as canonical JSON (a float is `{"$decimal": …}`), or None beyond a bound."""


def report_bodies(
    rows: Iterable[Row], get: Callable[[str], bytes | None], bound: int = MAX_BODIES
) -> tuple[tuple[Body, ...], tuple[Body, ...]]:
    """Answers and requests that rows name, each sorted by digest; the bound cuts in the order of the rows."""

    shared: dict[str | int, Any] = {}

    def body(name: str, left: int) -> Body | None:
        data = get(name)
        if data is None or len(data) > min(MAX_BODY, left):
            return None if data is None else Body(name, len(data), None)
        # Prompt, tools and conversation are mostly those of another body: each is held once.
        value = {key: _held_once(item, shared) for key, item in orjson.loads(data).items()}
        return Body(name, len(data), value)

    return _bounded(rows, body, bound)


def _held_once(item: Any, shared: dict[str | int, Any]) -> Any:
    """A value, or the same one of another body; texts are known by themselves, what is larger by a hash of its JSON."""
    if type(item) is str:
        return shared.setdefault(item, item)
    data = orjson.dumps(item)
    if len(data) < _SMALL:
        return item
    # A hash is not the value, and of values alone 1 and 1.0 are equal.
    found = shared.setdefault(hash(data), item)
    return found if found == item else item


def merged_bodies(
    rows: Iterable[Row], found: Mapping[str, Body], bound: int = MAX_BODIES
) -> tuple[tuple[Body, ...], tuple[Body, ...]]:
    """The same of the bodies of all parts: each that the whole run has is there, the order of rows being the same."""
    return _bounded(rows, lambda name, _: found.get(name), bound)


def _bounded(
    rows: Iterable[Row], find: Callable[[str, int], Body | None], left: int
) -> tuple[tuple[Body, ...], tuple[Body, ...]]:
    answers: dict[str, Body] = {}
    requests: dict[str, Body] = {}
    for row in rows:
        for kept, names in zip((answers, requests), _named(row), strict=True):
            for name in names:
                body = None if name in kept else find(name, left)
                if body is None:
                    continue
                left -= body.bytes if body.bytes <= MAX_BODY else 0
                kept[name] = body if left >= 0 else Body(name, body.bytes, None)
    return tuple(tuple(kept[name] for name in sorted(kept)) for kept in (answers, requests))  # type: ignore[return-value]


def _named(row: Row) -> tuple[Sequence[str], Sequence[str]]:
    """Digests of the answers and of the requests that a row is about."""
    answers = [trial.answer_digest for trial in row.trials] + [row.recorded_answer]
    asked = [trial.request for trial in row.trials if trial.answer_digest or row.recorded_request]
    return [name for name in answers if name], [name for name in [*asked, row.recorded_request] if name]
