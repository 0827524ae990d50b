"""RE2 patterns, as `matches()` reads them.

In: the text of a pattern, and a text to search. Out: whether it is found, or ValueError with the reason. Nothing is
written to standard error.

    search("A Refund", "(?i)refund")        # True

A pattern of large repeats can cost its size for each character, so the work is bounded (`work`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from runback_gate.cel.work import MAX_WORK, spend

_SHOWN = 200


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Any:
    """The compiled pattern. Raises ValueError: not RE2 syntax (no look-around, no back-references), or too large."""
    options = re2.Options()
    # The default reports malformed patterns on standard error.
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "malformed"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"invalid regular expression: {shown[:_SHOWN]}") from error


def search(text: str, pattern: str) -> bool:
    """Whether a pattern is found in a text. Raises ValueError as `compile_pattern`, and beyond `MAX_WORK`."""
    compiled, instructions = _measured(pattern)
    if len(text) * instructions > MAX_WORK:
        message = f"{instructions:,} instructions on {len(text):,} characters"
        raise ValueError(f"the regular expression would take too long: {message}")
    spend(len(text) * instructions)
    # Of bytes the wrapper gives offsets as it has them; of text it counts characters first.
    return compiled.search(text.encode()) is not None


@lru_cache(maxsize=256)
def _measured(pattern: str) -> tuple[Any, int]:
    compiled = compile_pattern(pattern)
    return compiled, compiled.programsize
