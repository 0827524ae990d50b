"""Faults that nobody notices: tests first, then the record, then nobody; and none in this repository's own policies."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis.mutation import Mutation, try_mutants
from runback_gate.analysis.recorded import recorded
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.limits import MAX_SOURCE
from runback_gate.dataset.recordings import load_recording
from runback_gate.errors import ExpressionError
from runback_gate.policy.document import load_policies
from runback_gate.step import Step
from runback_gate.testing import sample_call, sample_run, sample_step, write_document

ROOT = Path(__file__).parents[2]
ENGINE = CppEngine()
LIMIT: dict[str, Any] = {
    "params": {"limit": 100},
    "validations": [
        {"id": "limit", "expression": 'calls(response, "pay").all(c, c.arguments.amount <= params.limit)'},
    ],
}


def case(expected: str, *amounts: int) -> dict[str, Any]:
    """A case of a policy test: payments of these amounts."""
    calls = [{"name": "pay", "arguments": {"amount": amount}} for amount in amounts]
    return {"name": f"{amounts}", "step": {"response": {"tool_calls": calls}}, "expect": {"limit": expected}}


def tried(root: Path, spec: dict[str, Any], *cases: dict[str, Any], steps: tuple[Step, ...] = ()) -> Mutation:
    """What becomes of the faults of a policy under these tests and steps."""
    write_document(root, "p.yaml", "Policy", "p", spec)
    if cases:
        write_document(root, "t.yaml", "PolicyTest", "p", {"policy": "p", "cases": list(cases)})
    policies, tests = load_policies(root, ["*.yaml"], recordings=partial(load_recording, root))
    return try_mutants(policies, tests, ENGINE, recorded(sample_run(*steps)))


def survivors(found: Mutation) -> list[str]:
    """What nobody notices."""
    return [re.sub(".*all\\(c, |.*exists\\(c, ", "", item.mutated) for item in found.survivors]


FULL = (case("pass", 100), case("fail", 101), case("fail", 40, 250))


def test_a_whole_suite(tmp_path: Path) -> None:
    """The limit itself, the first value above it, and one bad among good ones: every fault is noticed."""
    found = tried(tmp_path, LIMIT, *FULL)
    assert (found.tried, found.by_tests, found.by_steps, found.survivors, found.steps) == (6, 6, 0, (), 0)


def test_what_a_test_is_good_for(tmp_path: Path) -> None:
    """Without a case at the limit, a fault at the limit survives; it is named with its place, before and after."""
    found = tried(tmp_path, LIMIT, case("pass", 40), case("fail", 250), case("fail", 40, 250))
    assert [item.mutated for item in found.survivors[:2]] == ["params.limit: 101", "params.limit: 99"]
    assert survivors(found)[2:] == ["c.arguments.amount < params.limit)"]
    assert str(found.survivors[2].location).startswith("p.yaml:")
    assert found.survivors[2].original.endswith("c.arguments.amount <= params.limit)")


def test_the_record_notices_too(tmp_path: Path) -> None:
    """What no test notices, a recorded step may: it is asked only about what is left."""
    steps = tuple(sample_step(sample_call("pay", amount=amount)) for amount in (100, 101))
    found = tried(tmp_path, LIMIT, case("pass", 40), case("fail", 250), case("fail", 40, 250), steps=steps)
    assert (found.by_tests, found.by_steps, found.survivors, found.steps) == (3, 3, (), 2)
    found = tried(tmp_path, LIMIT, *FULL, steps=(sample_step(sample_call("pay", amount="much")),))
    assert (found.by_tests, found.by_steps) == (6, 0)


def test_without_tests(tmp_path: Path) -> None:
    """Nobody notices anything; steps without the agent or the calls that the policy is about do not either."""
    found = tried(tmp_path, {**LIMIT, "match": {"agents": ["other"]}}, steps=(sample_step(text="Hi"),))
    assert (found.tried, found.by_tests, found.by_steps, len(found.survivors)) == (6, 0, 0, 6)


def test_conditions_and_variables(tmp_path: Path) -> None:
    """A fault in a condition or a variable is one of every validation that uses it, and of no other."""
    spec = {
        "match": {"agents": ["agent"]},
        "matchConditions": [{"name": "pays", "expression": 'response.text == ""'}],
        "variables": [{"name": "unused", "expression": "true"}],
        "validations": [{"id": "limit", "expression": "response.tool_calls != []"}],
    }
    skip = {"name": "words", "step": {"response": {"text": "Hi"}}, "expect": {"limit": "skip"}}
    found = tried(tmp_path, spec, skip, case("pass", 1))
    assert [item.where for item in found.survivors] == ["unused"]


def test_expectations_for_other_agents(tmp_path: Path) -> None:
    """An example that the policy does not concern says skip, whatever the fault."""
    found = tried(tmp_path, {**LIMIT, "match": {"agents": ["other"]}}, case("skip", 1))
    assert (found.tried, found.by_tests) == (6, 0)


def test_an_example_that_expects_nothing_of_the_rule(tmp_path: Path) -> None:
    """A case says something of the validations that it names, and of no others."""
    spec = {"validations": [{"id": "limit", "expression": "true"}, {"id": "other", "expression": "false"}]}
    found = tried(tmp_path, spec, case("pass", 1))
    assert [item.where for item in found.survivors] == ["other"]


def test_faults_that_do_not_compile(tmp_path: Path) -> None:
    """They could never be judged by, so they are not counted."""
    longest = "1 < 2 //".ljust(MAX_SOURCE, "x")
    found = tried(tmp_path, {"validations": [{"id": "limit", "expression": longest}]})
    assert [item.mutated[:5] for item in found.survivors] == ["0 < 2", "2 < 2", "1 < 1", "1 < 3"]


def test_a_policy_that_does_not_compile(tmp_path: Path) -> None:
    """Nothing is tried."""
    with pytest.raises(ExpressionError):
        tried(tmp_path, {"validations": [{"id": "limit", "expression": "tru"}]})


def own(root: Path, *without: str) -> Mutation:
    """The faults of this repository's policies under their tests, without the named cases."""
    shutil.copytree(ROOT / "policies", root / "policies")
    for path in (root / "policies").glob("*.test.yaml"):
        text = path.read_text()
        for name in without:
            text = re.sub(rf"(?m)^    - name: {re.escape(name)}\n(?:      .*\n)+", "", text)
        path.write_text(text)
    policies, tests = load_policies(root, ["policies/*.yaml"], recordings=partial(load_recording, root))
    return try_mutants(policies, tests, ENGINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "survivor"),
    [
        ("the limit itself is still small", "…s.amount) && c.arguments.amount < params.limit)"),
        ("the first amount above the limit", "params.limit: 101"),
        (
            "two refunds, one of them too large and for an order that nobody looked at",
            "variables.refunds.exists(c, has(c.arguments.amount) && c…",
        ),
        (
            "a card number in the second of two mails",
            '…& calls(response, "send_email").exists(c, has(c.arguments.body) && !…',
        ),
    ],
)
def test_a_test_that_is_taken_out(tmp_path: Path, name: str, survivor: str) -> None:
    """Without one of the cases a fault survives: each of them is there for a reason."""
    assert survivor in [item.mutated for item in own(tmp_path, name).survivors]
