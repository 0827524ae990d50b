"""Pass rates as people write them, and the limit on trials; for code that counts and reads no document.

exact(0.95)     # Fraction(19, 20)
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

MAX_TRIALS: Final = 100
MAX_SEQUENTIAL: Final = 500
"""Trials that a sequential test may take at the most."""


def exact(value: float) -> Fraction:
    """The decimal that a person wrote: 0.95 is 19/20, not the nearest binary number."""
    return Fraction(repr(value))
