"""`scan`: exit codes, forms of output, and that no value is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runback_gate.cli import cli


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["scan", *map(str, words)], standalone_mode=False)


def test_exit_codes(tmp_path: Path) -> None:
    """0 where nothing is found, 1 where something is, 2 where a file could not be read, whatever else was found."""
    (tmp_path / "clean.txt").write_text("nothing here")
    assert run(tmp_path).return_value == 0
    (tmp_path / "below").mkdir()
    (tmp_path / "below/mail.txt").write_text("\nwrite to jane@example.org\n")
    found = run(tmp_path)
    assert found.return_value == 1
    assert f"{tmp_path}/below/mail.txt:2: email: <email:" in found.output
    assert "jane" not in found.output
    (tmp_path / "binary").write_bytes(b"\xff\0")
    assert run(tmp_path).return_value == 2
    assert run(tmp_path / "nowhere").return_value == 2


def test_forms(tmp_path: Path) -> None:
    """JSON and SARIF name rule, file and line, and no value."""
    (tmp_path / "a.json").write_text('{"password": "hunter2"}')
    printed = run("--json", tmp_path).output
    assert json.loads(printed)["found"][0]["pointer"] == "password"
    log = run("--sarif", tmp_path).output
    result = json.loads(log)["runs"][0]["results"][0]
    assert (result["ruleId"], result["locations"][0]["physicalLocation"]["region"]) == ("secret", {"startLine": 1})
    assert "hunter2" not in printed + log


def test_what_the_gate_config_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rules are looked for, its kept values are not, and its level holds where none is named."""
    (tmp_path / "runback.yaml").write_text(
        "spec:\n  redact:\n    level: strict\n    keep: ['*@example.org']\n    rules:\n"
        "      - {id: badge, pattern: 'EMP-[0-9]{6}', example: EMP-000000, counterExample: EMP-1}\n"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("jane@example.org from 203.0.113.7, badge EMP-123456")
    found = run("a.txt").output
    assert [name in found for name in ("<badge:", "<ip:", "email")] == [True, True, False]
    assert "<ip:" not in run("--level", "standard", "a.txt").output
    (tmp_path / "runback.yaml").write_text("spec: {redact: {level: high}}")
    assert "level" in str(run("a.txt").exception)


def test_strict_and_own_rules(tmp_path: Path) -> None:
    """The level and rules of the project's own add to what is looked for."""
    (tmp_path / "a.txt").write_text("from 203.0.113.7, badge EMP-123456")
    assert run(tmp_path).return_value == 0
    assert "<ip:" in run("--level", "strict", tmp_path).output
    rule = {"id": "badge", "formats": ["EMP-{digit:6}"], "example": "EMP-000000", "counter": "EMP-1"}
    rules = tmp_path.with_suffix(".rules")
    rules.write_text(json.dumps([rule]))
    assert "<badge:" in run("--rules", rules, tmp_path).output
