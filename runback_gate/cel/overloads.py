"""Which kinds of arguments the operators and functions of CEL take, for the engine that has no checker.

In: nothing. Out: `OVERLOADS`, by the names by which celpy asks for them (`_+_`, `size`); from the standard definitions
of the CEL specification.

    ("int", "int") in OVERLOADS["_+_"]      # True: `1 + 1`, but not `1 + 1.0`
"""

from __future__ import annotations

from runback_gate.cel.celpy_values import KINDS, NUMBERS, ORDERED, RELATIONS
from runback_gate.cel.functions import FUNCTIONS

_KEYS = ("string", "int", "uint", "bool", "double")
_SAME_NUMBERS = "int,int uint,uint double,double"
_TIMES = "timestamp,duration duration,duration"


def _kinds(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(kinds.split(",")) for kinds in text.split())


_COMPARABLE = _kinds(" ".join(f"{kind},{kind}" for kind in ORDERED)) | {(a, b) for a in NUMBERS for b in NUMBERS}
_FIELDS = "Date DayOfMonth DayOfWeek DayOfYear FullYear Month".split()
_PARTS = "Hours Milliseconds Minutes Seconds".split()

OVERLOADS: dict[str, frozenset[tuple[str, ...]]] = {
    "_in_": frozenset([(kind, "list") for kind in KINDS.values()] + [(kind, "map") for kind in _KEYS]),
    "_[_]": frozenset([("map", kind) for kind in _KEYS] + [("list", kind) for kind in NUMBERS]),
    "_+_": _kinds(f"{_SAME_NUMBERS} {_TIMES} string,string bytes,bytes list,list duration,timestamp"),
    "_-_": _kinds(f"{_SAME_NUMBERS} {_TIMES} timestamp,timestamp"),
    "_*_": _kinds(_SAME_NUMBERS),
    "_/_": _kinds(_SAME_NUMBERS),
    "_%_": _kinds("int,int uint,uint"),
    "-_": _kinds("int double"),
    "!_": _kinds("bool"),
    "size": _kinds("string bytes list map"),
    "contains": _kinds("string,string"),
    "startsWith": _kinds("string,string"),
    "endsWith": _kinds("string,string"),
    "matches": _kinds("string,string"),
    "string": _kinds("string int uint double bool timestamp duration bytes"),
    "int": _kinds("int uint double bool string timestamp"),
    "uint": _kinds("int uint double string"),
    "double": _kinds("int uint double string"),
    "bool": _kinds("bool string"),
    "timestamp": _kinds("string timestamp int"),
    "duration": _kinds("string duration"),
    **{f"get{name}": _kinds("timestamp timestamp,string") for name in _FIELDS},
    **{f"get{name}": _kinds("timestamp timestamp,string duration") for name in _PARTS},
    **{f"_{sign}_": _COMPARABLE for sign in RELATIONS},
    **{function.name: frozenset(function.overloads) for function in FUNCTIONS},
}
"""The argument kinds of each name; a name that is missing takes anything."""
