"""The words of an expression without its layout.

In: CEL source. Out: its words, the kind and the value of each; equal for two texts exactly when they differ in white
space, comments and the notation of literals alone.

    words("a  ==  'x' // the same") == words('a == "x"')        # True
    words("a == 1") == words("a == 1.0")                        # False
"""

from __future__ import annotations

from typing import TypeAlias

from runback_gate.cel.tokens import tokenize
from runback_gate.errors import ExpressionError

Words: TypeAlias = tuple[tuple[str, str], ...]


def words(source: str) -> Words:
    """The words of an expression; of one that has none, the text."""
    try:
        return tuple((item.kind, item.text if item.value is None else str(item.value)) for item in tokenize(source))
    except ExpressionError:
        return (("malformed", source),)
