"""What was changed in waivers: pairs of rules and cases, and the days until which they count."""

from __future__ import annotations

from pathlib import Path

from runback_gate.change.gates import find_weakenings
from runback_gate.gate.plan import load_plan
from runback_gate.testing import sample_case, sample_step, write_gate

DAY = "2026-06-01"
WAIVER = {
    "policies": ["refunds.limit"],
    "cases": ["c0"],
    "reason": "TICKET-12",
    "owner": "payments",
    "expires": "2026-12-31",
}


def test_a_waiver_of_very_much_is_compared_at_once(tmp_path: Path) -> None:
    """A file may name more pairs of rules and cases than a machine could hold; some that are new are named."""
    write_gate(tmp_path / "base", [sample_case("c", sample_step(text="Hi"))], waivers={"w": WAIVER})
    much = {
        "policies": ["refunds.limit", *(f"r{number}" for number in range(9_999))],
        "cases": [f"c{number}" for number in range(10_000)],
    }
    write_gate(tmp_path / "head", [sample_case("c", sample_step(text="Hi"))], waivers={"w": {**WAIVER, **much}})
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    (found,) = find_weakenings(base, head)
    assert (found.kind, found.location.path) == ("waiver-broadened", "waivers/w.yaml")
    assert found.message.startswith("more breaches are accepted: refunds.limit in c1, refunds.limit in c2, ")
    assert found.message.endswith(", more")
    assert find_weakenings(head, base) == find_weakenings(head, head) == ()


def test_waivers_count_together(tmp_path: Path) -> None:
    """Two waivers of the base in one of the head are no more than before, up to the earlier of their days."""
    early, late = {**WAIVER, "cases": ["a"]}, {**WAIVER, "cases": ["b"], "expires": "2027-01-31"}
    both = {**WAIVER, "cases": ["a", "b"]}
    cases = [sample_case("c", sample_step(text="Hi"))]
    write_gate(tmp_path / "base", cases, waivers={"early": early, "late": late})
    base = load_plan(tmp_path / "base", day=DAY)
    for day, kinds in (("2026-12-31", []), ("2027-01-31", ["waiver-extended"])):
        write_gate(tmp_path / day, cases, waivers={"early": {**both, "expires": day}})
        assert [item.kind for item in find_weakenings(base, load_plan(tmp_path / day, day=DAY))] == kinds
