"""Running policy tests: what deviates, what was never seen, and that a second engine is listened to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis.policy_tests import Conformance, run_tests
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Activation, Engine, Outcome, ParsedExpression, Program
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.work import Budget
from runback_gate.dataset.recordings import load_recording
from runback_gate.errors import DocumentError, ExpressionError
from runback_gate.policy.document import load_policies
from runback_gate.testing import REFUNDS, write_document

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())


def refund(amount: object) -> dict[str, Any]:
    """The step of an example that refunds this amount."""
    return {"response": {"tool_calls": [{"name": "issue_refund", "arguments": {"amount": amount}}]}}


SMALL = {"name": "small", "step": refund(40), "expect": {"refunds.limit": "pass"}}
LARGE = {"name": "large", "step": refund(250), "expect": {"refunds.limit": "fail"}}
ODD = {"name": "odd", "step": refund("much"), "expect": {"refunds.limit": "error"}}
NONE = {"name": "none", "step": {"response": {}}, "expect": {"refunds.limit": "skip"}}


def run(
    root: Path, *cases: dict[str, Any], engines: tuple[Engine, ...] = ENGINES, policy: str = "refunds", **spec: Any
) -> Conformance:
    """What these examples of the refunds policy come to."""
    write_document(root, "p.yaml", "Policy", "refunds", {**REFUNDS, **spec})
    if cases:
        write_document(root, "t.yaml", "PolicyTest", "refunds", {"policy": policy, "cases": list(cases)})
    policies, tests = load_policies(root, ["*.yaml"], recordings=partial(load_recording, root))
    return run_tests(policies, tests, engines)


@dataclass(frozen=True)
class Contrary:
    """A program that turns the booleans of another around."""

    program: Program

    def evaluate(self, activation: Activation) -> Outcome:
        """The opposite."""
        outcome = self.program.evaluate(activation)
        return Outcome(not outcome.value) if isinstance(outcome.value, bool) else outcome


class ContraryEngine:
    """An engine that disagrees about every expression that has `amount` in it."""

    name = "contrary"
    version = "1"

    def __init__(self) -> None:
        self.engine = CppEngine()

    def bind(self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False) -> Activation:
        """As the other."""
        return self.engine.bind(data, budget, lean=lean)

    def compile(self, expression: str | ParsedExpression, *, local: tuple[str, ...] = ()) -> Program:
        """The other's program, or its opposite."""
        program = self.engine.compile(expression, local=local)
        source = expression if isinstance(expression, str) else expression.source
        return Contrary(program) if "amount" in source else program


def test_all_is_well(tmp_path: Path) -> None:
    """Every expectation met on both engines, everything seen, no gap."""
    found = run(tmp_path, SMALL, LARGE, ODD, NONE)
    assert (found.expectations, found.deviations) == (4, ())
    (coverage,) = found.coverage
    assert (coverage.rule, coverage.passed, coverage.failed, coverage.errors, coverage.skipped) == (
        "refunds.limit",
        1,
        1,
        1,
        1,
    )
    assert coverage.gap is None
    assert str(coverage.location) == "p.yaml:21:20"


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({**SMALL, "expect": {"refunds.limit": "fail"}}, "expected fail, got pass"),
        ({**LARGE, "expect": {"refunds.limit": "pass"}}, "expected pass, got fail: refund above 100"),
        ({**NONE, "expect": {"refunds.limit": "pass"}}, "expected pass, got skip: a match condition is false"),
        ({**ODD, "expect": {"refunds.limit": "fail"}}, "expected fail, got error: cannot be evaluated: "),
    ],
)
def test_a_wrong_expectation(tmp_path: Path, case: dict[str, Any], message: str) -> None:
    """It is one deviation, at the expectation, with what was said instead."""
    (deviation,) = run(tmp_path, case).deviations
    assert (deviation.rule, deviation.example) == ("refunds.limit", case["name"])
    assert deviation.message.startswith(message)
    line = (tmp_path / "t.yaml").read_text().split("\n")[(deviation.location.line or 0) - 1]
    assert line.strip().startswith('"refunds.limit"')


def test_engines_that_disagree(tmp_path: Path) -> None:
    """Another verdict is a deviation even where the judging engine says what is expected."""
    found = run(tmp_path, SMALL, LARGE, ODD, NONE, engines=(CppEngine(), ContraryEngine()))
    assert [(item.example, item.message) for item in found.deviations] == [
        ("small", "cel-cpp says pass, contrary says fail: refund above 100"),
        ("large", "cel-cpp says fail, contrary says pass: refund above 100"),
    ]


def test_engines_that_disagree_where_nothing_is_expected(tmp_path: Path) -> None:
    """A validation without an expectation in the example is compared too, and stands at the example."""
    rules = [
        {"id": "once", "expression": 'size(calls(response, "issue_refund")) == 1'},
        {"id": "small", "expression": "response.tool_calls.all(c, c.arguments.amount < 100)"},
    ]
    case = {**SMALL, "expect": {"once": "pass"}}
    found = run(tmp_path, case, engines=(CppEngine(), ContraryEngine()), validations=rules)
    assert [(item.rule, str(item.location)) for item in found.deviations] == [("small", "t.yaml:10:4")]


def test_the_first_engine_judges(tmp_path: Path) -> None:
    """Expectations and coverage are held against it, so two wrongs are two deviations."""
    found = run(tmp_path, LARGE, engines=(ContraryEngine(), CppEngine()))
    assert [item.message for item in found.deviations] == [
        "contrary says pass, cel-cpp says fail: refund above 100",
        "expected fail, got pass",
    ]
    assert (found.coverage[0].passed, found.coverage[0].failed) == (1, 0)


@pytest.mark.parametrize(
    ("cases", "gap"),
    [
        ([SMALL, LARGE], None),
        ([SMALL], "never seen false"),
        ([LARGE], "never seen true"),
        ([NONE, ODD], "never seen true or false"),
        ([], "never seen true or false"),
    ],
)
def test_gaps(tmp_path: Path, cases: list[dict[str, Any]], gap: str | None) -> None:
    """A validation that no example makes true, or none makes false, is said to be untested."""
    assert run(tmp_path, *cases).coverage[0].gap == gap


def test_an_example_outside_the_match(tmp_path: Path) -> None:
    """A policy that does not concern the agent or the tags skips."""
    step = {**refund(250), "agent": {"name": "billing"}}
    skipped = {"name": "other", "step": step, "expect": {"refunds.limit": "skip"}}
    assert run(tmp_path, skipped, match={"agents": ["support*"]}).deviations == ()
    (deviation,) = run(tmp_path, {**skipped, "expect": {"refunds.limit": "fail"}}, match={"tags": ["vip"]}).deviations
    assert deviation.message == "expected fail, got skip: the policy does not concern this agent or case"


def test_names_that_are_not_there(tmp_path: Path) -> None:
    """A test of nothing tests nothing: an unknown policy or validation is an error with a hint."""
    with pytest.raises(DocumentError, match=r"no policy is named 'refund' \(did you mean 'refunds'\?\)$"):
        run(tmp_path, SMALL, policy="refund")
    with pytest.raises(DocumentError, match=r"policy 'refunds' has no rule 'limit' \(known: refunds.limit\)$"):
        run(tmp_path, {**SMALL, "expect": {"limit": "pass"}})


def test_a_test_without_policies(tmp_path: Path) -> None:
    """The hint says what to give."""
    write_document(tmp_path, "t.yaml", "PolicyTest", "refunds", {"policy": "refunds", "cases": [SMALL]})
    policies, tests = load_policies(tmp_path, ["*.yaml"], recordings=partial(load_recording, tmp_path))
    with pytest.raises(DocumentError, match=r"no policy is named 'refunds' \(give the policy's file as well\)$"):
        run_tests(policies, tests, ENGINES)


def test_a_policy_that_does_not_compile(tmp_path: Path) -> None:
    """It is an error, not a deviation."""
    with pytest.raises(ExpressionError):
        run(tmp_path, SMALL, validations=[{"id": "refunds.limit", "expression": "response.text =="}])
