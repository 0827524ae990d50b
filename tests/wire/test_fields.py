"""Whether two JSON values are one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes
from runback_gate.wire.fields import same

ATOMS = st.sampled_from([None, True, False, 0, 1, 0.0, -0.0, 1.0, 0.5, 2**60, float(2**60), "", "1", "é"])
JSON: st.SearchStrategy[Any] = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


@given(JSON, JSON)
def test_equal_values_have_equal_bytes(one: Any, other: Any) -> None:
    """Two values are the same exactly when their canonical bytes are, whatever their types."""
    assert same(one, other) == (canonical_bytes(one) == canonical_bytes(other))
    assert same(one, one)
