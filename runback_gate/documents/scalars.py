"""Plain scalars of YAML: the value of each, and an error for those on which YAML readers disagree.

In: the text of a scalar without quotes. Out: its value under the JSON schema of YAML 1.2, or ScalarError.

    plain_value("100")                                      # 100
    plain_value("refunds")                                  # "refunds"
    plain_value("1_000")                                    # ScalarError: … a number in another notation

YAML 1.1 and the core schema of YAML 1.2 read more spellings as numbers, booleans, null and dates. A person who writes
one of them means a value, or means text: it says which.
"""

from __future__ import annotations

import math
import re

from runback_gate.canonical import MAX_INTEGER_BITS
from runback_gate.documents.names import cut

_MAX_DIGITS = 310
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LOOKALIKES = (
    (
        "a number in another notation",
        "write it as in JSON, such as 1000 or -0.5; in quotes if it is text",
        # Signs, leading zeros and separators; a point at either end; bases; base 60; what is no finite number.
        r"[-+\u2212]?(?:\d[\d_]*(?:[,'\u2019][\d_]+)*(?:\.[\d_]*)?(?:e[-+]?\d*)?|\.\d[\d_]*(?:e[-+]?\d*)?|0o[0-7_]+"
        r"|0x[\da-f_]+(?:\.[\da-f_]*)?(?:p[-+]?\d*)?"
        r"|0b[01_]+|\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?|\.?inf(?:inity)?|\.?nan)",
    ),
    ("a boolean in another spelling", "write true or false; in quotes if it is text", "true|false|yes|no|on|off"),
    ("null in another spelling", "write null; in quotes if it is text", "null"),
    (
        "a date",
        "put it in quotes",
        r"\d{4}-\d\d?-\d\d?(?:(?:t|[ \t]+)\d\d?:\d\d(?::\d\d(?:\.\d*)?)?(?:[ \t]*(?:z|[-+]\d\d?(?::?\d\d)?))?)?",
    ),
)
_LIKE = [(what, hint, re.compile(pattern, re.IGNORECASE)) for what, hint, pattern in _LOOKALIKES]
# Most texts are told by their first character.
_SUSPECT = re.compile(r"[-+.\u2212\dtfynoi]", re.IGNORECASE)


class ScalarError(ValueError):
    """A scalar that must be written in another way."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def plain_value(text: str) -> bool | int | float | str | None:
    """Give the value of a scalar without quotes.

    Raises:
        ScalarError: a number out of range, or text that looks like a number, a boolean, null or a date and is none.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _SUSPECT.match(text):
        return text
    if number := _NUMBER.fullmatch(text):
        return _number(text, whole=not (number[1] or number[2]))
    for what, hint, pattern in _LIKE:
        if pattern.fullmatch(text):
            raise ScalarError(f"`{cut(text, 40)}` looks like {what}", hint)
    return text


def is_text(text: str) -> bool:
    """Whether a text is read back as itself when it stands without quotes, as far as its value is concerned."""
    try:
        return plain_value(text) == text
    except ScalarError:
        return False


def _number(text: str, *, whole: bool) -> int | float:
    # The length first: to read a million digits is slow, and Python refuses more than 4,300.
    if whole and len(text) <= _MAX_DIGITS and int(text).bit_length() <= MAX_INTEGER_BITS:
        return int(text)
    if not whole and math.isfinite(value := float(text)):
        return value
    raise ScalarError("a number out of range", "put it in quotes")
