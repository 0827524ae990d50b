"""JSON by the standard library, read as strictly and written as canonically as orjson does it.

In: a text, or a value and the types and keys that occur in it. Out: the value, or its bytes.

    loads(b'{"a": 1}')                       # {"a": 1}
    sorted_bytes({"b": 1, "a": 2}, {dict, int}, {"a", "b"})     # b'{"a":2,"b":1}'

The recorder runs in the environment of someone's agent, which need not have orjson. Where a text was refused, this
module finds the place (`first_fault`), whoever read it.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any

from runback_gate.errors import DocumentError, Location

Pairs = Callable[[list[tuple[str, Any]]], dict[str, Any]]
"""Makes a mapping of its keys and values, as they stand in the text."""

MAX_DEPTH = 128
"""Largest number of lists and mappings that may lie inside each other."""
_LINE = 1 << 11
"""Bytes of a text that mostly holds few values: going through them takes a tenth of the time of going through it."""
TOO_DEEP = f"nesting deeper than {MAX_DEPTH} levels"

EXPONENT = re.compile(rb"[0-9]e")
"""How a double may be written; inside of a text it means nothing."""
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_TOKEN = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")([ \t\n\r]*:)?|[][{}]')
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False)
_LONG_NUMBER = re.compile(r"[0-9]{16}")
_LONG = 10**15
_ATOMS = frozenset((str, int, bool, type(None)))


def is_plain(data: bytes, value: object) -> bool:
    """Whether canonical bytes hold no double and are not nested too deep, as is true of most; C does the loops.

    `value` is what was read of them.
    """
    if len(data) < _LINE:
        return _holds_no_double(value)
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    if b"." in outside or EXPONENT.search(outside):
        return False
    brackets = outside.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH // 4):
        # So few are half as deep as is allowed, and each round took two levels away at most.
        if len(brackets) <= MAX_DEPTH:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return False


def _holds_no_double(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value holds no double, and no more than `depth` levels."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind is not float
    for part in value.values() if kind is dict else value:
        if type(part) not in _ATOMS and not (depth > 1 and _holds_no_double(part, depth - 1)):
            return False
    return True


def loads(data: bytes | str, pairs: Pairs | None = None) -> Any:
    """Read a text.

    Raises:
        JSONDecodeError: not RFC 8259 JSON, a number beyond a double, or text with a lone surrogate.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        if text.startswith("\ufeff"):
            raise json.JSONDecodeError("a byte order mark", text, 0)
        value = _decoder(pairs).decode(text)
        if not text.isascii() or "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise json.JSONDecodeError("text that is not UTF-8", "", 0) from error
    except RecursionError as error:
        raise json.JSONDecodeError("recursion limit reached", "", 0) from error
    return value


def sorted_bytes(value: object, kinds: Collection[type], keys: Collection[object]) -> bytes | None:
    """The RFC 8785 form, where sorting by code point and Python's own numbers give it; else None."""
    if float in kinds or not all(type(key) is str and key.isascii() for key in keys):
        return None
    text = _ENCODER.encode(value)
    if int in kinds and _LONG_NUMBER.search(text):  # which may be beyond those that are written as they are
        return None
    return _encoded(text)


def made_bytes(value: object) -> bytes | None:
    """The same of a value without doubles, whose keys are ASCII, as `canonical.made_bytes` writes it."""
    return None if _holds_long_number(value) else _encoded(_ENCODER.encode(value))


def _holds_long_number(value: Any) -> bool:
    kind = type(value)
    if kind is int:
        return not -_LONG < value < _LONG
    if kind is not dict and kind is not list and kind is not tuple:
        return False
    for part in value.values() if kind is dict else value:
        if type(part) is not str and _holds_long_number(part):
            return True
    return False


def _encoded(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


@functools.cache
def _decoder(pairs: Pairs | None) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_constant=_out_of_range, parse_float=_float_in_range, parse_int=_in_range, object_pairs_hook=pairs
    )


def _in_range(digits: str) -> int:
    if len(digits) > 300:
        _float_in_range(digits)
    return int(digits)


def _float_in_range(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _out_of_range(digits)


def _out_of_range(digits: str) -> float:
    raise json.JSONDecodeError("number out of range", digits, 0)


class RefusedError(Exception):
    """A part that has no canonical form; each level that it passes adds its key or index to the path."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint
        self.path: list[str | int] = []


def decoded(data: bytes | str, path: str) -> str:
    """The text of a file. Raises DocumentError: it is not UTF-8; with line and column."""
    try:
        return data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as error:
        place = place_behind(error.object[: error.start].decode(), path)
        raise DocumentError("not UTF-8", hint="save the file as UTF-8", location=place) from error


def place_behind(before: str, path: str) -> Location:
    """The line and column, from 1, that follow on a text of a file."""
    return Location(path, before.count("\n") + 1, len(before) - before.rfind("\n"))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of which no key stands twice. Raises RefusedError."""
    if len(value := dict(pairs)) != len(pairs):
        raise RefusedError("duplicate key")
    return value


UNIQUE = json.JSONDecoder(object_pairs_hook=unique)


def first_fault(text: str, path: str, refused: RefusedError) -> DocumentError:
    """Find the first duplicate key or too deep place in a text that is JSON; without one, say what was refused."""
    seen: list[set[str]] = []  # the keys so far of each list or mapping that is open
    for token in _TOKEN.finditer(text):
        string, colon = token.groups()
        if colon:
            key = json.loads(string)
            if key in seen[-1]:
                place = place_behind(text[: token.start()], path)
                return DocumentError(f"duplicate key {string[:80]}", hint="keep one of them", location=place)
            seen[-1].add(key)
        elif token[0] in "[{":
            if len(seen) == MAX_DEPTH:
                place = place_behind(text[: token.start()], path)
                return DocumentError(TOO_DEEP, hint="flatten it", location=place)
            seen.append(set())
        elif token[0] in "]}":
            seen.pop()
    return DocumentError(str(refused), hint=refused.hint, location=Location(path))
