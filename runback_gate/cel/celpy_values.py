"""What CEL says about values, for the values of celpy: kinds, equality, order, lookup, text of numbers.

In: celpy values, told apart by the names of their types, so that this file does not import celpy. Out: plain Python
values, or ValueError. `cel_py` puts them in place of what celpy does differently from the specification: there 1 and
1.0 are unequal, `null == 1` is an error, NaN equals itself, a list has an element -1, and text is a list of characters.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

KINDS = {
    "BoolType": "bool",
    "IntType": "int",
    "UintType": "uint",
    "DoubleType": "double",
    "StringType": "string",
    "BytesType": "bytes",
    "ListType": "list",
    "MapType": "map",
    "TimestampType": "timestamp",
    "DurationType": "duration",
    "NoneType": "null",
}
"""The types of celpy, and what CEL calls them."""
NUMBERS = ("int", "uint", "double")
ORDERED = ("bool", "string", "bytes", "timestamp", "duration")
"""Kinds besides numbers that have an order, each in itself."""

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""Text that `timestamp()` reads: RFC 3339."""

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_DOUBLE = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_TRUE, _FALSE = frozenset("1 t true TRUE True".split()), frozenset("0 f false FALSE False".split())

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def kind_of(value: object) -> str:
    """What CEL calls the type of a value of celpy."""
    name = type(value).__name__
    return KINDS.get(name, name)


def to_plain(value: Any) -> Any:
    """The plain Python value, for JSON and for functions of ours; times stay as they are."""
    kind = kind_of(value)
    if kind == "bool":
        return bool(value)
    if kind in ("int", "uint"):
        return int(value)
    if kind == "double":
        return float(value)
    if kind == "string":
        return str(value)
    if kind == "list":
        return [to_plain(item) for item in value]
    if kind == "map":
        return {to_plain(key): to_plain(item) for key, item in value.items()}
    return value


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal: numbers by value, other kinds only among themselves, maps and lists by content."""
    kind, other = kind_of(left), kind_of(right)
    if kind in NUMBERS and other in NUMBERS:
        return bool(operator.eq(*_numbers(left, right)))
    if kind != other:
        return False
    if kind == "list":
        return len(left) == len(right) and all(map(equal, left, right))
    if kind == "map":
        return len(left) == len(right) and all(
            any(equal(key, candidate) and equal(item, right[candidate]) for candidate in right)
            for key, item in left.items()
        )
    return left is right if kind == "null" else bool(left == right)


def number(value: Any) -> int | float:
    """The plain number."""
    return float(value) if isinstance(value, float) else int(value)


def _numbers(left: Any, right: Any) -> tuple[int | float, int | float]:
    """Two numbers to compare: an integer beside a double becomes a double, as in the other engines."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)
    return int(left), int(right)


def entry(container: Any, key: Any) -> Any:
    """`container[key]` of a map or a list. Raises ValueError where there is none."""
    if kind_of(container) == "map":
        for candidate in container:
            if equal(candidate, key):
                return container[candidate]
        raise ValueError("no such key")
    index = number(key)
    if index != int(index) or not 0 <= index < len(container):
        raise ValueError("the list has no such index")
    return list.__getitem__(container, int(index))


def compare(symbol: str, left: Any, right: Any) -> bool:
    """Whether `left symbol right` holds for two numbers or two values of one ordered kind."""
    if kind_of(left) in NUMBERS:
        left, right = _numbers(left, right)
    return bool(RELATIONS[symbol](left, right))


def divided_by_zero(left: float, right: float) -> float:
    """What a double divided by a zero is."""
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(1, left) * math.copysign(1, right) * math.inf


def int_of(value: Any) -> int:
    """`int(value)`. Raises ValueError for text that is no integer."""
    kind = kind_of(value)
    if kind == "double" and not -(2**63) < value < 2**63:
        raise ValueError("the double does not fit 64 bits")
    if kind == "string" and not _INTEGER.fullmatch(value):
        raise ValueError("cannot convert the string to int")
    return int(value.timestamp()) if kind == "timestamp" else int(value)


def double_of(value: Any) -> float:
    """`double(value)`. Raises ValueError for text that is no number."""
    if kind_of(value) == "string" and not _DOUBLE.fullmatch(value):
        raise ValueError("cannot convert the string to double")
    return float(value)


def bool_of(value: Any) -> bool:
    """`bool(value)`. Raises ValueError for text that is no truth value."""
    if kind_of(value) != "string":
        return bool(value)
    if value not in _TRUE and value not in _FALSE:
        raise ValueError("cannot convert the string to bool")
    return value in _TRUE


def text_of(value: Any) -> Any:
    """`string(value)` of bools and doubles as cel-cpp writes them; other kinds are left to celpy."""
    kind = kind_of(value)
    if kind == "bool":
        return "true" if value else "false"
    return _double_text(float(value)) if kind == "double" else value


def _double_text(value: float) -> str:
    """The shortest digits that read back, as cel-cpp prints them: with an exponent below -4 and from 6 on."""
    if not math.isfinite(value):
        return str(value)
    number = Decimal(repr(value)).normalize()
    if -4 <= number.adjusted() < 6:
        return f"{number:f}"
    mantissa, _, exponent = f"{number:e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:]:>02}"
