"""Conversations in the format of ShareGPT.

In: `{"from": "gpt", "value": …}`; a call is JSON in the value of `function_call`. Out: an `Entry` each.

https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html#sharegpt-format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.chat import read_call
from runback_gate.capture.formats.model import Entry, Located, entry_of
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Role
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping, string

NAME: Final = "sharegpt"
API: Final = None

_ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
    "function_response": "tool",
}


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    return isinstance(item.get("from"), str) and "value" in item


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return marks(item) and item["from"] in _ROLES


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, ("from", "value"))
        role = _ROLES.get(str(wire.get("from")))
        if role is None:
            raise NotUnderstoodError(f"{item.place}.from", f"unknown role {str(wire.get('from'))[:40]!r}")
        text = string(wire.get("value"), f"{item.place}.value")
        if wire["from"] != "function_call":
            yield entry_of(Message(role, text))
            continue
        try:
            value = json.loads(text)
        except ValueError:
            raise NotUnderstoodError(f"{item.place}.value", "a call that is no JSON") from None
        calls = value if isinstance(value, list) else [value]
        read_calls = tuple(read_call(call, f"{item.place}.value") for call in calls)
        yield entry_of(Message("assistant", "", read_calls))
