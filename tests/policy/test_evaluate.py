"""Judging one answer: only true holds, only false breaks, and whatever else comes out is said to be an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Activation, Engine, Outcome, ParsedExpression, Program
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.work import Budget
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import (
    CONDITION_FALSE,
    MAX_MESSAGE,
    NOT_CONCERNED,
    PASS,
    BoundStep,
    Judgement,
    RuleResult,
    RuleSet,
    StepUnderTest,
    compile_policy,
    judge,
    results,
)
from runback_gate.policy.finding import Finding
from runback_gate.step import Request, Response
from runback_gate.testing import REFUNDS, sample_call, write_document

CPP, PY = CppEngine(), PyEngine()


def data(*amounts: object, text: str = "") -> dict[str, JsonValue]:
    """What an expression sees of an answer that refunds these amounts."""
    answer = Response(text, tuple(sample_call("issue_refund", amount=amount) for amount in amounts))
    return bindings(Request(), answer, baseline=None, case=case_facts("d", "c"), agent=agent_facts("support"))


def policy(root: Path, **spec: Any) -> Policy:
    """A policy with this `spec` in p.yaml; without validations it has one that is `response.text == "ok"`."""
    rule = {"id": "r", "expression": 'response.text == "ok"'}
    write_document(root, "p.yaml", "Policy", "p", {"validations": [rule], **spec})
    return load_policies(root, ["p.yaml"])[0][0]


def under_test(engine: Engine, found: dict[str, JsonValue]) -> StepUnderTest:
    """An answer of the sample agent."""
    return StepUnderTest("support", (), lambda: BoundStep(engine, found))


def judgement(rules: RuleSet, found: dict[str, JsonValue], engine: Engine = CPP) -> Judgement:
    """The judgement of one answer."""
    return judge([rules], under_test(engine, found))


def finding(root: Path, expression: str, found: dict[str, JsonValue] | None = None, **spec: Any) -> Finding:
    """The finding of the one validation of a policy."""
    rules = compile_policy(policy(root, validations=[{"id": "r", "expression": expression}], **spec), CPP)
    (only,) = judgement(rules, data() if found is None else found).findings
    return only


@dataclass(frozen=True, eq=False)
class Fixed:
    """A program that says the same of every answer."""

    outcome: Outcome

    def evaluate(self, activation: Activation) -> Outcome:  # noqa: ARG002
        """The outcome."""
        return self.outcome


@dataclass(frozen=True)
class Bound:
    """An activation of `FixedEngine`."""

    engine: str = "fixed"


class FixedEngine:
    """An engine whose programs say what a table says of their source."""

    name = "fixed"
    version = "1"

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self.outcomes = outcomes

    def bind(self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False) -> Bound:  # noqa: ARG002
        """Nothing is read."""
        return Bound()

    def compile(self, expression: str | ParsedExpression, *, local: tuple[str, ...] = ()) -> Program:  # noqa: ARG002
        """The program of a source, true where the table is silent."""
        source = expression if isinstance(expression, str) else expression.source
        return Fixed(self.outcomes.get(source, Outcome(True)))


@pytest.mark.parametrize("engine", [CPP, PY], ids=lambda engine: str(engine.name))
def test_a_policy_by_hand(tmp_path: Path, engine: Engine) -> None:
    """A refund below the limit, one above it, none, and one whose amount is no number."""
    rules = compile_policy(policy(tmp_path, **REFUNDS), engine)
    assert judgement(rules, data(40), engine) == Judgement(("refunds.limit",), (), ())
    assert judgement(rules, data(), engine) == Judgement((), ("refunds.limit",), ())
    (above,) = judgement(rules, data(40, 250), engine).findings
    assert (above.rule, above.policy, above.outcome, above.action) == ("refunds.limit", "p", "fail", "Deny")
    assert (above.message, above.values) == (
        "refund above 100",
        (("c.arguments.amount", "250"), ("params.limit", "100")),
    )
    assert (str(above.location), above.waiver) == ("p.yaml:11:20", None)
    (unknown,) = judgement(rules, data("much"), engine).findings
    assert (unknown.outcome, unknown.action, unknown.values) == ("error", "Deny", ())
    assert unknown.message.startswith("cannot be evaluated: ")


@pytest.mark.parametrize(
    ("agents", "tags", "agent", "case_tags", "concerned"),
    [
        ([], [], "any", (), True),
        (["support*"], [], "support-eu", (), True),
        (["support*"], [], "billing", (), False),
        (["billing", "sup?ort"], [], "support", (), True),
        (["Support"], [], "support", (), False),
        (["team[1]"], [], "team[1]", (), True),
        (["team[1]"], [], "team1", (), False),
        ([], ["vip"], "any", ("vip", "new"), True),
        ([], ["vip", "new"], "any", ("new",), True),
        ([], ["vip"], "any", (), False),
        (["support"], ["vip"], "billing", ("vip",), False),
        (["support"], ["vip"], "support", ("old",), False),
    ],
)
def test_match(
    tmp_path: Path, agents: list[str], tags: list[str], agent: str, case_tags: tuple[str, ...], concerned: bool
) -> None:
    """One of the agents and one of the tags; an empty list is everybody. Only * and ? are wild."""
    rules = compile_policy(policy(tmp_path, match={"agents": agents, "tags": tags}), CPP)
    assert rules.concerns(agent, case_tags) is concerned


@pytest.mark.parametrize(
    ("conditions", "passed", "skipped", "outcome"),
    [
        (["true"], ("r",), (), None),
        (["false"], (), ("r",), None),
        (["true", "false"], (), ("r",), None),
        (["response.nobody", "true"], (), (), "match condition c0: "),
        (["1", "true"], (), (), "match condition c0: returned int, expected bool"),
        (["response.nobody", "false"], (), ("r",), None),
        (["false", "response.nobody"], (), ("r",), None),
    ],
)
def test_match_conditions(
    tmp_path: Path, conditions: list[str], passed: tuple[str, ...], skipped: tuple[str, ...], outcome: str | None
) -> None:
    """One that is false keeps the policy out of it; otherwise one that cannot be evaluated leaves it undecided."""
    named = [{"name": f"c{number}", "expression": item} for number, item in enumerate(conditions)]
    found = judgement(compile_policy(policy(tmp_path, matchConditions=named), CPP), data(text="ok"))
    assert (found.passed, found.skipped) == (passed, skipped)
    assert [item.message.startswith(f"cannot be evaluated: {outcome}") for item in found.findings] == [True] * bool(
        outcome
    )


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("1 + 1", "returned int, expected bool"),
        ('"true"', "returned string, expected bool"),
        ("null", "returned null, expected bool"),
        ("[true]", "returned list, expected bool"),
        ("response.nobody == 1", ""),
        ("response.tool_calls[9].name == 'x'", ""),
        ("1 / 0 == 1", ""),
        (f"[{', '.join(['1'] * 101)}].all(a, [{', '.join(['1'] * 101)}].all(b, true))", ""),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_boolean_is_an_error(tmp_path: Path, expression: str, reason: str) -> None:
    """Numbers, texts, missing fields, faults and a spent budget: never green, never red, always with its place."""
    found = finding(tmp_path, expression)
    assert (found.outcome, found.action, str(found.location)) == ("error", "Deny", "p.yaml:11:20")
    assert found.message.startswith(f"cannot be evaluated: {reason}")
    assert len(found.message) > len("cannot be evaluated: ")


VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(0, 1) | st.floats(0, 1) | st.text(max_size=5) | st.lists(st.booleans())
)


@given(VALUES, st.none() | st.just("broken"), st.sampled_from(["Deny", "Warn", "Audit"]), st.booleans())
def test_only_true_holds(
    tmp_path_factory: pytest.TempPathFactory, value: object, error: str | None, action: str, ignored: bool
) -> None:
    """Whatever an engine gives: true passes, false fails, all else is an error that no failure policy turns green."""
    outcome = Outcome(error=error) if error else Outcome(value)  # type: ignore[arg-type]
    root = tmp_path_factory.getbasetemp()
    spec = {"validationActions": [action], "failurePolicy": "Ignore" if ignored else "Fail"}
    found = judgement(
        compile_policy(policy(root, **spec), engine := FixedEngine({'response.text == "ok"': outcome})), {}, engine
    )
    if value is True and error is None:
        assert found == Judgement(("r",), (), ())
        return
    (only,) = found.findings
    is_false = value is False and error is None
    assert only.outcome == ("fail" if is_false else "error")
    assert only.action == ("Warn" if not is_false and ignored and action == "Deny" else action)
    assert found.judged == is_false


@pytest.mark.parametrize(
    ("rule", "spec", "message"),
    [
        ({"message": "not ok"}, {"description": "Be ok"}, "not ok"),
        ({}, {"description": "Be ok"}, "Be ok"),
        ({}, {}, "does not hold"),
        ({"message": "m", "messageExpression": '"said " + response.text'}, {}, "said no"),
        ({"message": "m", "messageExpression": "variables.v + string(params.p)"}, {"params": {"p": 1}}, "v1"),
        ({"message": "m", "messageExpression": "response.nobody"}, {}, "m"),
        ({"message": "m", "messageExpression": "5"}, {}, "m"),
        ({"message": "m", "messageExpression": '" \\n "'}, {}, "m"),
        ({"message": "m", "messageExpression": '"a\\n  b\\tc"'}, {}, "a b c"),
    ],
)
def test_messages(tmp_path: Path, rule: dict[str, Any], spec: dict[str, Any], message: str) -> None:
    """The text of the expression on one line, else the message, else the description, else three words."""
    variables = [{"name": "v", "expression": '"v"'}]
    whole = {
        "validations": [{"id": "r", "expression": 'response.text == "ok"', **rule}],
        "variables": variables,
        **spec,
    }
    (only,) = judgement(compile_policy(policy(tmp_path, **whole), CPP), data(text="no")).findings
    assert only.message == message


def test_messages_are_short(tmp_path: Path) -> None:
    """However much a model wrote into it."""
    rule = {"id": "r", "expression": "false", "messageExpression": "response.text"}
    rules = compile_policy(policy(tmp_path, validations=[rule]), CPP)
    (only,) = judgement(rules, data(text="word " * 10_000)).findings
    assert len(only.message) <= MAX_MESSAGE


def test_results_name_their_cause(tmp_path: Path) -> None:
    """The same rule, said of by the rule itself, by a condition, and by the step."""
    rules = compile_policy(policy(tmp_path, **REFUNDS, match={"agents": ["support"]}), CPP)

    def result(step: StepUnderTest) -> RuleResult:
        return results([rules], step)["refunds.limit"]

    assert result(under_test(CPP, data(40))) == PASS
    assert result(under_test(CPP, data(250))) == RuleResult("fail", "rule", "refund above 100")
    assert result(under_test(CPP, data("much"))).cause == "rule"
    assert result(under_test(CPP, data())) == CONDITION_FALSE
    assert result(StepUnderTest("billing", (), lambda: BoundStep(CPP, data(250)))) == NOT_CONCERNED
    unusable = StepUnderTest("support", (), lambda: BoundStep(CPP, data(250)), "view-only")
    assert result(unusable) == RuleResult("error", "step", "view-only")


def test_a_fingerprint_is_what_decides(tmp_path: Path) -> None:
    """Name, layout, message and description are not part of it; expression, params by their type and conditions are."""

    def fingerprint(**spec: Any) -> str:
        rules = compile_policy(policy(tmp_path, **spec), CPP)
        return rules.fingerprint(rules.rules[0])

    def rule(expression: str, **fields: Any) -> dict[str, Any]:
        return {"validations": [{"id": "r", "expression": expression, **fields}]}

    one, source = {"params": {"n": 1}}, "string(params.n) == response.text"
    base = fingerprint(**rule(source), **one)
    assert base == fingerprint(**rule("string( params.n )==response.text // words", message="m"), **one)
    assert base == fingerprint(**rule(source), **one, description="other", validationActions=["Warn"])
    others: list[dict[str, Any]] = [
        {**rule(source), "params": {"n": 2}},
        {**rule(source), "params": {"n": 1.0}},
        {**rule("string(params.n) != response.text"), **one},
        {**rule(source), **one, "matchConditions": [{"name": "c", "expression": "true"}]},
    ]
    found = [base, *(fingerprint(**spec) for spec in others)]
    assert len(set(found)) == len(found)


class Counting:
    """A program that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, activation: Activation) -> Outcome:  # noqa: ARG002
        """True, once more."""
        self.asked += 1
        return Outcome(True)


def test_a_program_is_asked_once_an_answer() -> None:
    """Policies share conditions; a new answer asks again."""
    program = Counting()
    for _ in range(2):
        subject = BoundStep(FixedEngine({}), {})
        assert [subject.evaluate(program).value for _ in range(3)] == [True] * 3
    assert program.asked == 2


def test_patterns(tmp_path: Path) -> None:
    """A pattern is searched for anywhere; one that is only known at run time is an error where it is malformed."""
    rules = [{"id": "literal", "expression": "response.text.matches('^[a-z]+\\\\($')"}]
    rules += [{"id": "dynamic", "expression": "response.text.matches(response.text)"}]
    found = judgement(compile_policy(policy(tmp_path, validations=rules), CPP), data(text="ab("))
    assert found.passed == ("literal",)
    assert [(item.rule, item.outcome) for item in found.findings] == [("dynamic", "error")]


def write_other(root: Path) -> RuleSet:
    """Another policy, which fails."""
    return compile_policy(policy(root, validations=[{"id": "x", "expression": "response.text == 'x'"}]), CPP)


def test_judging_is_the_sum_of_its_rules(tmp_path: Path) -> None:
    """Each rule is judged alone, in the order given; one that cannot be evaluated takes no other with it."""
    rules = [
        {"id": f"r{number}", "expression": source}
        for number, source in enumerate(["true", "response.nobody", "false", "response.text == ''"])
    ]
    more = write_other(tmp_path)
    found = judge([compile_policy(policy(tmp_path, validations=rules), CPP), more], under_test(CPP, data()))
    assert found.passed == ("r0", "r3")
    assert [(item.rule, item.outcome) for item in found.findings] == [
        ("r1", "error"),
        ("r2", "fail"),
        ("x", "fail"),
    ]
    assert found.judged == 4


def test_a_finding_shows_the_whole_answer(tmp_path: Path) -> None:
    """What decided is read of all of it, also where no more is bound than rules read."""
    rules = compile_policy(policy(tmp_path, validations=[{"id": "r", "expression": "response.text == 'Hi'"}]), CPP)
    bound = BoundStep(CPP, {"response": {"text": "bound"}}, whole=lambda: {"response": {"text": "whole"}})
    (finding,) = judge([rules], StepUnderTest("support", (), lambda: bound)).findings
    assert finding.values == (("response.text", '"whole"'),)
