"""Short checks: each says what its expression says, on both engines, whatever text stands inside."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.literal import literal
from runback_gate.cel.py_engine import PyEngine
from runback_gate.dataset.checks import Check, propose_checks
from runback_gate.dataset.document import dataset_from
from runback_gate.dataset.edit import new_dataset
from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.evaluate import BoundStep, RuleSet, StepUnderTest, results
from runback_gate.schema import validate
from runback_gate.step import Request, Response, ToolCall, Usage
from runback_gate.testing import sample_call

ENGINES = (CppEngine(), PyEngine())
REFUND = sample_call("issue_refund", amount=40, order={"id": "A1", "lines": [{"sku": "mug"}]})
ESCALATE = sample_call("escalate", reason="dispute")
TEXTS = st.text(max_size=20) | st.text(alphabet="\"\\'`\n\r\t\0\b\f/${}#:,[]()uxU0\u2028\x7f\x85😀é", max_size=20)


@lru_cache
def compiled(check: str) -> list[tuple[Engine, RuleSet]]:
    """The rules of a check, given as JSON, for each engine."""
    case: dict[str, Any] = {"id": "c", "step": "sha256:" + "0" * 64, "checks": [json.loads(check)]}
    checks = dataset_from(parse_document(new_dataset("d", "a", [case], "schema"), "d.yaml")).cases[0].checks
    return [(engine, compile_checks(checks, Deciders(engine))) for engine in ENGINES]


def verdicts(check: dict[str, Any], response: Response) -> set[str]:
    """What the engines say of an answer: `pass`, `fail` or `error`; one word when they agree."""
    said: set[str] = set()
    for engine, rules in compiled(json.dumps(check)):
        data = bindings(Request(), response, baseline=None, case=case_facts("d", "c"), agent=agent_facts("a"))
        step = StepUnderTest("support", (), partial(BoundStep, engine, data))
        said |= {result.outcome for result in results([rules], step).values()}
    return said


def answered(*calls: ToolCall, **fields: Any) -> Response:
    """An answer."""
    return Response(tool_calls=calls, **fields)


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        ({"toolCalled": "escalate"}, answered(REFUND, ESCALATE), answered(REFUND)),
        ({"toolCalled": {"name": "escalate"}}, answered(ESCALATE), answered()),
        (
            {"toolCalled": {"name": "escalate", "arguments": {"reason": "dispute"}}},
            answered(ESCALATE),
            answered(REFUND),
        ),
        (
            {"toolCalled": {"name": "issue_refund", "arguments": {"amount": 40.0, "order": {"id": "A1"}}}},
            answered(REFUND),
            answered(sample_call("issue_refund", amount=40)),
        ),
        ({"toolNotCalled": "issue_refund"}, answered(ESCALATE), answered(ESCALATE, REFUND)),
        ({"contains": "special"}, answered(text="a specialist"), answered(text="a Special person")),
        ({"notContains": "4111"}, answered(text="paid"), answered(text="card 4111")),
        ({"matches": "(?i)refund[s]?\\b"}, answered(text="No Refunds."), answered(text="refunded")),
        ({"equals": "Yes."}, answered(text="Yes."), answered(text="Yes. ")),
        ({"equals": ""}, answered(), answered(text=" ")),
        ({"jsonSchema": {"type": "object", "required": ["a"]}}, answered(text='{"a": 1}'), answered(text="[]")),
        ({"finishReason": "stop"}, answered(finish_reason="stop"), answered(finish_reason="length")),
        ({"noError": True}, answered(), answered(error="overloaded")),
        ({"maxTokens": 5}, answered(usage=Usage(9, 5)), answered(usage=Usage(0, 6))),
        ({"maxLatencyMs": 800}, answered(latency_ms=800), answered(latency_ms=801)),
        ({"maxCostUsd": "0.01"}, answered(cost_usd="0.0099"), answered(cost_usd="0.010001")),
        ({"maxCostUsd": "0.0000001"}, answered(cost_usd="0"), answered(cost_usd="0.001")),
        ({"maxCostUsd": "5"}, answered(cost_usd="5.00"), answered(cost_usd="5.01")),
        ({"cel": "size(response.tool_calls) == 1"}, answered(REFUND), answered()),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_check_says_yes_and_no(check: dict[str, Any], kept: Response, broken: Response) -> None:
    """Of an answer that keeps it and of one that does not, on both engines."""
    assert (verdicts(check, kept), verdicts(check, broken)) == ({"pass"}, {"fail"})


@pytest.mark.parametrize(
    ("argument", "kept", "broken"),
    [
        ({"path": "amount", "value": 40}, 40, 41),
        ({"path": "amount", "value": 40}, 40.0, "40"),
        ({"path": "amount", "op": "!=", "value": 40}, 41, 40),
        ({"path": "amount", "op": "<", "value": 40}, 39.5, 40),
        ({"path": "amount", "op": "<=", "value": 40}, 40, 40.5),
        ({"path": "amount", "op": ">", "value": -1}, 0, -1),
        ({"path": "amount", "op": ">=", "value": 0.5}, 1, 0),
        ({"path": "amount", "op": "in", "value": ["a", "b"]}, "b", "c"),
        ({"path": "amount", "op": "contains", "value": "@"}, "a@b", "a at b"),
        ({"path": "amount", "op": "startsWith", "value": "a"}, "ab", "ba"),
        ({"path": "amount", "op": "endsWith", "value": "b"}, "ab", "ba"),
        ({"path": "amount", "op": "matches", "value": "^[a-z]+$"}, "ab", "a b"),
        ({"path": "amount", "op": "exists"}, None, ...),
        ({"path": "amount", "value": None}, None, 0),
        ({"path": "amount", "value": {"a": [1]}}, {"a": [1]}, {"a": [1, 2]}),
        ({"path": "amount.lines[1].sku", "value": "x"}, {"lines": [{}, {"sku": "x"}]}, {"lines": [{"sku": "x"}]}),
        ({"path": "amount.content-type", "value": "x"}, {"content-type": "x"}, {"content-type": "y"}),
        ({"path": "amount.in", "value": 1}, {"in": 1}, {}),
        ({"path": "amount.ü[0][0]", "value": 1}, {"ü": [[1]]}, {"ü": [[]]}),
    ],
    ids=str,
)
def test_arguments(argument: dict[str, Any], kept: object, broken: object) -> None:
    """The fact must hold of every call of the tool; a missing argument, and a tool that is not called, break it."""
    check = {"argument": {"tool": "pay", **argument}}

    def calls(*values: object) -> Response:
        return answered(*(sample_call("pay", **({} if value is ... else {"amount": value})) for value in values))

    assert verdicts(check, calls(kept)) == {"pass"}
    assert verdicts(check, calls(kept, kept)) == {"pass"}
    assert verdicts(check, calls(broken)) == {"fail"}
    assert verdicts(check, calls(kept, broken)) == {"fail"}
    assert verdicts(check, calls(...)) == {"fail"}
    assert verdicts(check, answered(ESCALATE)) == {"fail"}


@pytest.mark.parametrize(
    ("check", "response"),
    [
        ({"finishReason": "stop"}, answered()),
        ({"maxTokens": 5}, answered()),
        ({"maxLatencyMs": 5}, answered()),
        ({"maxCostUsd": "5"}, answered()),
        ({"argument": {"tool": "pay", "path": "amount", "value": 1}}, answered(ToolCall("1", "pay", "amount: 1"))),
        ({"argument": {"tool": "pay", "path": "a", "op": "<", "value": 1}}, answered(sample_call("pay", a="x"))),
        ({"jsonSchema": {"$ref": "https://example.com/schema"}}, answered(text="{}")),
        ({"cel": "response.tool_calls[0].name == 'x'"}, answered()),
        ({"cel": "1 + 1"}, answered()),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_unknown_is_no_yes_and_no_no(check: dict[str, Any], response: Response) -> None:
    """What the recording did not keep, and what does not fit, can be evaluated to neither."""
    assert verdicts(check, response) == {"error"}


@given(TEXTS.filter(bool), TEXTS, TEXTS)
def test_hostile_text_inside_a_check(needle: str, before: str, after: str) -> None:
    """Quotes, escapes, line ends, invisible characters: a check means its text to the letter and nothing else."""
    for text in (before + needle + after, before + after, needle):
        wanted, shown = needle.replace("\0", "\ufffd"), text.replace("\0", "\ufffd")
        expected = {
            "contains": wanted in shown,
            "notContains": wanted not in shown,
            "equals": wanted == shown,
            "finishReason": wanted == shown,
        }
        for kind, holds in expected.items():
            response = answered(text=text, finish_reason=text)
            assert verdicts({kind: needle}, response) == {"pass" if holds else "fail"}


@given(TEXTS.filter(bool), TEXTS.filter(bool), TEXTS)
def test_hostile_names_and_arguments(name: str, key: str, value: str) -> None:
    """Tool names, argument names and values as hostile as one likes."""
    response = answered(ToolCall("", name, json.dumps({key: value})))
    assert verdicts({"toolCalled": {"name": name, "arguments": {key: value}}}, response) == {"pass"}
    assert verdicts({"toolCalled": {"name": name, "arguments": {key: value + "x"}}}, response) == {"fail"}
    assert verdicts({"toolNotCalled": name}, response) == {"fail"}
    if not set(".[]") & set(key):
        assert verdicts({"argument": {"tool": name, "path": key, "value": value}}, response) == {"pass"}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_literals_are_read_back(value: object) -> None:
    """A JSON value written as CEL is that value again, for both engines."""
    data = bindings(
        Request(), answered(sample_call("t", x=value)), baseline=None, case=case_facts("d", "c"), agent=agent_facts("a")
    )
    for engine in ENGINES:
        program = engine.compile(f"response.tool_calls[0].arguments.x == {literal(value)}")
        assert program.evaluate(engine.bind(data)).verdict == "true"


def test_text_after_a_nul_is_still_seen() -> None:
    """A model cannot hide the rest of its answer behind a NUL."""
    answer = answered(sample_call("pay\0", **{"a\0": "b\0c"}), text="fine\0 4111 1111")
    assert verdicts({"notContains": "4111"}, answer) == {"fail"}
    assert verdicts({"contains": "fine\ufffd 4111"}, answer) == {"pass"}
    assert verdicts({"toolCalled": {"name": "pay\ufffd", "arguments": {"a\ufffd": "b\ufffdc"}}}, answer) == {"pass"}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({}, "a check has exactly one field, here: none"),
        ({"contains": "a", "equals": "b"}, "a check has exactly one field, here: contains, equals"),
        ({"contains": None}, "a check has exactly one field, here: contains"),
        ({"contians": "a"}, "unknown field 'contians' (did you mean 'contains'?)"),
        ({"contains": ""}, "must not be empty"),
        ({"noError": False}, "expected true"),
        ({"maxTokens": -1}, "must be at least 0"),
        ({"maxTokens": 1.5}, "expected a whole number"),
        ({"maxCostUsd": 0.5}, "expected text, found 0.5 (put it in quotes)"),
        ({"maxCostUsd": "1e3"}, "does not have the form"),
        ({"toolCalled": {"nome": "x"}}, "unknown field 'nome' (did you mean 'name'?)"),
        ({"argument": {"tool": "t", "path": "a"}}, "`==` needs a value"),
        ({"argument": {"tool": "t", "path": "a", "op": "exists", "value": 1}}, "`exists` takes no value"),
        ({"argument": {"tool": "t", "path": "a", "op": "matches", "value": 1}}, "`matches` needs a text as value"),
        ({"argument": {"tool": "t", "path": "a", "op": "in", "value": "a"}}, "`in` needs a list as value"),
        ({"argument": {"tool": "t", "path": "a", "op": "~", "value": 1}}, "expected '==', '!=', '<'"),
        ({"argument": {"tool": "t", "path": "a..b", "value": 1}}, "does not have the form"),
        ({"argument": {"tool": "t", "path": "[0]", "value": 1}}, "does not have the form"),
        ({"argument": {"tool": "t", "path": "a[x]", "value": 1}}, "does not have the form"),
        ({"argument": {"tool": "t", "path": "a]b", "value": 1}}, "does not have the form"),
        ({"argument": {"tool": "t", "path": ".", "value": 1}}, "does not have the form"),
    ],
    ids=str,
)
def test_bad_checks(check: dict[str, Any], message: str) -> None:
    """Nothing in a check is passed over: what cannot be meant is refused with its place."""
    document = parse_document(json.dumps(check, indent=1), "check.yaml")
    with pytest.raises(DocumentError) as error:
        validate(document, Check)
    assert message in str(error.value)
    assert str(error.value).startswith("check.yaml:")


@pytest.mark.parametrize(
    ("check", "title"),
    [
        ({"toolCalled": "escalate"}, "toolCalled escalate"),
        ({"toolCalled": {"name": "escalate", "arguments": {"reason": 1, "to": 2}}}, "toolCalled escalate(reason, to)"),
        ({"toolCalled": {"name": "escalate"}}, "toolCalled escalate"),
        ({"argument": {"tool": "pay", "path": "a[0]", "op": "<", "value": 1}}, "argument pay.a[0] <"),
        ({"noError": True}, "noError"),
        ({"jsonSchema": {}}, "jsonSchema"),
        ({"maxTokens": 800}, "maxTokens 800"),
        ({"cel": "true"}, "cel true"),
    ],
)
def test_titles(check: dict[str, Any], title: str) -> None:
    """A check in a few words, for tables."""
    assert Check(**check).title == title


def test_a_check_in_cel_is_taken_as_it_is() -> None:
    """What a person wrote is what is judged; jsonSchema alone has no expression."""
    assert Check(cel="response.text != ''").expression == "response.text != ''"
    assert Check(jsonSchema={}).expression is None


ARGUMENTS = st.dictionaries(
    TEXTS,
    st.text(max_size=90)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.none()
    | st.floats(0, 9)
    | st.lists(st.integers(0, 9)),
    max_size=4,
)


def test_proposed_checks_by_hand() -> None:
    """The calls with their short plain arguments, in order; for an answer in words, that it calls nothing."""
    arguments: dict[str, Any] = {"a": 1, "b": "x" * 81, "c": [1], "d": True, "e": 2**63, "g": 2**53, "f": 0.5}
    assert propose_checks((("pay", arguments), ("note", {})), "tool_calls") == [
        {"toolCalled": {"name": "pay", "arguments": {"a": 1, "d": True, "g": 2**53}}},
        {"toolCalled": "note"},
    ]
    assert propose_checks((), None) == [{"cel": "size(response.tool_calls) == 0"}]
    assert propose_checks((), "stop") == [{"cel": "size(response.tool_calls) == 0"}, {"finishReason": "stop"}]


@given(st.lists(st.tuples(TEXTS.filter(bool), ARGUMENTS), max_size=2), st.none() | st.just("stop"))
def test_a_step_keeps_what_is_proposed_for_it(calls: list[tuple[str, dict[str, Any]]], reason: str | None) -> None:
    """Whatever a step did, it passes the checks that are proposed from it."""
    made = [ToolCall("", name, json.dumps(arguments)) for name, arguments in calls]
    for check in propose_checks(tuple(calls), reason):
        assert verdicts(check, answered(*made, finish_reason=reason)) == {"pass"}
