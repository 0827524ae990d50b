"""JSON values for laws of the canonical form and of the strict reader."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from runback_gate.canonical import MAX_INTEGER, MAX_INTEGER_BITS

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Astral and private-use characters: there the order of UTF-16 code units is not the order of code points.
TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\U0001f600\U0010ffff\ue000\uffff\ud7ff\x00\x7f")
)
KEYS = TEXT.filter(lambda key: key not in ("$decimal", "$integer"))
INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
LARGE = st.integers(-(2**MAX_INTEGER_BITS) + 1, 2**MAX_INTEGER_BITS - 1) | st.sampled_from(
    [2**53, 2**63, -(2**63), 2**64]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def values(atoms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON values over the given atoms."""
    return st.recursive(atoms, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30)


FLOAT_FREE = values(st.none() | st.booleans() | INTEGERS | TEXT)
ANY = values(st.none() | st.booleans() | INTEGERS | LARGE | TEXT | FLOATS)
