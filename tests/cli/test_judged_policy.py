"""A rule that a judge model decides, where none is asked: each command names it, and none says that it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.changed_policies import POLICY
from tests.cli.conftest import Command, change, write
from tests.cli.recordings import pays, recorded
from tests.extras import needs

TONE = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: tone}
spec:
  validations:
    - id: tone.calm
      judge: {model: local/judge, rubric: Is calm., threshold: 70}
"""
TEST = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: NAME}
spec:
  policy: NAME
  cases:
    - {name: a, step: {response: {tool_calls: [{name: issue_refund, arguments: {amount: 100}}]}}, expect: {EXPECT}}
"""
LINE = "not judged here: tone.calm (a judge model decides it, and only `run` asks one)"
LEFT_OUT = [{"rule": "tone.calm", "reason": "a judge model decides it, and only `run` asks one"}]


@pytest.fixture
def rules(here: Path) -> Path:
    """A policy with an expression, one with a judge, a test, and a run."""
    write("p/refunds.yaml", POLICY.replace("LIMIT", "100"))
    write("p/refunds.test.yaml", TEST.replace("NAME", "refunds").replace("EXPECT", "refunds.limit: pass"))
    write("p/tone.yaml", TONE)
    recorded("r1", pays(40), pays(250))
    return here


def json_of(command: Command, *arguments: str) -> dict[str, Any]:
    """What a command prints for a program."""
    value: dict[str, Any] = json.loads(command(*arguments, "--json").out)
    return value


@pytest.mark.usefixtures("rules")
def test_a_backtest_counts_nothing_of_it(command: Command) -> None:
    """It is named beneath the others, also in parts; a backtest of it alone is none."""
    arguments = ("backtest", "--policies", "p", "--runs", "runs")
    assert command(*arguments).out.splitlines()[-1] == LINE
    found = json_of(command, *arguments)
    assert (list(found["validations"]), found["notJudged"]) == (["refunds.limit"], LEFT_OUT)
    assert command(*arguments, "--shard", "1/1", "--out", "part.json").code == 0
    assert json_of(command, "backtest", "merge", "part.json") == found
    assert json_of(command, *arguments, "--cache", "kept") == json_of(command, *arguments, "--cache", "kept") == found
    alone = command("backtest", "--policies", "p/tone.yaml", "--runs", "runs")
    assert (alone.code, "no rule to judge by: tone.calm" in alone.error) == (2, True)
    (Path("p") / "tone.yaml").unlink()
    assert "notJudged" not in json_of(command, *arguments)


@pytest.mark.usefixtures("rules")
def test_a_policy_test_cannot_expect_it(command: Command) -> None:
    """It is named and not counted; an expectation of it is an error; no fault is put into it."""
    found = command("policy", "test", "p", "--mutate", "--survivors", "9")
    assert (found.code, LINE in found.out, "1 rule, " in found.out) == (0, True, True)
    assert json_of(command, "policy", "test", "p")["notJudged"] == LEFT_OUT
    write("p/tone.test.yaml", TEST.replace("NAME", "tone").replace("EXPECT", "tone.calm: pass"))
    refused = command("policy", "test", "p")
    assert (refused.code, "rule 'tone.calm' has no expression" in refused.error) == (2, True)


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("old", "new", "word", "code"),
    [
        ("threshold: 70", "threshold: 90", "unknown", 1),
        ("judge: {model: local/judge, rubric: Is calm., threshold: 70}", "expression: 'true'", "unknown", 1),
        ("  validations:", "  matchConditions: [{name: a, expression: 'true'}]\n  validations:", "looser", 1),
        ("id: tone.calm", "id: tone.kind", "mixed", 1),
        ("metadata: {name: tone}", "metadata: {name: tone, labels: {a: b}}", "same on record", 0),
    ],
)
def test_a_diff_says_that_the_record_shows_nothing(command: Command, old: str, new: str, word: str, code: int) -> None:
    """What may be another rule is no same rule on the record."""
    write("head/refunds.yaml", POLICY.replace("LIMIT", "100"))
    change(write("head/tone.yaml", TONE), old, new)
    arguments = ("policy", "diff", "--base", "p", "--head", "head", "--runs", "runs")
    found = json_of(command, *arguments)
    assert found["policies"] == {"tone": word}
    assert found["effects"][0]["notJudged"][0]["rule"] in ("tone.calm", "tone.kind")
    assert command(*arguments, "--exit-code").code == code
    text = command(*arguments).out
    assert "not judged on the record: tone." in text
    assert "same verdict" not in text
    assert "vacuous" not in text
    assert "not judged on the record" in command(*arguments, "--format", "markdown").out


@pytest.mark.usefixtures("rules")
def test_it_cannot_be_explained(command: Command) -> None:
    """There is no expression; the error names where its grade is."""
    found = command("policy", "explain", "tone.calm", "r1", "0", "--policies", "p")
    assert (found.code, "has no expression" in found.error, "report.html" in found.error) == (2, True, True)


@pytest.mark.integration
@pytest.mark.usefixtures("rules")
def test_no_proof_and_no_witness(command: Command) -> None:
    """`--prove` says unknown of a changed rubric, and of a condition before a judge; coverage leaves it out."""
    needs("z3")
    write("head/refunds.yaml", POLICY.replace("LIMIT", "100"))
    for old, new in (
        ("threshold: 70", "threshold: 90"),
        ("  validations:", "  matchConditions: [{name: a, expression: 'true'}]\n  validations:"),
    ):
        change(write("head/tone.yaml", TONE), old, new)
        arguments = ("policy", "diff", "--base", "p", "--head", "head", "--runs", "runs", "--prove")
        (proof,) = json_of(command, *arguments)["proofs"]
        assert (proof["rule"], proof["verdict"]) == ("tone.calm", "unknown")
        assert "needs approval" in command(*arguments).out
    found = json_of(command, "policy", "coverage", "p")
    assert [item["rule"] for item in found["rules"]] == ["refunds.limit"]
    assert found["notJudged"] == LEFT_OUT
    assert LINE in command("policy", "coverage", "p").out
