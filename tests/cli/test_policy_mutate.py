"""`policy test --mutate`: faults that nobody notices, as text and JSON, and what the exit code says of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runback_gate.report import policy_tests
from tests.cli.conftest import ROOT, Command, Refused, change, write
from tests.cli.recordings import pays, recorded

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: refunds}
spec:
  params: {limit: 100}
  validations:
    - id: refunds.limit
      expression: calls(response, "issue_refund").all(c, c.arguments.amount <= params.limit)
"""
TEST = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: refunds}
spec:
  policy: refunds
  cases:
    - name: small
      step: {response: {tool_calls: [{name: issue_refund, arguments: {amount: 100}}]}}
      expect: {refunds.limit: pass}
    - name: one of two is large
      step:
        response:
          tool_calls: [{name: issue_refund, arguments: {amount: 40}}, {name: issue_refund, arguments: {amount: 250}}]
      expect: {refunds.limit: fail}
"""


@pytest.fixture
def rules(here: Path) -> Path:
    """A policy whose tests overlook one fault."""
    write("rules/refunds.yaml", POLICY)
    write("rules/refunds.test.yaml", TEST)
    return here


@pytest.mark.usefixtures("rules")
def test_a_survivor(command: Command) -> None:
    """It is named with its place, before and after: exit 1, unless so many are allowed."""
    result = command("policy", "test", "rules", "--mutate")
    assert (result.code, result.err) == (1, "")
    assert result.out.endswith(
        "\n\nrules/refunds.yaml:5:19: params.limit: nobody notices\n"
        "    params.limit: 100\n"
        "  → params.limit: 101\n"
        "6 faults tried: 5 noticed by tests, 1 by nobody\n"
        "Add a test that notices it. A fault that can change no verdict has none: --survivors allows it.\n"
    )
    assert command("policy", "test", "rules", "--mutate", "--survivors", "1").code == 0


@pytest.mark.usefixtures("rules")
def test_json(command: Command) -> None:
    """All of it for a program."""
    found = json.loads(command("policy", "test", "rules", "--mutate", "--json").out)
    assert found["expectations"] == 2
    assert found["mutation"] == {
        "tried": 6,
        "by_tests": 5,
        "by_steps": 0,
        "steps": 0,
        "survivors": [
            {
                "policy": "refunds",
                "where": "params.limit",
                "place": "rules/refunds.yaml:5:19",
                "original": "params.limit: 100",
                "mutated": "params.limit: 101",
            }
        ],
    }
    assert "mutation" not in json.loads(command("policy", "test", "rules", "--json").out)


@pytest.mark.usefixtures("rules")
def test_recorded_steps_notice_too(command: Command, refused: Refused) -> None:
    """--runs names steps that may notice what the tests do not; a folder without any is an error."""
    recorded("r1", pays(40), pays(101))
    result = command("policy", "test", "rules", "--mutate", "--runs", "runs")
    assert result.code == 0
    assert result.out.endswith("6 faults tried: 5 noticed by tests, 1 by 2 recorded steps, 0 by nobody\n")
    Path("empty").mkdir()
    assert refused("policy", "test", "rules", "--mutate", "--runs", "empty").startswith("empty: no recorded step")


@pytest.mark.slow
def test_the_gate_here(here: Path, command: Command) -> None:
    """Without a folder the gate here is tried, and the recordings may notice too: in ours nothing is left."""
    for name in ("agents", "datasets", "policies", "runback.yaml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, here / name)
    result = command("policy", "test", "--mutate")
    assert result.code == 0
    assert result.out.endswith("by tests, 0 by 6 recorded steps, 0 by nobody\n")
    change("policies/refunds.test.yaml", "arguments: {order: A1, amount: 100}", "arguments: {order: A1, amount: 99}")
    assert command("policy", "test", "--mutate").code == 1


@pytest.mark.usefixtures("rules")
def test_tests_that_do_not_hold(command: Command) -> None:
    """Then no fault is tried: what the tests say means nothing."""
    change("rules/refunds.test.yaml", "{refunds.limit: pass}", "{refunds.limit: skip}")
    result = command("policy", "test", "rules", "--mutate", "--survivors", "9")
    assert result.code == 1
    assert "tried" not in result.out


@pytest.mark.usefixtures("rules")
def test_many_survivors(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text lists the first ones and counts the rest."""
    monkeypatch.setattr(policy_tests, "MAX_LISTED", 2)
    change("rules/refunds.test.yaml", "amount: 100", "amount: 50")
    out = command("policy", "test", "rules", "--mutate").out
    assert out.count("nobody notices") == 2
    assert "… and 1 more: --json lists all\n" in out


@pytest.mark.usefixtures("rules")
def test_options_that_need_it(refused: Refused) -> None:
    """--runs and --survivors mean nothing without --mutate."""
    for option in (("--runs", "runs"), ("--survivors", "3")):
        assert refused("policy", "test", "rules", *option).startswith("--runs and --survivors need --mutate.")
