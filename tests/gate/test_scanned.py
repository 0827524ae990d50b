"""`scan` of a gate: what committed files hold is a red row, whatever the cases say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.scanned import scan_rows, stricter
from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.step import Message
from runback_gate.testing import Answers, in_turn, sample_call, sample_case, sample_step, write_gate

DAY = "2026-06-01"


def gate(root: Path, text: str) -> Path:
    """A gate with one recorded step in which the customer says the text."""
    step = sample_step(sample_call("issue_refund", amount=40), messages=(Message("user", text),))
    write_gate(root, cases=[sample_case("one", step)])
    return root


def test_levels_have_an_order() -> None:
    """The stricter of head and base counts."""
    assert stricter("off", "strict", "standard") == "strict"
    assert stricter("off", "off") == "off"


@pytest.mark.parametrize(("level", "number"), [("off", 0), ("standard", 1), ("strict", 1)])
def test_a_recording_that_holds_something_is_a_row(tmp_path: Path, level: str, number: int) -> None:
    """The row names file, rule and path of the value, and not the value."""
    plan = load_plan(gate(tmp_path, "write to jane@example.org"), day=DAY)
    rows = scan_rows(plan, level)  # type: ignore[arg-type]
    assert len(rows) == number
    for row in rows:
        assert (row.kind, row.verdict) == ("scan", Verdict.FAIL)
        assert "recordings/" in row.case
        assert "email at request.messages[0].content" in row.why
        assert "jane" not in row.why


def test_a_clean_gate_has_no_row(tmp_path: Path) -> None:
    """Nothing found is nothing said."""
    assert scan_rows(load_plan(gate(tmp_path, "my mug is broken"), day=DAY), "strict") == []


def test_a_file_that_cannot_be_looked_through_is_undecided(tmp_path: Path) -> None:
    """It is never green."""
    plan = load_plan(gate(tmp_path, "my mug is broken"), day=DAY)
    (file,) = tmp_path.rglob("recordings/*/*.json")
    file.write_bytes(b"\xff")
    (row,) = scan_rows(plan, "standard")
    assert row.verdict is Verdict.UNDECIDED


def test_the_gate_is_red(tmp_path: Path) -> None:
    """With `scan: standard` in the gate a run fails by it, though its cases pass."""
    plan = load_plan(gate(tmp_path, "write to jane@example.org"), day=DAY)
    plan = replace(plan, gate=replace(plan.gate, scan="standard"))
    result = run_gate(plan, CppEngine(), in_turn(Answers()))
    assert [row.kind for row in result.rows if row.verdict is Verdict.FAIL] == ["scan"]
    assert gate_verdict(result.rows) is Verdict.FAIL
