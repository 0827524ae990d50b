"""What every format does with what it does not use: count it, keep it as a label, or refuse it.

In: objects of a file, and the names of the fields that their reader used. Out: a count of the rest by name.

    reader = Reader()
    reader.leave(message, {"role", "content"}, "$.messages[0]")     # {"timestamp": 1}, or NotUnderstoodError

Nothing that may decide how a step is judged is passed over: an answer, a call, a result, an error, instructions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import says_nothing

_DECIDES = frozenset(
    "answer answers candidates choices completion completions content contents conversation conversations error errors "
    "exception functioncall functionresponse functionresult history instructions messages observation observations "
    "output outputs parts reasoningcontent refusal response responses result results systeminstruction "
    "systeminstructions systemmessage systemprompt system text toolcall toolcalls toolresponse toolresponses "
    "toolresult toolresults tooluse arguments args input functionarguments iserror".split()
)
"""Names of fields that tell what was said or done, without case and separators."""
_ASSISTANTS = frozenset(("assistant", "model", "ai", "gpt", "agent"))
_OF_CALLS = frozenset(("tool_calls", "function_call", "functionCall", "toolUse", "functionResponse", "toolResult"))
_TYPES = frozenset(
    "tool_use tool_result tool-call tool-result function_call function_call_output toolCall toolResult".split()
)
_MAX_DEPTH = 64


@dataclass(slots=True)
class Reader:
    """The accounts of one file."""

    ignored: Counter[str] = field(default_factory=Counter)
    """How often each field was there and not used."""
    dialect: str | None = None
    """Name of the dialect of the messages, where somebody said it."""

    def leave(self, wire: Mapping[str, Any], known: Collection[str], place: str) -> None:
        """Count the fields that are not `known`.

        Raises:
            NotUnderstoodError: one of them may decide something.
        """
        for name in wire.keys() - known:
            value = wire[name]
            if value is None or value in ("", [], {}):
                continue
            if decides(name) and (value is True or not says_nothing(value)):
                raise NotUnderstoodError(f"{place}.{name}", "a field that may decide something is not understood")
            self.unused(name, value, f"{place}.{name}")

    def unused(self, name: str, value: Any, place: str) -> None:
        """Count a field that decides nothing.

        Raises:
            NotUnderstoodError: somewhere below stands what a model said, or what a tool did.
        """
        if isinstance(value, (dict, list)) and (found := next(said_below(value, place), None)):
            raise NotUnderstoodError(found, "what looks like an answer, a call or a result is not understood")
        self.ignored[name] += 1

    def labels(self, wire: Mapping[str, Any], known: Collection[str], place: str) -> dict[str, Any]:
        """The fields of a run that are not `known`, which are its labels; errors as `leave`."""
        found = {}
        for name, value in wire.items():
            if name in known or value is None:
                continue
            if _plain(name) in _HOLDS_TURNS and not says_nothing(value):
                raise NotUnderstoodError(f"{place}.{name}", "a field that may decide something is not understood")
            if isinstance(value, (dict, list)) and (said := next(said_below(value, f"{place}.{name}"), None)):
                raise NotUnderstoodError(said, "what looks like an answer, a call or a result is not understood")
            found[name] = value
        return found


_HOLDS_TURNS = frozenset(
    "answer answers candidates choices completion completions contents conversation conversations errors exception "
    "functioncall history instructions messages output outputs response responses systeminstruction systeminstructions "
    "systemmessage systemprompt system toolcall toolcalls toolresults error".split()
)
"""Of a run: names of fields that are no labels."""


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def decides(name: str) -> bool:
    """Whether a field of this name may tell what was said or done."""
    return _plain(name) in _DECIDES


def said_below(value: Any, place: str) -> Iterator[str]:
    """The places below a value at which something stands that looks like an answer, a call or a result."""
    waiting: list[tuple[Any, str, int]] = [(value, place, 0)]
    while waiting:
        item, at, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            continue
        if isinstance(item, list):
            waiting += [(below, f"{at}[{index}]", depth + 1) for index, below in enumerate(item)]
        elif isinstance(item, dict):
            if _is_said(item):
                yield at
                continue
            waiting += [(below, f"{at}.{name}", depth + 1) for name, below in item.items()]


def _is_said(item: dict[str, Any]) -> bool:
    role = item.get("role") or item.get("from")
    if isinstance(role, str) and role in _ASSISTANTS and item.keys() & {"content", "parts", "value"}:
        return True
    if any(isinstance(item.get(name), (dict, list)) and item[name] for name in _OF_CALLS):
        return True
    kind = item.get("type")
    return isinstance(kind, str) and kind in _TYPES and len(item) > 1
