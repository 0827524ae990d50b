"""`scan` of a gate: what committed files hold is a red row, whatever the cases say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runback_gate.agent.config import ask
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.scanned import scan_rows, stricter
from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.redact import ProjectKey, ProjectRules, Redactor, parse_rules
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


STAFF = {"id": "staff", "pattern": "EMP-[0-9]{6}", "example": "EMP-123456", "counterExample": "EMP-12"}
_JSON = {"id": "staff", "pattern": STAFF["pattern"], "example": STAFF["example"], "counter": STAFF["counterExample"]}
KEEP = ["*@example.org"]


def with_redact(root: Path, **redact: Any) -> Path:
    """The gate with what it says of redaction."""
    file = root / "runback.yaml"
    gate = json.loads(file.read_text())
    file.write_text(json.dumps({**gate, "spec": {**gate["spec"], "redact": redact}}))
    return root


def test_own_rules_and_kept_values_count(tmp_path: Path) -> None:
    """What a rule of the project finds is a row, what it keeps is none."""
    root = with_redact(gate(tmp_path, "EMP-654321 wrote from help@example.org"), rules=[STAFF], keep=KEEP)
    (row,) = scan_rows(load_plan(root, day=DAY), "standard")
    assert "staff at request.messages[0].content" in row.why
    assert "email" not in row.why


def test_the_rules_of_the_base_count_too(tmp_path: Path) -> None:
    """A head that takes a rule out, or keeps more, hides nothing that the base finds, unless a person approved it."""
    text = "EMP-654321 wrote from help@example.org"
    head = load_plan(with_redact(gate(tmp_path / "head", text), keep=KEEP), day=DAY)
    base = load_plan(with_redact(gate(tmp_path / "base", text), rules=[STAFF]), day=DAY)
    (row,) = scan_rows(head, "standard", Base(base))
    assert "staff" in row.why
    assert "email" in row.why
    assert scan_rows(head, "standard", Base(base, approval="a" * 40)) == []


def test_the_gate_is_red(tmp_path: Path) -> None:
    """With `scan: standard` in the gate a run fails by it, though its cases pass."""
    plan = load_plan(gate(tmp_path, "write to jane@example.org"), day=DAY)
    plan = replace(plan, gate=replace(plan.gate, scan="standard"))
    result = run_gate(plan, CppEngine(), in_turn(Answers()))
    assert [row.kind for row in result.rows if row.verdict is Verdict.FAIL] == ["scan"]
    assert gate_verdict(result.rows) is Verdict.FAIL


def test_a_prompt_is_redacted_by_the_rules_of_its_gate(tmp_path: Path) -> None:
    """A recording without staff numbers is the recording of a prompt that has them, under the key and the rules."""
    project = ProjectRules(rules=parse_rules([{**_JSON, "linear": True}], path="rules"))
    prompt = "You answer for EMP-654321."
    redacted, _ = Redactor("standard", key=b"k" * 32, project=project).text(prompt)
    step = sample_step(sample_call("issue_refund", amount=40), system=redacted)
    step = replace(step, source=replace(step.source, redaction="standard"))
    write_gate(tmp_path, cases=[sample_case("one", step)], agent={"system": prompt})
    without = load_plan(tmp_path, day=DAY, redact_key=ProjectKey(b"k" * 32))
    assert ask(without.agents[0], step).system == prompt
    plan = load_plan(with_redact(tmp_path, rules=[STAFF]), day=DAY, redact_key=ProjectKey(b"k" * 32))
    assert ask(plan.agents[0], step) == step.request
