"""Rules of a step in one call of the engine: each says what it says alone, and costs what it costs alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents import parse_document
from runback_gate.policy import batch as batch_module
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import policy_of
from runback_gate.policy.evaluate import BoundStep, RuleResult, RuleSet, StepUnderTest, compile_policy, results
from runback_gate.step import Message, Request, Response
from runback_gate.testing import sample_call

CPP = CppEngine()
FINE = 'response.text == "ok"'
HALF_LOOPS = "request.messages.all(m, request.messages.all(n, n.content != m.content + '!'))"
EXPRESSIONS = [
    FINE,
    "size(response.tool_calls) == 0",
    "response.tool_calls.all(c, c.arguments.amount <= 100)",
    "response.tool_calls.exists(c, c.arguments.amount / 0 == 1) || true",
    'response.text.matches("(?i)OK")',
    'mentions(response.text, "fine")',
    'calls(response, "issue_refund").size() < 2',
    "size(response.text)",
    "response.usage.input_tokens > 1",
    "[1, 2].map(x, x)[0] == 1",
    HALF_LOOPS,
]
"""Rules that hold, that do not, that err on some steps or on all, and that are no booleans."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is compiled as soon as a step was judged."""
    monkeypatch.setattr(batch_module, "WORTH", 1)
    batch_module._batch.cache_clear()


def rule_sets(expressions: Sequence[str], **spec: Any) -> list[RuleSet]:
    """One policy for each expression."""
    found = []
    for number, source in enumerate(expressions):
        whole = {"validations": [{"id": f"r{number}", "expression": source}], **spec}
        value = {"apiVersion": "runback.dev/v1", "kind": "Policy", "metadata": {"name": "p"}, "spec": whole}
        document = parse_document(json.dumps(value).encode(), path="p.yaml")
        found.append(compile_policy(policy_of(document), CPP))
    return found


def data(text: str, *amounts: object, messages: int = 0) -> dict[str, JsonValue]:
    """What an expression sees of an answer that refunds these amounts, after so many messages."""
    answer = Response(text, tuple(sample_call("issue_refund", amount=amount) for amount in amounts))
    request = Request(messages=tuple(Message("user", str(number)) for number in range(messages)))
    return bindings(request, answer, baseline=None, case=case_facts("d", "c"), agent=agent_facts("support"))


def judged(
    sets: Sequence[RuleSet], found: dict[str, JsonValue], batches: Batches | None = None
) -> tuple[dict[str, RuleResult], int, int]:
    """What the rules say, the work that is left, and how many of them were evaluated together."""
    step = BoundStep(CPP, found)
    if batches is not None:
        batches.judge(step, "support", ("refund",))
    together = len(step.outcomes)
    said = results(sets, StepUnderTest("support", ("refund",), lambda: step))
    return said, step.budget.left, together


STEPS = st.builds(
    lambda text, amounts, messages: data(text, *amounts, messages=messages),
    st.sampled_from(["ok", "fine", ""]),
    st.lists(st.sampled_from([1, 200, "much"]), max_size=2),
    st.sampled_from([0, 3, 80]),
)


SOURCES = st.lists(st.sampled_from(EXPRESSIONS), max_size=6)


@given(SOURCES, st.lists(st.sampled_from(EXPRESSIONS), max_size=2), st.lists(STEPS, min_size=2, max_size=6))
def test_together_is_alone(expressions: list[str], conditions: list[str], steps: list[dict[str, JsonValue]]) -> None:
    """Whatever errs, in whatever order steps come: the same results, and as much work is left for what follows."""
    named = [{"name": f"c{number}", "expression": source} for number, source in enumerate(conditions)]
    sets = [*rule_sets(expressions), *rule_sets(expressions[:2], matchConditions=named)]
    batches = Batches(CPP, sets)
    for found in steps:
        assert judged(sets, found, batches)[:2] == judged(sets, found)[:2]


def together(sets: Sequence[RuleSet], *steps: dict[str, JsonValue]) -> list[int]:
    """How many rules were evaluated together on each step."""
    batches = Batches(CPP, sets)
    return [judged(sets, found, batches)[2] for found in steps]


def test_a_rule_that_erred_is_left_out_from_then_on() -> None:
    """The others go on together, once a list without it was compiled."""
    sets = rule_sets([FINE, "response.tool_calls.all(c, c.arguments.amount <= 100)", "size(request.messages) < 9"])
    assert together(sets, data("ok"), data("ok", 1), data("ok", "much"), data("ok"), data("ok")) == [0, 3, 0, 0, 2]


def test_a_number_is_not_true() -> None:
    """1 equals true in Python, and a rule that gives it is an error all the same."""
    sets = rule_sets([FINE, "size(response.text) - 1"])
    assert together(sets, data("ok"), data("ok"), data("ok")) == [0, 0, 0]
    assert judged(sets, data("ok"), Batches(CPP, sets))[0]["r1"].outcome == "error"


def test_a_limit_that_rules_meet_together_is_none_of_theirs() -> None:
    """Loops of one rule end in time, those of two do not: each is judged alone from then on."""
    sets = rule_sets([HALF_LOOPS, HALF_LOOPS.replace("'!'", "'?'")])
    long = data("ok", messages=80)
    assert together(sets, long, long, data("ok"), data("ok")) == [0, 0, 0, 0]
    assert {result.outcome for result in judged(sets, long, Batches(CPP, sets))[0].values()} == {"pass"}


def test_work_that_all_take_together_is_refused_to_none() -> None:
    """What was taken by an attempt is given back before the rules are judged one by one."""
    sets = rule_sets(['response.text.matches("(a|b){900}")', 'response.text.matches("(a|c){900}")'])
    batches = Batches(CPP, sets)
    for _ in range(3):
        found = judged(sets, data("x" * 70_000), batches)
        assert found == (*judged(sets, data("x" * 70_000))[:2], 0)


def test_a_step_that_cannot_be_judged_tells_nothing_of_its_rules() -> None:
    """All err on it, and the next step is judged together again."""
    sets = rule_sets([FINE, "size(response.tool_calls) == 0"])
    assert together(sets, data("ok"), data("ok"), {}, data("ok")) == [0, 2, 0, 2]


@pytest.mark.parametrize(
    "spec",
    [
        {"match": {"agents": ["another"]}},
        {"match": {"tags": ["cancel"]}},
        {"scope": "run"},
    ],
)
def test_rules_that_are_not_asked_of_each_step(spec: dict[str, Any]) -> None:
    """Another agent, tag or scope: such rules are no part of the list."""
    expression = "run.steps.size() > 0" if "scope" in spec else "size(response.tool_calls) == 0"
    sets = [*rule_sets([FINE, 'response.text != "x"']), *rule_sets([expression], **spec)]
    assert together(sets, data("ok"), data("ok")) == [0, 2]


def test_a_condition_is_asked_with_the_rules_and_what_it_guards_is_not() -> None:
    """The first condition of a policy is asked on every step; a second one, and the rules, as far as it holds."""
    conditions = [{"name": str(number), "expression": f"size(response.text) != {number}"} for number in (2, 3)]
    sets = [*rule_sets([FINE]), *rule_sets(["response.tool_calls[0].id != ''"], matchConditions=conditions)]
    batches = Batches(CPP, sets)
    steps = [data("ok"), data("ok"), data("fine", 1), data("yes")]
    found = [judged(sets, step, batches) for step in steps]
    assert [item[:2] for item in found] == [judged(sets, step)[:2] for step in steps]
    assert [item[2] for item in found] == [0, 2, 2, 2]


def test_expressions_that_make_no_list_are_evaluated_alone() -> None:
    """Together they are larger than an expression may be."""
    sets = rule_sets([f'response.text != "{number:03}{"x" * 4_000}"' for number in range(20)])
    assert together(sets, data("ok"), data("ok"), data("ok")) == [0, 0, 0]
