"""Checks of an expression that a person wrote, before any engine sees it.

In: its source, and what it judges. Out: nothing, or ExpressionError with line and column.

    check_source('response.text.matches("a(")')       # 1:23: not an RE2 pattern: …
    check_source('duration("1d") > duration("1h")')   # 1:10: duration() does not take "1d"
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from runback_gate.cel.environment import Scope
from runback_gate.cel.limits import check_limits, check_roots, walk
from runback_gate.cel.parser import Node
from runback_gate.cel.pattern import compile_pattern
from runback_gate.cel.spelling import SPELLINGS, takes
from runback_gate.cel.tokens import fail
from runback_gate.documents import quoted

_TIMES = {
    "timestamp": "times are RFC 3339: 2026-01-31T09:00:00Z",
    "duration": "durations are hours, minutes and seconds: 36h, 1h30m, 0.5s",
}


@lru_cache(maxsize=1024)
def check_source(source: str, scope: Scope = "step") -> None:
    """Hold an expression to its limits and to the roots of its scope.

    Its literals are checked as well, which engines read only when they meet them: patterns to RE2, and texts that a
    function of CEL converts to what that function takes.
    """
    node = check_limits(source)
    check_roots(source, node, scope)
    for part, _ in walk(node):
        if part.kind == "call" and part.children and part.children[-1].name == "string":
            check_operand(source, part, cast("str", part.children[-1].value))


def check_operand(source: str, call: Node, text: str) -> None:
    """Hold a text that is the last operand of a call to what the function takes: a pattern, a time, a number.

    Raises:
        ExpressionError: at the operand.
    """
    function, operand = call.name, call.children[-1]
    if function == "matches":
        try:
            compile_pattern(text)
        except ValueError as error:
            fail(source, operand.start, str(error), "patterns are RE2: no look-around, no back-references")
    elif function in SPELLINGS and not takes(function, text):
        fail(source, operand.start, f"{function}() does not take {quoted(text)}", _TIMES.get(function))
