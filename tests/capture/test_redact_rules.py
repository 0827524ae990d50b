"""A project's own rules of redaction hold for whatever is recorded; rules that cannot be read store no content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runback_gate
from runback_gate.capture.outside import redact_rules
from runback_gate.capture.sink import sink
from runback_gate.errors import RunbackError
from tests.capture.test_redacted_bytes import held, seen

RULES = [{"id": "staff", "formats": ["EMP-{digit:6}"], "example": "EMP-123456", "counter": "EMP-12"}]


def recorded(folder: Path) -> bytes:
    """Every byte of a run whose request and answer name somebody of the staff."""
    with runback_gate.record("a", out=folder) as run:
        run._see(seen("I am EMP-654321", "Hello EMP-654321"))
    assert sink().flush(60)
    return held(folder)


def test_own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only a rule of the project finds is stored without the rule, and not with it."""
    assert b"EMP-654321" in recorded(tmp_path / "without")
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    monkeypatch.setenv("RUNBACK_REDACT_RULES", str(tmp_path / "rules.json"))
    data = recorded(tmp_path / "with")
    assert b"EMP-654321" not in data
    assert data.count(b"<staff:") >= 2


@pytest.mark.parametrize("text", [None, "{", '[{"id": "x"}]', "[" * 2_000_000])
def test_rules_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    """The agent runs on, and nothing of what it said is stored."""
    if text is not None:
        (tmp_path / "rules.json").write_text(text)
    monkeypatch.setenv("RUNBACK_REDACT_RULES", str(tmp_path / "rules.json"))
    with pytest.raises(RunbackError):
        redact_rules()
    data = recorded(tmp_path / "runs")
    assert b"EMP-654321" not in data
    assert b"Hello" not in data
    assert b"withheld" in data
