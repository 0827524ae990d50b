"""What level `standard` promises never reaches the disk, from any way into a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runback_gate
from runback_gate.redact import load_rules
from tests.capture.held import NAMED, held, seen

VALUES = {rule.id: rule.example for rule in load_rules("standard")}


def agent(folder: Path, value: str) -> None:
    """A run that says the value wherever it can, and breaks."""
    with runback_gate.record("a", out=folder, labels={"k": value}) as run:
        run._see(seen(f"here is {value} for you", f"thanks for {value} there"))
        run.note("x", value=f"see {value} there")
        run.prompt("Hi {who}", who=value)
        run.tool(name="look")(lambda what: f"found {what} there")(f"for {value} now")
        run.finish({"answer": f"it is {value} here"})
        raise ValueError(f"broken by {value} there")


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=() if number % 5 == 0 else pytest.mark.slow)
        for number, rule in enumerate(sorted(VALUES))
    ],
)
def test_no_byte_holds_a_value(tmp_path: Path, rule: str) -> None:
    """Requests, answers, tools, notes, labels, prompts, output and errors: the value stands in none of them."""
    value = VALUES[rule]
    with pytest.raises(ValueError, match="broken"):
        agent(tmp_path, value)
    data = held(tmp_path)
    assert data.count(b"\n") > 3
    assert b'"withheld"' not in data
    for form in (value, json.dumps(value)[1:-1], NAMED):
        assert form.encode() not in data
