"""`policy draft`: what it prints, writes and exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Run, Step
from runback_gate.testing import REFUNDS, sample_call, sample_case, sample_run, sample_step, write_gate
from tests.cli.conftest import Command, tree, write

QUIET = {"validations": [{"id": "calm", "expression": '!response.text.contains("Oh")'}]}


def refund(amount: int) -> Step:
    said = (Message("user", f"{amount}"),)
    return sample_step(sample_call("issue_refund", amount=amount), messages=said)


def keep(run: Run) -> None:
    write(f"runs/{run.id}.jsonl", write_run(run, lambda size: b"s" * size))


@pytest.fixture
def shop(here: Path) -> Path:
    """A gate that says nothing of refunds, a run of fine steps and a run that ends in a wrong one."""
    write_gate(here, [sample_case("c", sample_step(text="Hi"))], policies={"calm": QUIET})
    keep(sample_run(refund(10), refund(40), run="fine"))
    keep(sample_run(refund(25), refund(250), run="bad"))
    return here


def test_a_rule_from_an_incident(command: Command, shop: Path) -> None:
    """The warrant is printed, the files are written, and the gate is red by the rule."""
    before = tree(shop)
    result = command("policy", "draft", "bad", "1", "--dry-run")
    assert (result.code, result.out.count("✓")) == (0, 5)
    assert "would write policies/issue-refund-limit.yaml" in result.out
    assert tree(shop) == before
    result = command("policy", "draft", "bad", "1", "--why", "INC-7")
    assert result.code == 0
    assert "wrote policies/issue-refund-limit.test.yaml" in result.out
    assert command("policy", "test").code == 0
    assert command("policy", "lint", "--strict").code == 0
    result = command("run")
    assert result.code == 1
    assert "issue-refund.limit: issue_refund with amount above 40" in result.out


def test_no_warrant(command: Command, shop: Path) -> None:
    """Exit code 1, and nothing is written."""
    write_gate(shop, [sample_case("c", sample_step(text="Hi"))], policies={"refunds": REFUNDS})
    before = tree(shop)
    result = command("policy", "draft", "bad", "1", "--json")
    said = json.loads(result.out)
    assert (result.code, said["admitted"], said["written"]) == (1, False, [])
    assert [claim["detail"] for claim in said["warrant"] if not claim["holds"]] == ["denied by refunds.limit"]
    assert tree(shop) == before


@pytest.mark.usefixtures("shop")
def test_what_cannot_be_drafted(refused: Callable[..., str]) -> None:
    """Wrong input is exit code 2 with one line."""
    assert "run bad has no step 7" in refused("policy", "draft", "bad", "7")
    assert "no template is named 'limits'" in refused("policy", "draft", "bad", "1", "--template", "limits")
    assert "--plan needs --model" in refused("policy", "draft", "bad", "1", "--plan")
    assert "no template fits" in refused(
        "policy", "draft", "fine", "0", "--runs", "runs/fine.jsonl", "--tool", "issue_refund", "--template", "once"
    )
    assert "no provider" in refused("policy", "draft", "bad", "1", "--model", "nobody/m")
