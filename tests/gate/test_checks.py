"""The checks of a case as rules: their errors, their findings, and a name for each."""

from __future__ import annotations

import json

import pytest

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.json_schema import MAX_SCHEMA_ENTRIES
from runback_gate.cel.work import MAX_WORK
from runback_gate.dataset.document import dataset_from
from runback_gate.documents import parse_document
from runback_gate.errors import ExpressionError
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.evaluate import BoundStep, Judgement, RuleSet, StepUnderTest, judge
from runback_gate.step import Request, Response
from runback_gate.testing import sample_call

CPP = CppEngine()


def data(*amounts: object, text: str = "") -> dict[str, JsonValue]:
    """What an expression sees of an answer that refunds these amounts."""
    answer = Response(text, tuple(sample_call("issue_refund", amount=amount) for amount in amounts))
    return bindings(Request(), answer, baseline=None, case=case_facts("d", "c"), agent=agent_facts("support"))


def judgement(rules: RuleSet, found: dict[str, JsonValue]) -> Judgement:
    """The judgement of one answer."""
    return judge([rules], StepUnderTest("support", (), lambda: BoundStep(CPP, found)))


CHECKS = """\
apiVersion: runback.dev/v1
kind: Dataset
metadata: {name: d, agent: a}
spec:
  cases:
    - id: c
      step: sha256:0000000000000000000000000000000000000000000000000000000000000000
      checks:
        - CHECK
"""


def checks(*written: str) -> RuleSet:
    """The rules of a case with these checks, the first on line 9 from column 11."""
    text = CHECKS.replace("CHECK", "\n        - ".join(written))
    return compile_checks(dataset_from(parse_document(text, "d.yaml")).cases[0].checks, Deciders(CPP))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("cel: respons.text", "d.yaml:9:16: cel respons.text: undeclared reference to 'respons.text'"),
        ("cel: params.x == 1", "d.yaml:9:16: cel params.x == 1: undeclared reference to 'params.x'"),
        ("matches: a(", "d.yaml:9:11: matches a(: invalid regular expression: missing ): a("),
        ("argument: {tool: t, path: a, op: matches, value: '('}", "d.yaml:9:11: argument t.a matches: invalid regular"),
        ("argument: {tool: t, path: a, op: <, value: {}}", "d.yaml:9:11: argument t.a <: "),
        ("jsonSchema: {type: objekt}", "d.yaml:9:11: jsonSchema: not a JSON Schema: "),
        ("contains: " + "é" * 2047, "d.yaml:9:11: contains é"),
        ("toolCalled: {name: t, arguments: {a: " + "[" * 30 + "]" * 30 + "}}", "toolCalled t(a): nested deeper than"),
    ],
)
def test_checks_that_do_not_compile(check: str, message: str) -> None:
    """The error names the check and stands where it is written."""
    with pytest.raises(ExpressionError) as error:
        checks(check)
    assert message in str(error.value)


def test_the_finding_of_a_check() -> None:
    """It blocks, belongs to no policy, and shows the values that decided where the title does not say it all."""
    (only,) = judgement(checks("cel: size(response.tool_calls) == 1"), data(1, 2)).findings
    assert (only.rule, only.policy, only.outcome, only.action) == (
        "cel size(response.tool_calls) == 1",
        "",
        "fail",
        "Deny",
    )
    assert only.message == "check does not hold: cel size(response.tool_calls) == 1"
    assert only.values == (("size(response.tool_calls)", "2"),)
    assert str(only.location) == "d.yaml:9:16"
    (schema,) = judgement(checks("jsonSchema: {type: object}"), data(text="[]")).findings
    assert schema.message == "check does not hold: jsonSchema: $: [] is not of type 'object'"
    (called,) = judgement(checks("toolCalled: escalate"), data(1)).findings
    assert (called.message, called.values) == ("check does not hold: toolCalled escalate", ())


def test_each_check_has_a_name_of_its_own() -> None:
    """Titles leave values out, so two checks may have one; what decides them differs, and so do their fingerprints."""
    limits = [f"argument: {{tool: issue_refund, path: amount, op: <=, value: {value}}}" for value in (10, 100, 10)]
    rules = checks(*limits)
    assert [rule.id for rule in rules.rules] == [
        "argument issue_refund.amount <=",
        "argument issue_refund.amount <= #2",
        "argument issue_refund.amount <= #3",
    ]
    first, second, third = map(rules.fingerprint, rules.rules)
    assert first == third
    assert first != second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("toolCalled: {name: t, arguments: {a: 0}}", "toolCalled: {name: t, arguments: {a: false}}"),
        ("toolCalled: {name: t, arguments: {a: 1}}", "toolCalled: {name: t, arguments: {a: 1.0}}"),
        ("argument: {tool: t, path: a, value: 1}", "argument: {tool: t, path: a, value: true}"),
        ("jsonSchema: {const: 0}", "jsonSchema: {const: false}"),
        ("jsonSchema: {enum: [1]}", "jsonSchema: {enum: [true]}"),
        ("judge: {model: a/b, rubric: r}", "judge: {model: a/b, rubric: r, threshold: 71}"),
        ("cel: 'true'", "contains: 'true'"),
        ("equals: a", "equals: b"),
    ],
)
def test_other_content_is_another_check(one: str, other: str) -> None:
    """Whatever kind it is, and whatever Python's == says of the values."""
    first, second = (checks(text) for text in (one, other))
    assert first.fingerprint(first.rules[0]) != second.fingerprint(second.rules[0])


def dataset(schemas: list[dict[str, JsonValue]]) -> list[RuleSet]:
    """The rules of a dataset with a case for each schema."""
    cases = [
        {"id": f"c{number}", "step": "sha256:" + "0" * 64, "checks": [{"jsonSchema": schema}]}
        for number, schema in enumerate(schemas)
    ]
    document = {"apiVersion": "runback.dev/v1", "kind": "Dataset", "metadata": {"name": "d", "agent": "a"}}
    text = json.dumps({**document, "spec": {"cases": cases}})
    found = dataset_from(parse_document(text, "d.yaml")).cases
    shared = Deciders.of(found, CPP)
    return [compile_checks(case.checks, shared) for case in found]


def test_schemas_of_a_dataset_share_the_work() -> None:
    """What one schema may ask of an answer is little where many do; the verdict is an error, the same in any order."""
    schema: dict[str, JsonValue] = {"items": {"allOf": [{"type": "integer"}] * 10}}
    answer = data(text=json.dumps([1] * 300))
    (alone,) = dataset([schema])
    assert judgement(alone, answer).findings == ()
    many = dataset([schema] * 300)
    for rules in (many[0], many[-1]):
        (finding,) = judgement(rules, answer).findings
        assert (
            finding.message
            == "cannot be evaluated: the schema cannot be applied: the schema asks too much of one answer"
        )
    assert judgement(many[0], data(text="[1]")).findings == ()


def test_checks_of_an_answer_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many schemas on one answer are bounded together, as all rules of it are."""
    monkeypatch.setattr("runback_gate.cel.work.MAX_WORK", MAX_WORK // 200)
    rules = checks(*[f"jsonSchema: {{allOf: [{', '.join(['{minItems: 1}'] * 12)}]}}"] * 9)
    found = judgement(rules, data(text=json.dumps([1] * 500)))
    assert 0 < len(found.findings) < 9
    assert all("too long" in finding.message for finding in found.findings)


def test_schemas_of_a_dataset_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Different schemas count together, equal ones once."""
    assert MAX_SCHEMA_ENTRIES == 5_000
    monkeypatch.setattr("runback_gate.cel.json_schema.MAX_SCHEMA_ENTRIES", 500)
    schemas: list[dict[str, JsonValue]] = [
        {"properties": {f"p{number}": True for number in range(start, start + 60)}} for start in range(0, 600, 60)
    ]
    assert len(dataset(schemas[:1] * 10)) == 10
    with pytest.raises(ExpressionError, match="the schemas of this dataset have more than 500 entries"):
        dataset(schemas)


def test_cases_of_a_dataset_share_what_decides_them() -> None:
    """Ten thousand cases that are held to the same do not take ten thousand programs; each check keeps its place."""
    text = CHECKS.replace("CHECK", "maxTokens: 9") + CHECKS.split("cases:\n")[1].replace("id: c", "id: e")
    cases = dataset_from(parse_document(text.replace("CHECK", "maxTokens: 9"), "d.yaml")).cases
    deciders = Deciders.of(cases, CPP)
    (first,), (second,) = (compile_checks(case.checks, deciders).rules for case in cases)
    assert first.decider is second.decider
    assert (first.location.line, second.location.line) == (9, 13)
