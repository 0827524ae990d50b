"""`policy coverage`: what it prints, writes and exits with."""

from __future__ import annotations

import json
import sys

import pytest

from tests.cli.conftest import Command, write
from tests.extras import needs

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: p}
spec:
  validations:
    - {id: few, expression: "size(response.tool_calls) <= 2"}
    - {id: fewer, expression: "size(response.tool_calls) <= 4"}
    - {id: sure, expression: "size(history) >= 0"}
"""
RUNS = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: q}
spec:
  scope: run
  validations:
    - {id: all, expression: "size(run.calls) <= 2"}
"""


@pytest.mark.integration
@pytest.mark.usefixtures("here")
def test_rules_without_effect_are_named_and_what_is_missing_is_written(command: Command) -> None:
    """The command names rules without effect, and --write leaves tests for what is missing."""
    needs("z3")
    write("p/p.yaml", POLICY)
    write("p/q.yaml", RUNS)
    result = command("policy", "coverage", "p", "--exit-code")
    assert result.code == 1
    assert "p/p.yaml:7:32: fewer: proved: implied by few, for lists of any length\n" in result.out
    assert "sure: proved: never fails, for lists of any length\n" in result.out
    assert "few: 0 of 4 steps covered by tests\n" in result.out
    assert (
        "\n  size(response.tool_calls) <= 2, above 2: no test has one, for instance x(), x(), x(): fail\n" in result.out
    )
    assert "not judged, since they are about runs: all\n" in result.out
    result = command("policy", "coverage", "p", "--write")
    assert (result.code, result.err) == (0, "note: wrote p/p.coverage.test.yaml\n")
    assert command("policy", "test", "p").code == 0
    found = json.loads(command("policy", "coverage", "p", "--json").out)
    assert {witness["state"] for rule in found["rules"] for witness in rule["witnesses"]} == {"covered", "none"}
    assert found["rules"][1]["faults"] == [{"kind": "implied", "by": ["few"], "bounds": None, "detail": ""}]
    assert found["notJudged"] == [{"rule": "all", "reason": "the rule is about runs"}]


@pytest.mark.usefixtures("here")
def test_without_the_solver_it_says_what_to_install(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the command ends with 2 and the way to install it."""
    write("p/p.yaml", POLICY)
    monkeypatch.setitem(sys.modules, "z3", None)
    result = command("policy", "coverage", "p")
    assert result.code == 2
    assert 'pip install "runback-gate[proof]"' in result.error
