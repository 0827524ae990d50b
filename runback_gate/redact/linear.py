"""Patterns of projects: RE2 syntax, so that no pattern takes longer than its text is long.

In: a pattern. Out: it, compiled; google-re2 searches it where it is installed, `re` elsewhere, with the same result.

    linear_pattern("EMP-[0-9]{6}").search("badge EMP-123456")
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

try:
    import re2
except ImportError:  # a recorder runs in the environment of somebody's agent, which may lack it
    re2 = None

MAX_PROGRAM: Final = 10_000
"""Instructions of a compiled pattern: what one character of a text can cost."""


def linear_pattern(text: str) -> Any:
    """The compiled pattern.

    Raises:
        ValueError: RE2 or `re` does not read it, the two read it differently, or it is too large.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plain = re.compile(text, re.ASCII)
        except (re.error, Warning, RecursionError, OverflowError) as error:
            raise ValueError(f"pattern: {error}") from error
    if re2 is None:
        return plain
    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "malformed"
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"pattern: not RE2 syntax: {said[:200]}") from error
    if found.programsize > MAX_PROGRAM:
        raise ValueError(f"pattern: {found.programsize:,} instructions, {MAX_PROGRAM:,} are allowed")
    return found
