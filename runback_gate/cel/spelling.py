"""The spellings that conversions of text accept, the same in both engines.

In: the name of a function of CEL, and a text. Out: whether the function takes the text.

    takes("int", "5")            # True
    takes("int", " 5")           # False: `int(" 5")` is an error
    takes("timestamp", "2026-11-27T07:00:00Z")    # True

cel-cpp alone would pass over white space, read `0x1F` as a double, and take times that are no RFC 3339. The spellings
are those of Go's `strconv`, `time.ParseDuration` and RFC 3339, to which the specification refers. A fraction of a
duration is a whole number of nanoseconds, which is all that an engine keeps.
"""

from __future__ import annotations

from runback_gate.cel.pattern import search

_NUMBER = r"[0-9]+(\.[0-9]*)?|\.[0-9]+"
# cel-cpp reads the whole part of a piece into 64 bits.
_FRACTION = r"([0-9]{{1,18}}(\.[0-9]{{0,{0}}})?|\.[0-9]{{1,{0}}})"
_PARTS = (f"{_FRACTION.format(9)}[hms]", f"{_FRACTION.format(6)}ms", f"{_FRACTION.format(3)}us", "[0-9]{1,18}ns")
_PIECES = "|".join(_PARTS)
_OFFSET = "([01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE = "[+-]?([01]?[0-9]|2[0-3]):[0-5][0-9]|UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*"

FIELDS = "Date DayOfMonth DayOfWeek DayOfYear FullYear Hours Milliseconds Minutes Month Seconds".split()
"""What can be asked of a timestamp, and of a time zone after it."""

SPELLINGS: dict[str, str] = {
    name: rf"\A({pattern})\z"
    for name, pattern in {
        "int": "[+-]?[0-9]+",
        "uint": "[0-9]+",
        "double": rf"[+-]?({_NUMBER})([eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity)|(?i:nan)",
        "bool": "1|t|true|TRUE|True|0|f|false|FALSE|False",
        "duration": rf"[+-]?(0|({_PIECES})+)",
        "timestamp": rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\.[0-9]+)?(Z|[+-]{_OFFSET})",
        **{f"get{field}": f"|{_ZONE}" for field in FIELDS},
    }.items()
}
"""The RE2 pattern of the whole text, by function. Of a field it is that of the time zone."""


def takes(function: str, text: str) -> bool:
    """Whether a function of `SPELLINGS` takes the text. Raises ValueError for a text that is too long to search."""
    return search(text, SPELLINGS[function])


def position(function: str) -> int:
    """Which operand of a function of `SPELLINGS` has the spelling."""
    return 1 if function.startswith("get") else 0
