"""Conversations as they are: a list of messages, a body with such a list, a list of either, or one of them a line.

In: `[{"role": …}]`, `{"messages": […], "model": …}`, a list of these, or messages one a line. Out: one conversation
each; fields of the object that are no part of a request become labels of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from runback_gate.capture.formats.body import FIELDS, read_body
from runback_gate.capture.formats.dialects import dialects
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records

NAME: Final = "messages"
KEYS: Final = "messages[].role"
BESIDE: Final[frozenset[str]] = frozenset()


def matches(values: Sequence[Any]) -> bool:
    """Whether anything here could be a message or hold some."""
    return any(
        _is_body(value) or _is_message(value) or isinstance(value, list) or _is_body(_state(value))
        for value in values[:20]
    )


def _state(value: Any) -> Any:
    """The state of a snapshot of LangGraph."""
    return value.get("values") if isinstance(value, dict) and "next" in value else None


def _is_body(value: Any) -> bool:
    return isinstance(value, dict) and any(name in value for name in FIELDS)


def _is_message(value: Any) -> bool:
    known = isinstance(value, dict) and not _holds(value)
    return known and ("role" in value or any(form.fits(value) for form in dialects()))


def _holds(value: dict[str, Any]) -> bool:
    return any(isinstance(value.get(name), list) for name in FIELDS)


def split(records: Records) -> Iterator[Located]:
    """One conversation each."""
    values = records.values
    if records.lines and values and all(_is_message(item.value) for item in values):
        yield Located("$", None, [item.value for item in values])  # a message a line
        return
    for item in values:
        if _is_body(state := _state(item.value)):
            item = item.child(".values", state)
        many = isinstance(item.value, list) and bool(item.value) and not _is_message(item.value[0])
        if many and isinstance(item.value[0], (dict, list)):
            yield from (item.child(f"[{index}]", value) for index, value in enumerate(item.value))
        else:
            yield item


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a body."""
    return (read_body(where, reader),)
