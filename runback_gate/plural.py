"""A number with its noun, as a person says it.

    many(1, "policy")     # 1 policy
    many(1234, "case")    # 1,234 cases

In: a count and an English noun in the singular. Out: text, with a comma between thousands.
"""

from __future__ import annotations

import re
from typing import Final

_Y: Final = re.compile("(?<=[^aeiou])y$")
_SIBILANT: Final = re.compile("(?:s|x|z|ch|sh)$")


def plural(noun: str) -> str:
    """The plural of a regular noun: `cases`, `policies`, `batches`."""
    return _Y.sub("ies", noun) if _Y.search(noun) else f"{noun}es" if _SIBILANT.search(noun) else f"{noun}s"


def many(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"
