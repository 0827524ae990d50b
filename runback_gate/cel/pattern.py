"""RE2 patterns, as `matches()` reads them.

In: the text of a pattern. Out: a compiled pattern, or ValueError with the reason. Nothing is written to standard error.

    compile_pattern("(?i)refund").search("A Refund") is not None
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

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
