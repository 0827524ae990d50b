"""JSON in texts: the arguments of a call and the results of tools, as expressions see them.

In: a text that a model or a tool wrote. Out: its value, or the text itself.

    read_json('{"amount": 40}')     # {"amount": 40}
    read_json("It worked.")         # "It worked."
"""

from __future__ import annotations

from functools import lru_cache

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.errors import RunbackError
from runback_gate.step import ToolCall

_INT64 = 1 << 63


def arguments(call: ToolCall) -> JsonValue:
    """The arguments of a call: the value of their JSON, or the text; models write nothing for no arguments."""
    return read_json(call.arguments) if call.arguments.strip() else {}


@lru_cache(maxsize=512)
def read_json(text: str) -> JsonValue:
    """The value of JSON text, or the text itself when it is none, repeats a key, or does not fit 64 bits.

    The value is shared: nobody may change it.
    """
    try:
        value = parse_json(text, path="")
    except RunbackError:
        return text
    return value if fits(value) else text


def fits(value: JsonValue) -> bool:
    """Whether every integer of a value fits 64 bits, which is all that an engine keeps."""
    if isinstance(value, dict):
        return all(map(fits, value.values()))
    if isinstance(value, list):
        return all(map(fits, value))
    return not isinstance(value, int) or -_INT64 <= value < _INT64
