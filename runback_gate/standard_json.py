"""JSON by the standard library, read as strictly and written as canonically as orjson does it.

In: a text, or a value and the types and keys that occur in it. Out: the value, or its bytes.

    loads(b'{"a": 1}')                       # {"a": 1}
    sorted_bytes({"b": 1, "a": 2}, {dict, int}, {"a", "b"})     # b'{"a":2,"b":1}'

The recorder runs in the environment of somebody's agent, which need not have orjson.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any

Pairs = Callable[[list[tuple[str, Any]]], dict[str, Any]]
"""Makes a mapping of its keys and values, as they stand in the text."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_LONG_NUMBER = re.compile(r"[0-9]{16}")


def loads(data: bytes | str, pairs: Pairs | None = None) -> Any:
    """Read a text.

    Raises:
        JSONDecodeError: not RFC 8259 JSON, a number beyond a double, or text with a lone surrogate.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        value = json.loads(
            text, parse_constant=_out_of_range, parse_float=_in_range, parse_int=_in_range, object_pairs_hook=pairs
        )
        if not text.isascii() or "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise json.JSONDecodeError("text that is no UTF-8", "", 0) from error
    except RecursionError as error:
        raise json.JSONDecodeError("recursion limit reached", "", 0) from error
    return value


def sorted_bytes(value: object, kinds: Collection[type], keys: Collection[object]) -> bytes | None:
    """The RFC 8785 form, where sorting by code point and Python's own numbers give it; else None."""
    if float in kinds or not all(type(key) is str and key.isascii() for key in keys):
        return None
    text = _ENCODER.encode(value)
    if _LONG_NUMBER.search(text):  # which may be beyond the integers that are written as they are
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _in_range(digits: str) -> int | float:
    value = float(digits)
    if not math.isfinite(value):
        _out_of_range(digits)
    return int(digits) if digits.lstrip("-").isdigit() else value


def _out_of_range(digits: str) -> float:
    raise json.JSONDecodeError("number out of range", digits, 0)
