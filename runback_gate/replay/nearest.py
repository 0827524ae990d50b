"""Finds the request that is most like another, and where they first differ: this explains a cache miss.

In: requests that were asked before, and one that was not. Out: a sentence.

    nearest = Nearest()
    nearest.add("sha256:…", earlier)
    nearest.explain(request, read)              # 'the nearest cached request (1a2b3c4d) differs at parameters.seed'
"""

from __future__ import annotations

from collections.abc import Callable

from runback_gate.canonical import digest
from runback_gate.frozen import dataclass
from runback_gate.step import Request, to_json
from runback_gate.summary import first_difference

MAX_KNOWN = 5_000
"""More requests than this are not looked at: to explain must not cost more than to ask."""

_WEIGHTS = {"system": 4, "tools": 3, "model": 2, "parameters": 2}
_CONVERSATION = 16


@dataclass(frozen=True, slots=True)
class _Known:
    """A request in short, since there may be many: digests of its parts."""

    name: str
    fields: tuple[str, ...]
    messages: tuple[str, ...]


class Nearest:
    """The requests that are known."""

    def __init__(self) -> None:
        self._known: list[_Known] = []

    def add(self, name: str, request: Request) -> None:
        """Take in a request under the digest that names it."""
        if not self.full:
            self._known.append(_outline(name, request))

    @property
    def full(self) -> bool:
        """Whether no further request is taken in."""
        return len(self._known) >= MAX_KNOWN

    def explain(self, request: Request, read: Callable[[str], Request | None]) -> str:
        """Say which known request comes nearest and where it differs first; `read` gives a request by its name."""
        if not self._known:
            return "the cache knows no request"
        asked = _outline("", request)
        best = max(self._known, key=lambda known: (_alike(known, asked), known.name))
        known = read(best.name) if _shared(best, asked) else None
        if known is None:
            return "no cached request has this conversation"
        place = first_difference(to_json(known), to_json(request))
        return f"the nearest cached request ({best.name[7:15]}) differs at {place}"


def _outline(name: str, request: Request) -> _Known:
    fields = tuple(digest(to_json(getattr(request, field))) for field in _WEIGHTS)
    return _Known(name, fields, tuple(digest(to_json(message)) for message in request.messages))


def _shared(one: _Known, other: _Known) -> int:
    """How many messages two conversations begin with in common."""
    pairs = enumerate(zip(one.messages, other.messages, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one.messages), len(other.messages)))


def _alike(one: _Known, other: _Known) -> float:
    """The conversation counts most, since a config leaves it as it is."""
    pairs = zip(_WEIGHTS.values(), one.fields, other.fields, strict=True)
    same = sum(weight for weight, left, right in pairs if left == right)
    longest = max(len(one.messages), len(other.messages), 1)
    return same + _CONVERSATION * _shared(one, other) / longest
