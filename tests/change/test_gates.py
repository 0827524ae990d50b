"""What a change says differently: one comparison, read in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.change.gates import compare_gates, find_weakenings
from runback_gate.change.matches import match_policies
from runback_gate.gate.plan import load_plan
from runback_gate.testing import REFUNDS, sample_case, sample_step, write_gate
from tests.change.edits import Way, pair
from tests.change.ways import WAYS

DAY = "2026-06-01"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what[:40])
def test_every_weakening_is_listed(way: Way) -> None:
    """Whatever is red is in the list, as looser or unknown, and the change back is never called looser alone.

    What the review says of a policy's fields is in the list too.
    """
    base, head = pair(way.given, way.edits)
    listed = compare_gates(base, head)
    assert find_weakenings(base, head) == tuple(item for item in listed if item.direction in ("looser", "unknown"))
    assert all(item.message for item in listed if item.weakens)
    back = compare_gates(head, base)
    assert {item.direction for item in back} & {"stricter", "unknown"}
    for match in match_policies(base.policies, head.policies):
        assert set(listed).issuperset(match.changes())


def test_values_stand_beside_each_other(tmp_path: Path) -> None:
    """A param with another value, and a check more: what stood there, what stands there, what it does."""
    step = sample_step(text="Hi")
    write_gate(tmp_path / "base", [sample_case("c", step, {"noError": True})])
    loose = {**REFUNDS, "params": {"limit": 500}}
    listed = [sample_case("c", step, {"noError": True}, {"contains": "Hi"})]
    write_gate(tmp_path / "head", listed, policies={"refunds": loose})
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    found = [(item.kind, item.direction, item.before, item.after) for item in compare_gates(base, head)]
    assert found == [
        ("params-changed", "unknown", "100", "500"),
        ("check-added", "stricter", "", '{"contains": "Hi"}'),
    ]
    assert compare_gates(base, base) == ()
