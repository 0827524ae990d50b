"""Facts about `matchesSchema`: both engines hold a call to the schema that its tool was offered with."""

from __future__ import annotations

from typing import Any, cast

import pytest

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.tool_schema import matches_schema
from runback_gate.cel.work import MAX_WORK

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())
REFUND = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01},
        "order": {"type": "string"},
    },
    "required": ["amount"],
    "additionalProperties": False,
}
TOOLS = [
    {"name": "refund", "description": "", "parameters": REFUND},
    {"name": "free", "description": "", "parameters": {}},
    {"name": "odd", "description": "", "parameters": {"patternProperties": {"(a+)+$": {}}}},
    {"name": "far", "description": "", "parameters": {"$ref": "https://example.com/schema"}},
    {"name": "list", "description": "", "parameters": []},
    {"name": "twice", "description": "", "parameters": {}},
    {"name": "twice", "description": "", "parameters": {"type": "object"}},
]


def say(calls: list[Any], tools: Any = TOOLS, source: str = "response.tool_calls.all(c, matchesSchema(c))") -> Outcome:
    """What both engines make of an expression over an answer with these calls."""
    request = {} if tools is None else {"tools": tools}
    data = {"request": cast("JsonValue", request), "response": cast("JsonValue", {"text": "", "tool_calls": calls})}
    first, second = (engine.compile(source).evaluate(engine.bind(data)) for engine in ENGINES)
    assert (first.value, first.error is None) == (second.value, second.error is None)
    return first


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("refund", {"amount": 40}, "true"),
        ("refund", {"amount": 4.02}, "true"),
        ("refund", {"amount": 0.005}, "false"),
        ("refund", {"amount": 0}, "false"),
        ("refund", {"amount": "40"}, "false"),
        ("refund", {"amount": 40, "reason": "x"}, "false"),
        ("refund", {}, "false"),
        ("refund", "amount: 40", "false"),
        ("refund", [], "false"),
        ("free", {"anything": [1]}, "true"),
        ("free", "no JSON", "false"),
        ("nobody offered this", {}, "false"),
        ("odd", {"a": 1}, "patternProperties is not supported"),
        ("far", {}, "cannot be applied"),
        ("list", {}, "no JSON Schema"),
        ("twice", {}, "two tools"),
    ],
)
def test_arguments_are_held_to_the_schema(name: str, arguments: Any, expected: str) -> None:
    """True, false, or an error that says why neither can be said."""
    found = say([{"id": "1", "name": name, "arguments": arguments}])
    assert found.verdict == (expected if expected in ("true", "false") else "error")
    assert found.error is None or expected in found.error


def test_tools_that_nobody_knows_are_an_error() -> None:
    """A source that kept no tools says nothing of a call; a request that offered none says that it is wrong."""
    call = {"id": "1", "name": "refund", "arguments": {"amount": 40}}
    assert "are not known" in str(say([call], None).error)
    assert say([call], []).verdict == "false"


def test_a_call_of_a_run_is_held_to_its_own_step() -> None:
    """Steps may offer other tools; a call without a step is none of the run."""
    call = {"id": "1", "name": "refund", "arguments": {"amount": 40}}
    steps = [{"request": {"tools": []}}, {"request": {"tools": TOOLS}}]
    for step, expected in ((0, "false"), (1, "true"), (2, "error"), (-1, "error"), (None, "error")):
        made = call if step is None else {**call, "step": step}
        data = {"run": cast("JsonValue", {"steps": steps, "calls": [made]})}
        for engine in ENGINES:
            outcome = engine.compile("run.calls.all(c, matchesSchema(c))").evaluate(engine.bind(data))
            assert outcome.verdict == expected


def test_a_constant_call_is_judged_as_any_other() -> None:
    """No engine decides it when it compiles, where there is no request yet."""
    assert say([], source='matchesSchema({"name": "refund", "arguments": {"amount": 40}})').verdict == "true"
    assert say([], source='matchesSchema({"name": "refund", "arguments": {"amount": 0}})').verdict == "false"


def test_outside_of_an_answer_there_is_no_request() -> None:
    """The function takes the tools from what is judged, so alone it can say nothing."""
    with pytest.raises(ValueError, match="no request"):
        matches_schema({"name": "refund", "arguments": {}})


def test_the_work_does_not_depend_on_what_was_judged_before() -> None:
    """A schema is compiled once, and costs every answer the same; two calls of one tool pay for it once."""
    source, call = (
        "response.tool_calls.all(c, matchesSchema(c))",
        {"id": "1", "name": "refund", "arguments": {"amount": 1}},
    )
    engine = CppEngine()

    def spent(calls: int) -> int:
        data = {"request": {"tools": TOOLS}, "response": {"text": "", "tool_calls": [call] * calls}}
        bound = engine.bind(cast("dict[str, JsonValue]", data))
        assert engine.compile(source).evaluate(bound).verdict == "true"
        return MAX_WORK - bound.work.budget.left

    assert spent(1) == spent(1)
    assert spent(2) < 1.5 * spent(1)


def test_a_schema_that_is_too_large_is_an_error() -> None:
    """Compiling it would take seconds: the work of the answer does not allow it."""
    large = {"name": "refund", "parameters": {"properties": {f"p{n}": {"type": "string"} for n in range(4_000)}}}
    assert "too long" in str(say([{"id": "1", "name": "refund", "arguments": {}}], [large]).error)
