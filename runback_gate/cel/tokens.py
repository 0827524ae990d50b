"""The words of a CEL expression.

In: source text. Out: `Token`s with 0-based character offsets, string and number tokens with their decoded value.
It knows the words that both engines read in the same way and refuses the others with the reason
(bytes, back-quoted names, raw strings that end in a backslash).

    >>> [token.text for token in tokenize('size(a) > 1')]
    ['size', '(', 'a', ')', '>', '1', '']
"""

from __future__ import annotations

import math
import re
from typing import Literal, NoReturn

from runback_gate.errors import ExpressionError, Location
from runback_gate.frozen import dataclass

Word = Literal["int", "uint", "double", "string", "name", "operator", "end"]

RESERVED = frozenset(
    "as break const continue else false for function if import in let loop namespace null package return true var void "
    "while".split()
)
"""Words that may not name a variable or a function. `false`, `in`, `null` and `true` may not name a field either."""

_BLANK = re.compile(r"(?:[\t\n\f\r ]+|//[^\n]*)+")
_WORD = re.compile(
    r"""
      (?P<plain>"(?!"")[^"\\\0\r\n\ud800-\udfff]*"|'(?!'')[^'\\\0\r\n\ud800-\udfff]*')
    | (?P<quote>[bB]?[rR]?(?:\"\"\"|'''|"|'))
    | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    | (?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<uint>(?:0x[0-9a-fA-F]+|\d+)[uU])
    | (?P<int>0x[0-9a-fA-F]+|\d+)
    | (?P<operator>==|!=|<=|>=|&&|\|\||[-<>\[\]{}().,!?:+*/%])
    """,
    re.ASCII | re.VERBOSE,
)
_LETTER = re.compile(r"[_a-zA-Z]")
_ESCAPE = re.compile(
    r"\\(?:(?P<short>[abfnrtv\"'\\?`])|[xX](?P<byte>[0-9a-fA-F]{2})|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2}))"
)
_SHORT = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True)) | {sign: sign for sign in "\"'\\?`"}
_MAX_DIGITS = 64
_NUL, _NUL_HINT = "U+0000 is not supported", "expressions see U+FFFD in its place"


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the source."""

    kind: Word
    start: int
    """Offset of its first character."""
    end: int
    """Offset after its last character."""
    text: str
    """As written."""
    value: int | float | str | None = None
    """What a number or a string literal stands for."""


def line_column(source: str, offset: int) -> tuple[int, int]:
    """The 1-based line and the 1-based column, in characters, of a 0-based offset."""
    offset = max(0, min(offset, len(source)))
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


def fail(source: str, offset: int, message: str, hint: str | None = None) -> NoReturn:
    """Raise an `ExpressionError` at an offset of the source; the caller knows the file."""
    line, column = line_column(source, offset)
    raise ExpressionError(message, hint=hint, location=Location("", line, column))


def tokenize(source: str) -> tuple[Token, ...]:
    """Split the source; the last token is always of kind `end`. Raises `ExpressionError`."""
    tokens: list[Token] = []
    position = 0
    while True:
        if blank := _BLANK.match(source, position):
            position = blank.end()
        if position >= len(source):
            return (*tokens, Token("end", len(source), len(source), ""))
        token = _token(source, position)
        tokens.append(token)
        position = token.end


def _token(source: str, start: int) -> Token:
    match = _WORD.match(source, start)
    if match is None:
        _refuse(source, start)
    text, end, group = match[0], match.end(), match.lastgroup
    if group == "name":
        return Token("name", start, end, text)
    if group == "operator":
        return Token("operator", start, end, text)
    if group == "plain":
        return Token("string", start, end, text, text[1:-1])
    if group == "quote":
        return _string(source, start, text)
    if _LETTER.match(source, end) or (source.startswith(".", end) and group == "int"):
        message = f"malformed number starting with `{text[:40]}`"
        fail(source, start, message, "a fraction has digits on both sides of the point")
    return _double(source, start, text) if group == "double" else _integer(source, start, text)


def _refuse(source: str, start: int) -> NoReturn:
    character = source[start]
    if character == "`":
        fail(source, start, "names in back-quotes are not portable", 'write `args["content-type"]`')
    if character == "=":
        fail(source, start, "unexpected `=`", "comparison is `==`")
    if character in "&|":
        fail(source, start, f"unexpected `{character}`", f"write `{character * 2}`")
    fail(source, start, f"unexpected character {character!a}")


def _double(source: str, start: int, text: str) -> Token:
    value = float(text)
    if not math.isfinite(value):
        fail(source, start, "number out of range", "doubles end at about 1.8e308")
    return Token("double", start, start + len(text), text, value)


def _integer(source: str, start: int, text: str) -> Token:
    kind: Word = "uint" if text[-1] in "uU" else "int"
    digits = text.rstrip("uU")
    value = int(digits, 16 if digits.startswith("0x") else 10) if len(digits) <= _MAX_DIGITS else 2**64
    # 2**63 is only an integer after a minus sign, which the parser knows.
    if value > (2**63 if kind == "int" else 2**64 - 1):
        fail(source, start, "integer does not fit 64 bits")
    return Token(kind, start, start + len(text), text, value)


def _string(source: str, start: int, opening: str) -> Token:
    quote = opening.lstrip("bBrR")
    prefix = opening[: -len(quote)].lower()
    if "b" in prefix:
        fail(source, start, "bytes are not supported", "recorded data is JSON and holds no bytes")
    position = start + len(opening)
    pieces: list[str] = []
    while not source.startswith(quote, position):
        if position >= len(source):
            fail(source, start, "the string does not end")
        character = source[position]
        if character in "\r\n" and len(quote) == 1:
            fail(source, position, "a string may not span lines", "write \\n, or join two strings with +")
        if "\ud800" <= character <= "\udfff":
            fail(source, position, "a lone surrogate is not text")
        if character == "\0":
            fail(source, position, _NUL, _NUL_HINT)
        if character == "\\" and not prefix:
            text, position = _escape(source, position)
            pieces.append(text)
            continue
        pieces.append(character)
        position += 1
    value = "".join(pieces)
    # One engine reads the last backslash of r"\" as an escape of the quote.
    if prefix and (len(value) - len(value.rstrip("\\"))) % 2:
        hint = "write it without r and double each backslash"
        fail(source, position - 1, "a raw string may not end in a backslash", hint)
    end = position + len(quote)
    return Token("string", start, end, source[start:end], value)


def _escape(source: str, position: int) -> tuple[str, int]:
    match = _ESCAPE.match(source, position)
    if match is None:
        fail(source, position, "unknown escape in the string", r"use \n \r \t \\ \" \' \xHH \uHHHH \UHHHHHHHH")
    if match["short"]:
        return _SHORT[match["short"]], match.end()
    digits = match["byte"] or match["four"] or match["eight"]
    code = int(digits, 16) if digits else int(match["octal"], 8)
    if code == 0:
        fail(source, position, _NUL, _NUL_HINT)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        fail(source, position, "the escape names no character")
    return chr(code), match.end()
