"""What CEL says about values, for the values of celpy: kinds, equality, order, lookup, text of numbers.

In: celpy values, told apart by the names of their types, so that this file does not import celpy. Out: plain Python
values, or ValueError. `cel_py` puts them in place of what celpy does differently from the specification: there 1 and
1.0 are unequal, `null == 1` is an error, NaN equals itself, a list has an element -1, and text is a list of characters.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from runback_gate.cel.spelling import takes
from runback_gate.cel.times import Timestamp, duration, field, timestamp
from runback_gate.frozen import dataclass

KINDS = {
    "BoolType": "bool",
    "IntType": "int",
    "UintType": "uint",
    "DoubleType": "double",
    "StringType": "string",
    "BytesType": "bytes",
    "ListType": "list",
    "MapType": "map",
    "Timestamp": "timestamp",
    "Duration": "duration",
    "TypeName": "type",
    "NoneType": "null",
}
"""The types of celpy, and what CEL calls them."""
NUMBERS = ("int", "uint", "double")
ORDERED = ("bool", "string", "bytes", "timestamp", "duration")
"""Kinds besides numbers that have an order, each in itself."""


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as a value."""

    name: str


_NAMED = "bool bytes double int list map string type uint".split()
TYPES = {**{name: TypeName(name) for name in _NAMED}, "null_type": TypeName("null")}
"""The types that an expression can name, by what it calls them."""

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
    """The plain Python value, for JSON and for functions of ours; times as Python has them, in microseconds."""
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
    return value.plain() if kind in ("timestamp", "duration") else value


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


def remainder(left: Any, right: Any) -> Any:
    """`left % right`: an error where the quotient is one, as that of the least integer by -1."""
    if kind_of(left) == "int" and int(right) == -1:
        left / right
    return left % right


def divided_by_zero(left: float, right: float) -> float:
    """What a double divided by a zero is."""
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(1, left) * math.copysign(1, right) * math.inf


def converted(name: str, value: Any) -> Any:
    """`int(value)` and the like as a plain value. Raises ValueError for text that is written otherwise (`spelling`)."""
    kind = kind_of(value)
    if kind == name:
        return value
    if kind == "string" and not takes(name, value):
        raise ValueError(f"cannot convert the string to {name}")
    if name == "double":
        return float(value)
    if name == "bool":
        return value[0] in "1tT"
    if name == "timestamp":
        return timestamp(value) if kind == "string" else Timestamp(int(value) * 10**9)
    if name == "duration":
        return duration(value)
    if kind == "double" and not -(2**63) < value < 2**64:
        raise ValueError("the double does not fit 64 bits")
    return value.seconds if kind == "timestamp" else int(value)


def time_field(name: str, value: Any, zone: Any = "") -> int:
    """`getHours()` and the like, in UTC or a time zone. Raises ValueError for a zone that does not exist."""
    if not takes(f"get{name}", zone):
        raise ValueError("no time zone")
    return field(name, value, str(zone))


def text_of(value: Any) -> Any:
    """`string(value)` of bools and doubles as cel-cpp writes them; other kinds are left to celpy."""
    kind = kind_of(value)
    if kind == "bool":
        return "true" if value else "false"
    return (
        _double_text(float(value)) if kind == "double" else str(value) if kind in ("timestamp", "duration") else value
    )


def _double_text(value: float) -> str:
    """The shortest digits that read back, as cel-cpp prints them: with an exponent below -4 and from 6 on."""
    if not math.isfinite(value):
        return str(value)
    number = Decimal(repr(value)).normalize()
    if -4 <= number.adjusted() < 6:
        return f"{number:f}"
    mantissa, _, exponent = f"{number:e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:]:>02}"
