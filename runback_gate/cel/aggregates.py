"""Aggregates of a list: its sum, minimum, maximum, average and distinct elements.

In: a list of plain JSON values. Out: a plain JSON value, or ValueError. A list is of one kind: ints, doubles or, where
only order matters, texts. Sums of doubles are rounded once, so they do not depend on the order.

    total([40, 250])            # 290
    total([0.1, 0.2, 0.3])      # 0.6
    distinct([1, 1.0, "a"])     # [1, "a"]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from runback_gate.canonical import JsonValue

_KINDS = {int: "int", float: "double", str: "string"}


def total(values: Sequence[object]) -> int | float:
    """The sum of a list of ints or of doubles; 0 for an empty one.

    A list that mixes both, or holds anything else, and a sum that does not fit are errors: write
    `list.map(x, double(x)).sum()` where a number may be written with or without a point.
    """
    if not values:
        return 0
    if _kind("sum", values, ("int", "double")) == "double":
        return _sum("sum", cast("Sequence[float]", values))
    found = sum(cast("Sequence[int]", values))
    if not -(2**63) <= found < 2**63:
        raise ValueError("sum(): the sum does not fit 64 bits")
    return found


def smallest(values: Sequence[object]) -> JsonValue:
    """The smallest element of a list of ints, of doubles or of texts; an empty or mixed list is an error."""
    _kind("min", values, ("int", "double", "string"))
    return cast("JsonValue", min(cast("Sequence[str]", values)))


def largest(values: Sequence[object]) -> JsonValue:
    """The largest element of a list of ints, of doubles or of texts; an empty or mixed list is an error."""
    _kind("max", values, ("int", "double", "string"))
    return cast("JsonValue", max(cast("Sequence[str]", values)))


def average(values: Sequence[object]) -> float:
    """The average of a list of ints or of doubles, as a double; an empty or mixed list is an error."""
    if _kind("average", values, ("int", "double")) == "double":
        return _sum("average", cast("Sequence[float]", values)) / len(values)
    # Whole numbers of any size are divided exactly, then rounded once.
    return sum(cast("Sequence[int]", values)) / len(values)


def distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    """The different elements of a list, each where it stands first; numbers are the same by value, so 1 is 1.0."""
    found: dict[object, JsonValue] = {}
    for value in values:
        found.setdefault(_identity(value), value)
    return list(found.values())


def _kind(name: str, values: Sequence[object], allowed: Sequence[str]) -> str:
    """The kind that all elements have."""
    if not values:
        raise ValueError(f"{name}(): the list is empty")
    kinds = {_KINDS.get(type(value), "other") for value in values}
    if len(kinds) > 1 and kinds <= set(allowed):
        raise ValueError(f"{name}(): the list mixes {' and '.join(sorted(kinds))}: convert each element")
    kind = kinds.pop()
    if kinds or kind not in allowed:
        raise ValueError(f"{name}(): the list holds something that is no {' and no '.join(allowed)}")
    if kind == "double" and not all(map(math.isfinite, cast("Sequence[float]", values))):
        raise ValueError(f"{name}(): the list holds a number that is not finite")
    return kind


def _sum(name: str, values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError as error:
        raise ValueError(f"{name}(): the sum does not fit a double") from error


def _identity(value: object) -> object:
    """What is equal where CEL finds two values equal."""
    if isinstance(value, dict):
        return frozenset((key, _identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return ("list", *map(_identity, value))
    if isinstance(value, bool):
        return ("bool", value)
    if value is None or isinstance(value, (int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError("distinct(): the list holds something that JSON has no form for")
