"""Numbers and formats of JSON Schema, as JSON writes them: decimals, not doubles.

In: JSON text or the numbers of a schema. Out: the same values with each fraction as an exact decimal.

    exact(0.01)                                             # Exact("0.01")
    read_exact("[4.02, 1]")                                 # [Exact("4.02"), 1]
    FORMATS["date"]("2026-02-30")                           # False

A double nearest to 4.02 is no multiple of the double nearest to 0.01, and both are what people mean by these texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

MAX_DIGITS = 400
"""Digits, and places behind the point, of a number that is compared exactly."""

_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"


class Exact(Decimal):
    """A decimal that prints as the number that it is."""

    def __repr__(self) -> str:
        return str(self)


def exact(value: Any) -> Any:
    """The value of a schema with each float as the shortest decimal that reads back as the same double."""
    if isinstance(value, float):
        return Exact(repr(value))
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value


def read_exact(text: str) -> Any:
    """The value of JSON text that a strict reader took, with each fraction as it is written.

    Raises:
        ValueError: a number has more than 400 digits or places.
    """
    return json.loads(text, parse_float=_decimal)


def _decimal(text: str) -> Exact:
    value = Exact(text)
    if len(value.as_tuple().digits) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
    return value


def is_whole(value: object) -> bool:
    """Whether a value is an integer to JSON Schema: 1.0 is."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _is(kind: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            return text.isascii() and bool(kind(text))
        except ValueError:
            return False

    return holds


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    return lambda text: compiled.fullmatch(text) is not None


def _date(text: str) -> bool:
    return _matches(r"\d{4}-\d\d-\d\d")(text) and date.fromisoformat(text).year > 0


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is(_date),
    "time": _matches(_TIME),
    "date-time": _is(lambda text: _date(text[:10]) and _matches(r"T" + _TIME)(text[10:])),
    "duration": _matches(r"P(?!$)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?|P\d+W"),
    "email": _matches(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*"),
    "hostname": _matches(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"),
    "ipv4": _is(IPv4Address),
    "ipv6": _is(lambda text: "%" not in text and IPv6Address(text)),
    "uri": _matches(r"[a-z][a-z0-9+.-]*:[a-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*"),
    "uuid": _matches(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
"""The formats that are checked, by their names in JSON Schema 2020-12: RFC 3339, 5321, 1123, 2673, 4291, 3986, 4122."""
