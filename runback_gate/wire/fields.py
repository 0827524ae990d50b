"""Reading JSON of a wire format without losing any of it.

In: JSON as it came. Out: values of the kind that is due, and what a model value does not say of its wire form.

    tool = Tool(wire["name"])
    tool = replace(tool, extra=beyond(wire, write_tool(tool)))
    overlay(write_tool(tool), tool.extra) == wire           # always

`extra` holds the wire fields that the written form lacks or has otherwise. `$absent` in it names those that the written
form has and the wire lacks. Keys of ours begin with `$`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from runback_gate.canonical import MAX_INTEGER, JsonValue, canonical_bytes
from runback_gate.wire.faults import NotUnderstoodError

ABSENT = "$absent"
"""In `extra`: names of fields that the wire does not have, though a request in this API mostly does."""


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one: by canonical bytes, so that `1` and `true` differ and `1` and `1.0` do not."""
    # What is of one type needs no bytes: bodies are compared at each recorded call, most of them equal.
    if type(one) is type(other):
        if isinstance(one, dict):
            return len(one) == len(other) and all(name in other and same(one[name], other[name]) for name in one)
        if isinstance(one, list):
            return len(one) == len(other) and all(map(same, one, other))
        return bool(one == other)
    return bool(one == other) and canonical_bytes(one) == canonical_bytes(other)


def beyond(wire: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """What `written` does not say of `wire`; of an object that both have, what the one in `written` does not say."""
    extra: dict[str, Any] = {}
    for name, value in wire.items():
        if name not in written:
            extra[name] = value
        elif not same(written[name], value):
            both = isinstance(value, dict) and isinstance(written[name], dict)
            extra[name] = beyond(value, written[name]) if both else value
    absent = [name for name in written if name not in wire]
    return {**extra, ABSENT: absent} if absent else extra


def overlay(written: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The wire form: `written`, and what `beyond` found."""
    if not extra:
        return dict(written)
    whole = dict(written)
    for name, value in extra.items():
        inner = written.get(name)
        whole[name] = overlay(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    absent = extra.get(ABSENT, ())
    return {name: value for name, value in whole.items() if name not in absent and not name.startswith("$")}


def left(wire: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """What a body has that `written` lacks; `filled` puts it back below what a config has stated since."""
    found: dict[str, Any] = {}
    for name, value in wire.items():
        if name not in written:
            found[name] = value
        elif isinstance(value, dict) and isinstance(written[name], dict) and (inner := left(value, written[name])):
            found[name] = inner
    return found


def filled(written: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A body: `written`, and what `left` found where it says nothing."""
    whole = {**extra, **written}
    for name, value in extra.items():
        inner = written.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            whole[name] = filled(inner, value)
    return whole


def mapping(value: Any, place: str) -> dict[str, Any]:
    """An object.

    Raises:
        NotUnderstoodError: it is none.
    """
    if not isinstance(value, dict):
        raise NotUnderstoodError(place, "an object was expected")
    return value


def sequence(value: Any, place: str) -> list[Any]:
    """A list; errors as `mapping`."""
    if not isinstance(value, list):
        raise NotUnderstoodError(place, "a list was expected")
    return value


def string(value: Any, place: str) -> str:
    """A text; errors as `mapping`."""
    if not isinstance(value, str):
        raise NotUnderstoodError(place, "a text was expected")
    return value


def optional_string(value: Any, place: str) -> str | None:
    """A text that is not empty, or None; errors as `mapping`."""
    return None if value is None or value == "" else string(value, place)


def optional_list(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The items of a list with their places; none where there is no list; errors as `mapping`."""
    items = [] if value is None else sequence(value, place)
    return ((f"{place}[{index}]", item) for index, item in enumerate(items))


def argument_text(value: Any, place: str) -> str:
    """The argument text of a call; of an object that stands in its place, its JSON; errors as `mapping`."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "" if value is None else string(value, place)


def count(value: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    whole = type(value) is int and 0 <= value <= MAX_INTEGER
    return cast("int", value) if whole else None


def says_nothing(value: JsonValue) -> bool:
    """Whether a value holds no words and no call: empty, a number or a boolean."""
    return value in (None, "", [], {}) or isinstance(value, (bool, int, float))


def kept(wire: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The fields of an answer that are not modelled and not null."""
    return {name: value for name, value in wire.items() if name not in known and value is not None}


DECIDING = frozenset(
    "answer candidates choices completion content delta error errors exception failure function function_call "
    "functionCall function_response functionResponse message messages output outputs refusal response result results "
    "text tool_calls tool_result tool_results toolResult tool_use toolUse".split()
)
"""Names of fields that would be a part of an answer, or say that it is none."""


def refuse_deciding(beside: Mapping[str, Any], place: str) -> None:
    """Refuse what stands beside the fields that were read and by its name may be a part of the answer as well.

    Raises:
        NotUnderstoodError: names the first.
    """
    for name, value in beside.items():
        if name in DECIDING and not says_nothing(value):
            raise NotUnderstoodError(f"{place}.{name}", "a field that may be a part of the answer and was not read")
        if isinstance(value, dict):
            refuse_deciding(value, f"{place}.{name}")


def refuse_unknown(wire: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """Refuse fields of an answer that nobody knows, unless they say nothing.

    Raises:
        NotUnderstoodError: names the first.
    """
    for name, value in wire.items():
        if name not in known and not says_nothing(value):
            raise NotUnderstoodError(f"{place}.{name}", "a field of an answer that is not known")
