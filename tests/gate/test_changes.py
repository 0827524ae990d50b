"""What a change says differently: one comparison, read in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.gate.changes import gate_changes
from runback_gate.gate.plan import load_plan
from runback_gate.gate.weakening import find_weakenings
from runback_gate.testing import REFUNDS, sample_case, sample_step, write_gate
from tests.gate.test_weakening import WAYS, Way, pair

DAY = "2026-06-01"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what[:40])
def test_every_weakening_is_listed(tmp_path: Path, way: Way) -> None:
    """Whatever is red is in the list, as looser or unknown, and the change back is never called looser alone."""
    base, head = pair(tmp_path, way.given, way.edits)
    there = [item for item in gate_changes(base, head) if item.direction in ("looser", "unknown")]
    assert [(item.kind, item.subject) for item in find_weakenings(base, head)] == [
        (item.kind, item.subject) for item in there[: len(find_weakenings(base, head))]
    ]
    back = gate_changes(head, base)
    assert {item.direction for item in back} & {"stricter", "unknown"}


def test_values_stand_beside_each_other(tmp_path: Path) -> None:
    """A param with another value, and a check more: what stood there, what stands there, what it does."""
    step = sample_step(text="Hi")
    write_gate(tmp_path / "base", [sample_case("c", step, {"noError": True})])
    loose = {**REFUNDS, "params": {"limit": 500}}
    listed = [sample_case("c", step, {"noError": True}, {"contains": "Hi"})]
    write_gate(tmp_path / "head", listed, policies={"refunds": loose})
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    found = [(item.kind, item.direction, item.before, item.after) for item in gate_changes(base, head)]
    assert found == [
        ("params-changed", "unknown", "100", "500"),
        ("check-added", "stricter", "", '{"contains": "Hi"}'),
    ]
    assert gate_changes(base, base) == ()
