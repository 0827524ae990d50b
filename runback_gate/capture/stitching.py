"""Which run a call of a model belongs to, told by its conversation alone.

In: the conversation that a call sends, then its answer. Out: the key of the run that it continues, or None.

    stitcher = Stitcher()
    run = stitcher.find(request) or "run-1"
    stitcher.answered(run, request, response)

A call goes on with a run when it repeats what that run asked and was answered: the longest such beginning decides, else
the id of a call whose result it brings. Of runs that said the same, each goes on once, in their order.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from runback_gate.canonical import canonical_bytes, parse_json, sha256
from runback_gate.errors import RunbackError
from runback_gate.step import Message, Request, Response, ToolCall

MAX_REMEMBERED: Final = 65_536
"""Beginnings of conversations that are remembered; the oldest is forgotten first."""

_Key = tuple[str, bytes]


class Stitcher:
    """Remembers what was said in which run."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._runs: OrderedDict[_Key, deque[str]] = OrderedDict()

    def find(self, request: Request) -> str | None:
        """The run that a request goes on with."""
        for key in (*_longest_first(request, ids=True), *_longest_first(request, ids=False), *_results(request)):
            if waiting := self._runs.get(key):
                return waiting.popleft() if len(waiting) > 1 else waiting[0]
        return None

    def answered(self, run: str, request: Request, response: Response) -> None:
        """Remember what a run asked and was answered."""
        said = Message("assistant", response.text, response.tool_calls)
        for ids in (True, False):
            self._remember((f"said {ids}", _chain(request, (*request.messages, said), ids=ids)[-1]), run)
        for call in response.tool_calls:
            if call.id:
                self._remember(_call_key(call), run)

    def forget(self, run: str) -> None:
        """Nothing goes on with this run any more."""
        for key in [key for key, waiting in self._runs.items() if run in waiting]:
            self._runs[key].remove(run)
            if not self._runs[key]:
                del self._runs[key]

    def _remember(self, key: _Key, run: str) -> None:
        waiting = self._runs.setdefault(key, deque(maxlen=64))
        if run not in waiting:
            waiting.append(run)
        self._runs.move_to_end(key)
        if len(self._runs) > self._limit:
            self._runs.popitem(last=False)


def _longest_first(request: Request, *, ids: bool) -> Iterator[_Key]:
    """The beginnings of a conversation that end with an answer."""
    chain = _chain(request, request.messages, ids=ids)
    for message, digest in zip(reversed(request.messages), reversed(chain), strict=True):
        if message.role == "assistant":
            yield f"said {ids}", digest


def _results(request: Request) -> Iterator[_Key]:
    """The calls whose results a request brings, the last first."""
    results = {message.tool_call_id for message in request.messages if message.role == "tool"}
    for message in reversed(request.messages):
        for call in message.tool_calls:
            if call.id and call.id in results:
                yield _call_key(call)


def _call_key(call: ToolCall) -> _Key:
    return "call", _digest(b"", [call.id, call.name, _arguments(call)])


def _chain(request: Request, messages: tuple[Message, ...], *, ids: bool) -> list[bytes]:
    """A digest of each beginning of a conversation."""
    last = _digest(b"", request.system or "")
    found = []
    for message in messages:
        calls = [[call.id if ids else "", call.name, _arguments(call)] for call in message.tool_calls]
        last = _digest(last, [message.role, message.content, calls, (message.tool_call_id or "") if ids else ""])
        found.append(last)
    return found


def _digest(before: bytes, value: object) -> bytes:
    return sha256(before + canonical_bytes(value)).digest()  # type: ignore[arg-type]


def _arguments(call: ToolCall) -> str:
    """The arguments without their spaces and the order of their keys, which some sources do not keep."""
    try:
        return canonical_bytes(parse_json(call.arguments or "{}", path="arguments")).decode()
    except RunbackError:
        return call.arguments
