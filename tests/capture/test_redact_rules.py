"""A project's own rules of redaction hold for whatever is recorded; rules that cannot be read store no content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runback_gate
from runback_gate.capture.outside import redact_rules
from runback_gate.capture.sink import sink
from runback_gate.errors import RunbackError
from tests.capture.held import held, seen

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


GATE = """
spec:
  redact:
    level: strict
    rules:
      - {id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-12}
    keep: ['192.0.2.7']
"""


def test_the_gate_config_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules, level and kept values of the nearest `runback.yaml` in the repository hold where nothing else is said."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "runback.yaml").write_text(GATE)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with runback_gate.record("a", out=tmp_path / "runs") as run:
        run._see(seen("I am EMP-654321 at 192.0.2.7", "Hello EMP-654321 at 203.0.113.9"))
    assert sink().flush(60)
    data = held(tmp_path / "runs")
    assert b"EMP-654321" not in data
    assert b"203.0.113.9" not in data
    assert b"192.0.2.7" in data
    assert b'"level":"strict"' in data
    monkeypatch.chdir(tmp_path.parent)
    assert b"EMP-654321" in recorded(tmp_path / "elsewhere")
    monkeypatch.setenv("RUNBACK_REDACT_RULES", str(tmp_path / "runback.yaml"))
    assert b"EMP-654321" not in recorded(tmp_path / "named")


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent whose folder was removed is recorded all the same."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert b"Hello" in recorded(tmp_path / "runs")


@pytest.mark.parametrize("text", ["spec: {redact: [", "spec: {redact: {level: high}}", "redact: {}"])
def test_a_gate_config_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The agent runs on, and nothing of what it said is stored."""
    (tmp_path / "runback.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    data = recorded(tmp_path / "runs")
    assert b"EMP-654321" not in data
    assert b"withheld" in data
