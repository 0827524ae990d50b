"""Facts about policies over runs: what they may name, what they judge, and how their tests write a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis.lint import lint_policy
from runback_gate.analysis.policy_tests import run_tests
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import DocumentError, ExpressionError
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import OTHER_SCOPE, BoundStep, StepUnderTest, compile_policy, judge, results
from runback_gate.policy.policy_test_document import PolicyTest

CPP = CppEngine()
ENGINES: tuple[Engine, ...] = (CPP, PyEngine())
RULE = {"id": "p.once", "expression": 'run.calls.count_if(c, c.name == "refund") <= 1'}


def written(folder: Path, kind: str, name: str, spec: dict[str, Any]) -> None:
    document = {"apiVersion": "runback.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    # As JSON, which is YAML without anchors.
    (folder / f"{name}.yaml").write_text(json.dumps(document))


def policy(folder: Path, **spec: Any) -> Policy:
    """A policy over runs with these fields."""
    written(folder, "Policy", "p", {"scope": "run", "validations": [RULE], **spec})
    return load_policies(folder, ["p.yaml"])[0][0]


def examples_of(folder: Path, *cases: dict[str, Any]) -> tuple[PolicyTest, ...]:
    named = [{"name": f"case {number}", **case} for number, case in enumerate(cases)]
    written(folder, "PolicyTest", "t", {"policy": "p", "cases": named})
    return load_policies(folder, ["t.yaml"], recordings=lambda *_: pytest.fail("no recording"))[1]


@pytest.mark.parametrize(
    ("scope", "expression", "message", "hint"),
    [
        ("step", "run.calls.size() == 0", "a rule over steps does not see `run`", "this needs spec.scope: run"),
        ("run", "response.text == ''", "a rule over runs does not see `response`", "write run.steps[…].response"),
        ("run", "size(history) == 0", "a rule over runs does not see `history`", "or leave out spec.scope: run"),
        ("run", "run.calls.all(c, c.nmae == '')", "RunCall has no field nmae", "did you mean 'name'"),
        ("run", "run.calls.before(c, true).all(c, c.nmae == '')", "RunCall has no field nmae", "did you mean 'name'"),
        ("run", "run.calls.count_if(c, c.name) == 1", "", ""),
        ("run", "run.step.size() == 1", "Run has no field step", "did you mean"),
    ],
)
def test_lint_knows_the_scope(tmp_path: Path, scope: Any, expression: str, message: str, hint: str) -> None:
    """What a rule does not see is an error at its place, in lint and when the policy is compiled."""
    rule = {"id": "p.r", "expression": expression}
    found = policy(tmp_path, scope=scope, validations=[rule])
    (diagnostic,) = lint_policy(found)
    assert diagnostic.level == "error"
    assert message in diagnostic.message
    assert hint in (diagnostic.hint or "")
    if "does not see" in message:
        with pytest.raises(ExpressionError, match="does not see"):
            compile_policy(found, CPP)


def test_a_variable_keeps_to_the_scope(tmp_path: Path) -> None:
    """Also one that no rule uses."""
    found = policy(tmp_path, variables=[{"name": "said", "expression": "response.text"}])
    with pytest.raises(ExpressionError, match="does not see `response`"):
        compile_policy(found, CPP)


def test_what_is_read_is_known(tmp_path: Path) -> None:
    """All expressions of a policy together say what is laid out of the steps."""
    found = policy(
        tmp_path,
        matchConditions=[{"name": "long", "expression": "run.steps.exists(s, size(s.history) > 2)"}],
        validations=[{**RULE, "messageExpression": "run.steps[0].request.model"}],
    )
    assert compile_policy(found, CPP).reads == {"history", "request.model"}


def test_a_rule_of_the_other_scope_says_nothing(tmp_path: Path) -> None:
    """A run is judged by policies over runs, a step by those over steps; neither holds nor fails on the other."""
    over_runs = compile_policy(policy(tmp_path), CPP)
    step = StepUnderTest("a", (), lambda: pytest.fail("bound"))
    assert results([over_runs], step) == {"p.once": OTHER_SCOPE}
    assert judge([over_runs], step).judged == 0
    assert judge([over_runs], step).skipped == ()
    call: JsonValue = {"step": 0, "name": "refund", "arguments": {}}
    run = StepUnderTest("a", (), lambda: BoundStep(CPP, {"run": {"calls": [call, call]}}), scope="run")
    assert results([over_runs], run)["p.once"].outcome == "fail"


SPEC: dict[str, Any] = {
    "variables": [{"name": "refunds", "expression": 'run.calls.filter(c, c.name == "refund")'}],
    "params": {"limit": 100},
    "validations": [
        {"id": "p.sum", "expression": "variables.refunds.map(c, c.arguments.amount).sum() <= params.limit"},
        {"id": "p.read", "expression": "variables.refunds.all(c, run.calls.before(d, d == c).exists(d, d.result.ok))"},
        {"id": "p.schema", "expression": "run.calls.all(c, matchesSchema(c))"},
    ],
}


def test_runs_of_policy_tests(tmp_path: Path) -> None:
    """A run is its steps; results come from the calls, tools and words go on until they change."""
    tools = [
        {"name": name, "parameters": {"required": [field]}} for name, field in (("read", "id"), ("refund", "amount"))
    ]
    first = {"request": {"tools": tools}, "response": {"tool_calls": [{"name": "read", "result": {"ok": True}}]}}
    read = {**first, "response": {"tool_calls": [{"name": "read", "arguments": {"id": 1}, "result": {"ok": True}}]}}
    pay = [
        {"response": {"tool_calls": [{"name": "refund", "arguments": {"amount": amount}}]}} for amount in (60, 40, 41)
    ]
    tests = examples_of(
        tmp_path,
        {"run": {"steps": [read, *pay[:2]]}, "expect": {"p.sum": "pass", "p.read": "pass", "p.schema": "pass"}},
        {"run": {"steps": [read, pay[0], pay[2]]}, "expect": {"p.sum": "fail", "p.read": "pass", "p.schema": "pass"}},
        {"run": {"steps": [first]}, "expect": {"p.sum": "pass", "p.read": "pass", "p.schema": "fail"}},
        {"run": {"steps": pay[:1]}, "expect": {"p.sum": "pass", "p.read": "fail", "p.schema": "fail"}},
        {
            "run": {"steps": [{"response": {"tool_calls": [{"name": "refund", "arguments": {}}]}}]},
            "expect": {"p.sum": "error"},
        },
    )
    found = run_tests([policy(tmp_path, **SPEC)], tests, ENGINES)
    assert found.deviations == ()
    assert found.expectations == 13


def test_results_of_a_test_are_as_recorded(tmp_path: Path) -> None:
    """A text stays text also where it reads as a number; an error is one; what is left out is unknown."""
    calls = [
        {"name": "a", "result": "7"},
        {"name": "b", "result": 7},
        {"name": "c", "result": "fine", "error": "late"},
        {"name": "d"},
        {"name": "e", "error": "down"},
        {"name": "f", "result": None},
    ]
    steps = [
        {"response": {"tool_calls": calls}},
        {"response": {"text": "done"}, "request": {"messages": [{"role": "user"}]}},
    ]
    run = {"steps": steps, "status": "ok", "labels": {"task": 3}, "agent": {"name": "support", "labels": {"team": "x"}}}
    (test,) = examples_of(tmp_path, {"run": run, "expect": {"p.once": "pass"}})
    data: Any = test.cases[0].data
    told = [{key: call[key] for key in ("result", "error") if key in call} for call in data["run"]["calls"]]
    assert told == [
        {"result": "7"},
        {"result": 7},
        {"result": "fine", "error": "late"},
        {},
        {"error": "down"},
        {"result": None},
    ]
    assert [item["result"] for item in data["run"]["steps"][1]["history"][:3]] == ["7", 7, "fine"]
    assert data["run"]["status"] == "ok"
    assert data["run"]["labels"] == {"task": 3}
    assert data["agent"] == {"name": "support", "labels": {"team": "x"}}
    assert data["run"]["steps"][1]["request"]["messages"][-1]["role"] == "user"


def test_a_test_is_of_the_scope_of_its_policy(tmp_path: Path) -> None:
    """A step says nothing of a policy over runs: such a test is a mistake, not a skip."""
    tests = examples_of(tmp_path, {"step": {"response": {}}, "expect": {"p.once": "skip"}})
    with pytest.raises(DocumentError, match="policy 'p' is about runs, and this is a step"):
        run_tests([policy(tmp_path)], tests, ENGINES)
