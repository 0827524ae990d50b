"""Checks of an expression that a person wrote, before any engine sees it.

In: its source, and what it judges. Out: nothing, or ExpressionError with line and column.

    check_patterns('response.text.matches("a(")')       # 1:23: not an RE2 pattern: …
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from runback_gate.cel.environment import Scope
from runback_gate.cel.limits import check_limits, check_roots, line_column, walk
from runback_gate.cel.pattern import compile_pattern
from runback_gate.errors import ExpressionError, Location


@lru_cache(maxsize=1024)
def check_patterns(source: str, scope: Scope = "step") -> None:
    """Hold an expression to its limits and to the roots of its scope, and its literal patterns to RE2, which engines
    read only when they meet it."""
    node = check_limits(source)
    check_roots(source, node, scope)
    if "matches" not in source:
        return
    for part, _ in walk(node):
        if part.kind == "call" and part.name == "matches" and part.children and part.children[-1].name == "string":
            try:
                compile_pattern(cast("str", part.children[-1].value))
            except ValueError as error:
                place = Location("", *line_column(source, part.children[-1].start))
                hint = "patterns are RE2: no look-around, no back-references"
                raise ExpressionError(str(error), hint=hint, location=place) from error
