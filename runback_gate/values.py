"""Frozen dataclasses of plain values, to JSON and back: what `step` and `report` are written and read with.

to_json(Message("user", "Hello"))                       # {"role": "user", "content": "Hello"}
from_json(Message, {"role": "user"}, "messages[0]")     # Message("user")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from runback_gate.canonical import canonical_bytes, made_bytes, stays_canonical, written
from runback_gate.errors import InputError
from runback_gate.frozen import opened

if TYPE_CHECKING:
    from pydantic import ValidationError

    from runback_gate.canonical import JsonValue

T = TypeVar("T")

LEFT_OUT = {"left out": True}
"""Metadata of a field whose default is left out of the JSON."""


_EMPTY: tuple[object, ...] = ({}, [])
_SCALARS = frozenset((str, int, bool))
_CONTAINERS = frozenset((tuple, list, dict))


def to_json(value: object) -> JsonValue:
    """The JSON of any value of this package's dataclasses; what is None is left out, and what is empty by default.

    Plain JSON inside a value (parameters, schemas) is passed on as it is: nobody may change it.
    """
    found: JsonValue = _to_json(value, [])
    return found


def to_canonical(value: object, known: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """The canonical bytes of the JSON of a value; errors as `canonical_bytes`.

    `known` are those of fields that are not empty and were written before.
    """
    foreign: list[object] = []
    write = _writer(cast("Hashable", type(value)), tuple(known)) if known else _WRITERS[type(value)]
    found = _to_json(value, foreign) if write is None else write(value, foreign)
    if not foreign or stays_canonical(foreign):
        return made_bytes({**found, **{name: written(data) for name, data in known.items()}} if known else found)
    return canonical_bytes(to_json(value) if known else found)


def _to_json(value: Any, foreign: list[object]) -> Any:
    """As `to_json`; `foreign` gets what is passed on as it is."""
    write = _WRITERS[type(value)]
    if write is not None:
        return write(value, foreign)
    if isinstance(value, (list, tuple)):
        return [item if type(item) is str else _to_json(item, foreign) for item in value]
    foreign.append(value)
    return value


class _Writers(dict[type, "Callable[[Any, list[object]], dict[str, JsonValue]] | None"]):
    """By dataclass, what writes its values; None for any other type."""

    def __missing__(self, kind: Any) -> Callable[[Any, list[object]], dict[str, JsonValue]] | None:
        write = self[kind] = _writer(cast("Hashable", kind)) if dataclasses.is_dataclass(kind) else None
        return write


_WRITERS = _Writers()


@cache
def _writer(kind: Any, without: tuple[str, ...] = ()) -> Callable[[Any, list[object]], dict[str, JsonValue]]:
    """Writes the values of a dataclass, but for some fields.

    Every message of every step is written, so the function is made once for each dataclass, as `dataclasses` makes
    `__init__`: a field that is a text or has its default costs one comparison.
    """
    names: dict[str, Any] = {"CONTAINERS": _CONTAINERS, "SCALARS": _SCALARS, "other": _other}
    lines = ["def write(value, foreign):", " found = {}"]
    for number, item in enumerate(field for field in dataclasses.fields(kind) if field.name not in without):
        left_out = names[f"left_out_{number}"] = _left_out(item)
        names[f"default_{number}"] = default = item.default
        # What has its default mostly has it as the same object.
        same = item.metadata or _to_json(default, []) in _EMPTY
        there = f"item is not None and item is not default_{number}" if same else "item is not None"
        known = "SCALARS" if left_out in ((), _EMPTY) else f"SCALARS and item not in left_out_{number}"
        lines += [
            f" item = value.{item.name}",
            f" if {there}" + (" and (item or type(item) not in CONTAINERS):" if left_out is _EMPTY else ":"),
            f"  if type(item) in {known}: found[{item.name!r}] = item",
            f"  else: other(found, {item.name!r}, item, left_out_{number}, foreign)",
        ]
    # The text is made from the parts.
    lines += [" if 'parts' in found:", "  found.pop('content', None)", "  found.pop('text', None)", " return found"]
    exec("\n".join(lines), names)  # noqa: S102  of the names of our own fields, and of nothing else
    return cast("Callable[[Any, list[object]], dict[str, JsonValue]]", names["write"])


def _other(
    found: dict[str, JsonValue], name: str, item: Any, left_out: tuple[object, ...], foreign: list[object]
) -> None:
    """Write a field that is no text or number; what is empty by default, or stands in `left_out`, is not written."""
    item = _to_json(item, foreign)
    if item is not None and item not in left_out:
        found[name] = item


def _left_out(item: dataclasses.Field[Any]) -> tuple[object, ...]:
    """The values of a field that are not written, besides None."""
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


class _Readers(dict[Any, "Callable[[Any], Any] | None"]):
    """By dataclass, what reads plain values of it; None for any other type, and for fields of other forms."""

    def __missing__(self, kind: Any) -> Callable[[Any], Any] | None:
        strict = dataclasses.is_dataclass(kind) and getattr(kind, "__pydantic_config__", None) == {"extra": "forbid"}
        plain = strict and kind.__bases__ == (object,) and "__slots__" in vars(kind)
        read = self[kind] = _reader(kind) if plain else None
        return read


_READERS = _Readers()
_TEXT = frozenset((str,))


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """Reads plain values of a dataclass: each field is there as the very type that it has, or has its default.

    It gives None for all else, which pydantic looks at: it may take it, and says what is wrong. Made once for each
    dataclass, as `_writer`, and for the same reason: pydantic sets each field by a call.
    """
    names: dict[str, Any] = {"Frozen": kind, "Open": opened(kind), "new": object.__new__, "each": _each, "TEXT": _TEXT}
    lines = ["def read(value):", " if type(value) is not dict: return None", " self, left = new(Open), len(value)"]
    types = get_type_hints(kind, include_extras=True)
    for number, item in enumerate(dataclasses.fields(kind)):
        checks = _checks(types[item.name], number, names)
        if checks is None or not item.init:
            return None
        lines += [f" if left and {item.name!r} in value:", f"  item = value[{item.name!r}]"]
        lines += [f"  {check}" for check in checks]
        lines += [f"  self.{item.name} = item", "  left -= 1"]
        made = item.default_factory is not dataclasses.MISSING
        names[f"default_{number}"] = item.default_factory if made else item.default
        required = item.default is dataclasses.MISSING and not made
        missing = "return None" if required else f"self.{item.name} = default_{number}{'()' * made}"
        lines += [f" else: {missing}"]
    lines += [" if left: return None", " self.__class__ = Frozen"]
    if hasattr(kind, "__post_init__"):
        lines += [" try: self.__post_init__()", " except ValueError: return None"]
    exec("\n".join([*lines, " return self"]), names)  # noqa: S102  of the names of our own fields, and of nothing else
    return cast("Callable[[Any], Any]", names["read"])


def _checks(stated: Any, number: int, names: dict[str, Any]) -> list[str] | None:
    """The statements that return where an item is not plainly what a field is stated to be; None for other fields."""
    options = [option for option in get_args(stated) if option is not type(None)]
    if get_origin(stated) in (Union, UnionType):
        return _checks(options[0], number, names) if len(options) == 1 else None
    if stated in (str, int, bool):
        return [f"if type(item) is not {stated.__name__}: return None"]
    if get_origin(stated) is Literal:
        names[f"known_{number}"] = frozenset(options)
        return [f"if type(item) is not str or item not in known_{number}: return None"]
    if stated == dict[str, Any]:
        return ["if type(item) is not dict or not TEXT.issuperset(map(type, item)): return None", "item = item.copy()"]
    if dataclasses.is_dataclass(stated):
        names[f"read_{number}"] = read = _READERS[stated]
        return None if read is None else [f"item = read_{number}(item)", "if item is None: return None"]
    if get_origin(stated) is tuple and len(options) == 2 and options[1] is Ellipsis:
        return _checks_of_each(options[0], number, names)
    return None


def _checks_of_each(stated: Any, number: int, names: dict[str, Any]) -> list[str] | None:
    """The same of a list whose items are stated to be this."""
    if stated is str or get_origin(stated) is Literal:
        names[f"known_{number}"] = frozenset(get_args(stated))
        other = "" if stated is str else f" or not known_{number}.issuperset(item)"
        texts = "type(item) is list and TEXT.issuperset(map(type, item))"
        return [f"if not ({texts}){other}: return None", "item = tuple(item)"]
    names[f"read_{number}"] = read = _READERS[stated]
    return None if read is None else [f"item = each(read_{number}, item)", "if item is None: return None"]


def _each(read: Callable[[Any], Any], items: Any) -> tuple[Any, ...] | None:
    if type(items) is not list:
        return None
    found = []
    for item in items:
        one = read(item)
        if one is None:
            return None
        found.append(one)
    return tuple(found)


def from_json(kind: type[T], value: JsonValue, what: str) -> T:
    """Read a dataclass of this package from its JSON; `what` names it in the error.

    Raises:
        InputError: a field is missing, unknown or of another type.
    """
    fast = _READERS[kind]
    found = None if fast is None else fast(value)
    if found is not None:
        return cast("T", found)
    read, refused = _validator(cast("Hashable", kind))
    try:
        return read(value)  # type: ignore[no-any-return]
    except refused as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{what}: {where}: {message}") from error
