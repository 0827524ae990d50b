"""Frozen dataclasses of plain values, to JSON and back: what `step` and `report` are written and read with.

to_json(Message("user", "Hello"))                       # {"role": "user", "content": "Hello"}
from_json(Message, {"role": "user"}, "messages[0]")     # Message("user")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import compress
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runback_gate.canonical import canonical_bytes, made_bytes
from runback_gate.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

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
    return _to_json(value, [])


def to_canonical(value: object) -> bytes:
    """The canonical bytes of the JSON of a value; errors as `canonical_bytes`."""
    foreign: list[object] = []
    found = _to_json(value, foreign)
    return canonical_bytes(found) if foreign else made_bytes(found)


def _to_json(value: object, foreign: list[object]) -> JsonValue:
    """As `to_json`; `foreign` gets what is passed on as it is."""
    if isinstance(value, (list, tuple)):
        return [item if type(item) is str else _to_json(item, foreign) for item in value]
    kind: Any = type(value)
    plan = _plan(kind)
    if plan is None:
        foreign.append(value)
        return cast("JsonValue", value)
    found: dict[str, JsonValue] = {}
    # By type and without comparing where that can be, and C passes over what has its default: every message of every
    # step comes through here.
    items = plan.get(value)
    for name, left_out, item in compress(zip(plan.names, plan.left_out, items), map(is_not, items, plan.defaults)):  # noqa: B905
        if item is None:
            continue
        kind = type(item)
        if kind is str and left_out is _EMPTY:
            found[name] = item
        elif kind in _SCALARS:
            if kind is float:
                foreign.append(item)
            if item not in left_out:
                found[name] = item
        elif item or left_out is not _EMPTY or kind not in _CONTAINERS:
            if kind is dict:
                foreign.append(item)
            else:
                item = _to_json(item, foreign)
            if item is not None and item not in left_out:
                found[name] = item
    if "parts" in found:
        # The text is made from them.
        found.pop("content", None)
        found.pop("text", None)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """How a kind of values is written."""

    get: Callable[[Any], Sequence[Any]]
    """Reads all fields of a value."""
    names: tuple[str, ...]
    defaults: tuple[object, ...]
    """Of each field: the value that is left out and mostly there; None is always left out."""
    left_out: tuple[tuple[object, ...], ...]
    """Of each field: all values that are left out."""


@cache
def _plan(kind: Any) -> _Plan | None:
    """How a dataclass is written; None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    fields = dataclasses.fields(kind)
    names = tuple(item.name for item in fields)
    # Of one name alone, or of none, `attrgetter` gives no tuple.
    get = attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, name) for name in names]
    left_out = tuple(map(_left_out, fields))
    defaults = tuple(item.default if item.metadata or item.default == () else None for item in fields)
    return _Plan(get, names, defaults, left_out)


def _left_out(item: dataclasses.Field[Any]) -> tuple[object, ...]:
    missing = dataclasses.MISSING
    if item.metadata:
        return (item.default,)
    stated = item.default is None or (item.default is missing and item.default_factory is missing)
    return () if stated else _EMPTY


@cache
def _validator(kind: Any) -> tuple[Callable[[Any], Any], type[ValidationError]]:
    """What reads a kind of values, and what it raises."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  costs 0.1 CPU s, which `--help` must not pay

    # The adapter's own method asks for nine options at each call, twice the time of reading a message.
    return TypeAdapter(kind).validator.validate_python, ValidationError


def from_json(kind: type[T], value: JsonValue, what: str) -> T:
    """Read a dataclass of this package from its JSON; `what` names it in the error.

    Raises:
        InputError: a field is missing, unknown or of another type.
    """
    read, refused = _validator(cast("Hashable", kind))
    try:
        return read(value)  # type: ignore[no-any-return]
    except refused as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{what}: {where}: {message}") from error
