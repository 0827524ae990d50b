"""The functions that expressions have beyond CEL's own: one table, the same in both engines.

In: plain JSON values. Out: plain JSON values, or ValueError, the only exception, which the engines turn into an error
outcome. Each function can be written `f(x)` and `x.f()`.

    calls(response, "issue_refund").size() == 0
    parse_json(response.text).status == "done"
    mentions(response.text, ["specialist", "human agent"])
    includes(response.tool_calls[0].arguments, {"order": {"id": 7}})
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from runback_gate.canonical import JsonValue
from runback_gate.canonical import parse_json as read_json
from runback_gate.cel.aggregates import average, distinct, largest, smallest, total
from runback_gate.cel.tool_schema import matches_schema
from runback_gate.cel.work import spend, weight
from runback_gate.errors import DocumentError
from runback_gate.frozen import dataclass

Kind = Literal["map", "list", "string", "int", "uint", "double", "bool", "null", "dyn"]

STANDARD = frozenset(
    "bool contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours "
    "getMilliseconds getMinutes getMonth getSeconds int matches size startsWith string timestamp type uint".split()
)
"""CEL's own functions that both engines have."""

MAX_JSON = 1 << 20
"""Bytes of text that `parse_json` reads."""
MAX_COMPARED_DEPTH = 128
"""Levels that `includes` compares."""

# Spelling variants of one character that NFKC keeps apart: apostrophes, quotation marks, hyphens.
_VARIANTS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc", "'") | dict.fromkeys("\u201c\u201d", '"') | dict.fromkeys("\u2010\u2013", "-")
)
# Scripts that are written without spaces, or that join particles to the word: Thai, Lao, Myanmar, Hangul, Khmer, kana,
# Han with its extensions.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),
    (0x2E80, 0xA4CF),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of ours."""

    name: str
    """As written in expressions."""
    overloads: tuple[tuple[Kind, ...], ...]
    """The kinds of arguments that it takes. Other kinds are an error outcome."""
    result: Kind
    """The kind of its result."""
    implementation: Callable[..., JsonValue]
    """What it does; called with one of `overloads`. Its docstring is the reference."""

    def call(self, *arguments: JsonValue) -> JsonValue:
        """What it does, counted as work of the answer. Raises ValueError as the implementation, and as `work.spend`."""
        spend(weight(arguments))
        return self.implementation(*arguments)


def calls(response: dict[str, JsonValue], name: str) -> list[JsonValue]:
    """The tool calls of a response that have this name, in order."""
    found = response.get("tool_calls")
    if not isinstance(found, list):
        raise ValueError("calls(): the first argument has no list `tool_calls`")
    return [call for call in found if isinstance(call, dict) and call.get("name") == name]


def parse_json(text: str) -> JsonValue:
    """The value of a JSON text; duplicate keys, NaN, U+0000 and integers beyond 64 bits are errors."""
    try:
        value = read_json(text, path="", max_bytes=MAX_JSON)
    except DocumentError as error:
        raise ValueError(f"parse_json(): {error.message}") from error
    _check(value)
    return value


def mentions(text: str, phrases: str | Sequence[object]) -> bool:
    """Whether the text holds the phrase, or one of the phrases, as whole words.

    Case, white space, invisible characters and the shape of quotes and hyphens do not matter (NFKC, casefold). Word
    boundaries do not matter in scripts that are written without spaces.
    """
    folded = _folded(text)
    # Every phrase is looked at: whether a malformed one is an error must not depend on the text.
    found = [_stands_in(folded, phrase) for phrase in ([phrases] if isinstance(phrases, str) else phrases)]
    return any(found)


def includes(value: JsonValue, expected: dict[str, JsonValue]) -> bool:
    """Whether the value is a map that holds every key of `expected` with an equal value.

    Maps inside may hold more keys as well; lists have equal elements; numbers compare by value, so 1 equals 1.0.
    """
    return _includes(value, expected, MAX_COMPARED_DEPTH)


_VALUES: tuple[Kind, ...] = ("map", "list", "string", "int", "uint", "double", "bool", "null")

FUNCTIONS = (
    Function("calls", (("map", "string"),), "list", calls),
    Function("parse_json", (("string",),), "dyn", parse_json),
    Function("mentions", (("string", "string"), ("string", "list")), "bool", mentions),
    Function("includes", tuple((kind, "map") for kind in _VALUES), "bool", includes),
    Function("sum", (("list",),), "dyn", total),
    Function("min", (("list",),), "dyn", smallest),
    Function("max", (("list",),), "dyn", largest),
    Function("average", (("list",),), "double", average),
    Function("distinct", (("list",),), "list", distinct),
    Function("matchesSchema", (("map",),), "bool", matches_schema),
)
"""All functions of ours, as both engines and the checker declare them."""
KNOWN = STANDARD | {function.name for function in FUNCTIONS}
"""The functions that an expression may call."""


def _check(value: JsonValue) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("parse_json(): an integer does not fit 64 bits")
    if isinstance(value, str) and "\0" in value:
        # An engine would end the text there.
        raise ValueError("parse_json(): a text holds U+0000")
    if isinstance(value, list):
        for item in value:
            _check(item)
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)


def _stands_in(folded: str, phrase: object) -> bool:
    if not isinstance(phrase, str):
        raise ValueError("mentions(): the list of phrases holds something that is no string")
    wanted = _folded(phrase)
    if not wanted:
        raise ValueError("mentions(): a phrase is empty")
    position = folded.find(wanted)
    while position >= 0:
        end = position + len(wanted)
        opens = position == 0 or not _joined(folded[position - 1], wanted[0])
        if opens and (end == len(folded) or not _joined(wanted[-1], folded[end])):
            return True
        position = folded.find(wanted, position + 1)
    return False


# One step is judged by many expressions, most of which read the same text.
@lru_cache(maxsize=16)
def _folded(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_VARIANTS)
    if not folded.isascii():
        folded = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return " ".join(folded.split())


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    if any(first <= ord(character) <= last for first, last in _UNSPACED):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _includes(value: JsonValue, expected: JsonValue, depth: int) -> bool:
    if depth < 0:
        raise ValueError(f"includes(): nested deeper than {MAX_COMPARED_DEPTH} levels")
    if isinstance(expected, dict):
        if not isinstance(value, dict):
            return False
        return all(key in value and _includes(value[key], item, depth - 1) for key, item in expected.items())
    if isinstance(expected, list):
        if not isinstance(value, list) or len(value) != len(expected):
            return False
        return all(_includes(item, wanted, depth - 1) for item, wanted in zip(value, expected, strict=True))
    if isinstance(expected, bool) or isinstance(value, bool):
        return value is expected
    if isinstance(expected, (int, float)) and isinstance(value, (int, float)):
        return value == expected
    return type(value) is type(expected) and value == expected
