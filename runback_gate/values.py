"""Frozen dataclasses of plain values, to JSON and back: what `step` and `report` are written and read with.

to_json(Message("user", "Hello"))                       # {"role": "user", "content": "Hello"}
from_json(Message, {"role": "user"}, "messages[0]")     # Message("user")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runback_gate.errors import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from runback_gate.canonical import JsonValue

T = TypeVar("T")

LEFT_OUT = {"left out": True}
"""Metadata of a field whose default is left out of the JSON."""


_EMPTY: tuple[object, ...] = ({}, [])
_SCALARS = frozenset((str, int, bool, float))
_CONTAINERS = frozenset((tuple, list, dict))


def to_json(value: object) -> JsonValue:
    """The JSON of any value of this package's dataclasses; what is None is left out, and what is empty by default.

    Plain JSON inside a value (parameters, schemas) is passed on as it is: nobody may change it.
    """
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    fields = _fields(cast("Hashable", type(value)))
    if fields is None:
        return cast("JsonValue", value)
    found: dict[str, JsonValue] = {}
    for name, left_out in fields:
        item = getattr(value, name)
        if item is None:
            continue
        kind = type(item)
        # By type and without comparing where that can be: every message of every step comes through here.
        if kind not in _SCALARS:
            if not item and left_out is _EMPTY and kind in _CONTAINERS:
                continue
            item = item if kind is dict else to_json(item)
        elif left_out is _EMPTY:
            found[name] = item
            continue
        if item is not None and item not in left_out:
            found[name] = item
    if "parts" in found:
        # The text is made from them.
        found.pop("content", None)
        found.pop("text", None)
    return found


@cache
def _fields(kind: Any) -> tuple[tuple[str, tuple[object, ...]], ...] | None:
    """The fields of a dataclass, and the values of each that are left out; None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple((item.name, _left_out(item)) for item in dataclasses.fields(kind))


def _left_out(item: dataclasses.Field[Any]) -> tuple[object, ...]:
    missing = dataclasses.MISSING
    if item.metadata:
        return (item.default,)
    stated = item.default is None or (item.default is missing and item.default_factory is missing)
    return () if stated else _EMPTY


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  costs 0.1 CPU s, which `--help` must not pay

    return TypeAdapter(kind)


def from_json(kind: type[T], value: JsonValue, what: str) -> T:
    """Read a dataclass of this package from its JSON; `what` names it in the error.

    Raises:
        InputError: a field is missing, unknown or of another type.
    """
    from pydantic import ValidationError  # noqa: PLC0415  a wire format needs the standard library alone

    try:
        return cast("T", _adapter(cast("Hashable", kind)).validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{what}: {where}: {message}") from error
