"""Facts about explaining a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.explain import MAX_FACTS, MAX_SHOWN, SubValue, deciding, explain
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError
from tests.examples import examples

CPP, PY = CppEngine(), PyEngine()
PARAMS: dict[str, JsonValue] = {"limit": 100, "tools": ["escalate"]}
VARIABLES = {
    "refunds": 'response.tool_calls.filter(c, c.name == "issue_refund")',
    "big": "variables.refunds.filter(c, has(c.arguments.amount) && c.arguments.amount > params.limit)",
}


def call(name: str, **arguments: JsonValue) -> JsonValue:
    return {"name": name, "arguments": dict(arguments)}


DATA: dict[str, JsonValue] = {
    "request": {},
    "response": {
        "text": "Done.",
        "tool_calls": [call("issue_refund", amount=50), call("issue_refund", amount=250), call("lookup")],
        "cost_usd": 0.25,
    },
    "baseline": {},
    "history": [{"name": "lookup", "arguments": {}, "result": {"total": 3}}],
    "case": {"id": "c1", "tags": ["a", "b"]},
    "agent": {"name": "support", "labels": {"b": "2", "a": "1"}},
}


def explained(source: str, engine: Engine = CPP, data: Mapping[str, JsonValue] = DATA) -> tuple[SubValue, ...]:
    return explain(source, params=PARAMS, variables=VARIABLES, engine=engine, data=data)


def facts(source: str, **response: JsonValue) -> dict[str, str]:
    """What decided, with some of the response replaced."""
    data = {**DATA, "response": {**_response(), **response}}
    return dict(deciding(explained(source, data=data)))


def _response() -> dict[str, JsonValue]:
    response = DATA["response"]
    assert isinstance(response, dict)
    return response


def test_sub_expressions_in_reading_order() -> None:
    """Each sub-expression comes before its parts, with its span, its depth and its value."""
    source = "response.text.size() + 1 > params.limit && has(response.cost_usd)"
    found = explained(source)
    assert [(item.depth, item.source, item.value) for item in found] == [
        (0, source, False),
        (1, "response.text.size() + 1 > params.limit", False),
        (2, "response.text.size() + 1", 6),
        (3, "response.text.size()", 5),
        (4, "response.text", "Done."),
        (2, "params.limit", 100),
        (1, "has(response.cost_usd)", True),
    ]
    assert [source[item.start : item.end] for item in found] == [item.source for item in found]
    assert {(item.error, item.note) for item in found} == {(None, "")}


def test_literals_and_whole_roots_are_left_out() -> None:
    """What says nothing new is not listed: literals, lists of literals, whole roots."""
    found = [item.source for item in explained('case.id in ["a", "b"] && size(history) == 1 && true')]
    assert found[1:] == ['case.id in ["a", "b"]', "case.id", "size(history) == 1", "size(history)"]


@pytest.mark.parametrize(
    ("source", "note", "value"),
    [
        ("variables.refunds.all(c, c.arguments.amount <= params.limit)", "c = element 2 of 2", False),
        ("variables.refunds.all(c, c.arguments.amount > 1)", "c = element 1 of 2", True),
        ("variables.refunds.exists(c, c.arguments.amount > params.limit)", "c = element 2 of 2", True),
        ("variables.refunds.exists(c, c.arguments.amount > 900)", "c = element 1 of 2", False),
        ("response.tool_calls.all(c, c.arguments.amount > 1)", "c = element 3 of 3", None),
        ("response.tool_calls.map(c, c.arguments.amount).size() > 0", "c = element 3 of 3", None),
        ("response.tool_calls.filter(c, c.arguments.amount > 1).size() > 0", "c = element 3 of 3", None),
        ("response.tool_calls.map(c, c.name).size() > 0", "c = element 1 of 3", "issue_refund"),
        ("response.tool_calls.exists_one(c, c.name == 'lookup')", "c = element 1 of 3", False),
        ("response.tool_calls.count_if(c, c.name == 'issue_refund') < 2", "c = element 2 of 3", True),
        ("response.tool_calls.count_if(c, c.name == 'escalate') > 0", "c = element 1 of 3", False),
        ("response.tool_calls.index_where(c, c.name == 'lookup') == 0", "c = element 3 of 3", True),
        ("response.tool_calls.index_where(c, c.name == 'escalate') >= 0", "c = element 1 of 3", False),
        ("response.tool_calls.before(c, c.arguments.amount > params.limit).size() == 0", "c = element 3 of 3", None),
        ("variables.refunds.before(c, c.arguments.amount > params.limit).size() == 0", "c = element 2 of 2", True),
        ("response.tool_calls.after(c, c.name == 'lookup').size() > 0", "c = element 3 of 3", True),
        ("agent.labels.all(k, k == 'a')", "k = key 2 of 2", False),
    ],
)
def test_the_element_that_decided(source: str, note: str, value: JsonValue) -> None:
    """The variable is what `all`, `exists` and our own loops stopped at or counted, else the first error or element."""
    body = next(item for item in explained(source) if item.note)
    assert (body.note, body.value) == (note, value)
    assert (body.error is None) == (value is not None)


def test_loops_in_loops() -> None:
    """The note names the element of every loop around a sub-expression."""
    source = "variables.refunds.all(c, !case.tags.exists(t, t == 'b' && c.arguments.amount > 100))"
    found = [item for item in explained(source) if item.source == "c.arguments.amount > 100"]
    assert [(item.note, item.value) for item in found] == [("c = element 2 of 2, t = element 2 of 2", True)]


def test_what_does_not_run_is_not_listed() -> None:
    """The body of a loop over nothing, or over an error, has no values."""
    assert [item.source for item in explained("[].all(c, c.x)")] == ["[].all(c, c.x)"]
    found = explained("response.zz.all(c, c.x)")
    assert [(item.source, item.error is None) for item in found] == [
        ("response.zz.all(c, c.x)", False),
        ("response.zz", False),
    ]
    assert [item.source for item in explained("has(response.zz.a)")] == ["has(response.zz.a)", "response.zz"]


def test_errors_have_texts() -> None:
    """A sub-expression without a value says why."""
    (whole, left, zz, right) = explained("response.zz == 1 || false && true")
    assert (whole.error, left.error, zz.error) == ('Key not found in map : "zz"',) * 3
    assert (right.value, right.error) == (False, None)


def test_a_limit_on_the_list() -> None:
    """At most `limit` sub-expressions are listed."""
    source = " || ".join(["case.id == ''"] * 40)
    found = explain(source, params={}, variables={}, engine=CPP, data=DATA, limit=7)
    assert len(found) == 7
    assert len(explained("case.tags.all(t, " + " && ".join(["t != ''"] * 150) + ")")) == 200
    assert deciding(found) == (("case.id", '"c1"'),)


def test_both_engines_explain_alike() -> None:
    """Values and notes are those of both engines."""
    for source in (
        "variables.big.size() == 0",
        "variables.refunds.all(c, c.arguments.amount <= params.limit)",
        "agent.labels.all(k, agent.labels[k] == '1')",
        "timestamp(case.id) < timestamp('2026-01-01T00:00:00Z')",
    ):
        first, second = (explained(source, engine) for engine in (CPP, PY))
        assert [(item.source, item.value, item.note) for item in first] == [
            (item.source, item.value, item.note) for item in second
        ]


@pytest.mark.parametrize("source", ["1 +", "params.zz == 1", "variables.zz"])
def test_what_cannot_be_explained(source: str) -> None:
    """An expression that cannot be read, or names what does not exist, is an error."""
    with pytest.raises(ExpressionError):
        explained(source)


def test_what_does_not_compile_alone() -> None:
    """A part that the engine refuses is listed with the reason."""
    (whole,) = explained("foo(1)")
    assert whole.error == "unknown function 'foo'"


def test_the_facts_of_the_mock_up() -> None:
    """A refund above the limit is explained by the amount and the limit."""
    source = "variables.refunds.all(c, has(c.arguments.amount) && c.arguments.amount <= params.limit)"
    assert deciding(explained(source)) == (("c.arguments.amount", "250"), ("params.limit", "100"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("response.text == 'x'", {"response.text": '"Done."'}),
        ("case.id == 'x' || response.text == 'x'", {"case.id": '"c1"', "response.text": '"Done."'}),
        ("case.id == 'c1' && response.cost_usd > 1", {"response.cost_usd": "0.25"}),
        ("!(response.text.contains('Done'))", {"response.text": '"Done."'}),
        ("response.text.contains(case.id)", {"response.text": '"Done."', "case.id": '"c1"'}),
        ("has(response.error)", {"has(response.error)": "false"}),
        ("!has(response.cost_usd)", {"has(response.cost_usd)": "true"}),
        ("response.tool_calls.size() == 1", {"response.tool_calls.size()": "3"}),
        ("size(variables.big) * 2 == params.limit", {"size(variables.big)": "1", "params.limit": "100"}),
        ("response.cost_usd in [params.limit, 1]", {"response.cost_usd": "0.25", "params.limit": "100"}),
        ("!response.tool_calls.exists(c, c.name == 'lookup')", {"c.name": '"lookup"'}),
        ("case.tags.exists(t, t == 'x')", {"case.tags": '["a","b"]'}),
        ("history.exists(h, h.name == 'x')", {"history.exists(h, h.name == 'x')": "false"}),
        ("!case.tags.all(t, t != '')", {"case.tags": '["a","b"]'}),
        ("case.tags.exists_one(t, t != '')", {"case.tags": '["a","b"]'}),
        ("response.cost_usd > 1.0 ? true : case.id == ''", {"response.cost_usd": "0.25", "case.id": '"c1"'}),
        ("response.cost_usd < 1.0 ? case.id == '' : true", {"response.cost_usd": "0.25", "case.id": '"c1"'}),
        ("mentions(response.text, ['specialist'])", {"response.text": '"Done."'}),
        ("response.flag", {"response.flag": "false"}),
        ("response.zz == 1 && response.flag", {"response.flag": "false"}),
        ("case.id ==\n    'x'", {"case.id": '"c1"'}),
        ("false", {}),
        ("1 == 2", {"1 == 2": "false"}),
        ("true", {}),
        ("response.zz", {}),
        ("response.text", {}),
    ],
)
def test_the_facts_that_decided(source: str, expected: dict[str, str]) -> None:
    """Only what made the expression false is shown; nothing where it was not false."""
    assert facts(source, flag=False) == expected


def test_facts_are_few_and_short() -> None:
    """At most four facts, no name or value of more than 80 characters, each sub-expression once."""
    long = "x" * 1000
    assert facts("response.text == 'a'", text=long) == {"response.text": '"' + "x" * 78 + "…"}
    nested: JsonValue = [{"é": [1.5, None, True, long]}] * 1000
    assert facts("response.text == 'a'", text=nested) == {"response.text": '[{"é":[1.5,null,true,"' + "x" * 57 + "…"}
    name = "response.text.contains(" + " + ".join(["case.id"] * 12) + ")"
    shown = facts(f"[{name}, case.id, response.text, response.cost_usd, agent.name] == [case.id]")
    assert len(shown) == MAX_FACTS
    assert all(len(text) <= MAX_SHOWN for fact in shown.items() for text in fact)
    assert facts("case.id == 'x' || case.id == 'y'") == {"case.id": '"c1"'}


def test_facts_of_nothing() -> None:
    """Without values there are no facts."""
    assert deciding(()) == ()


BOOLEANS = st.recursive(
    st.sampled_from(
        [
            "response.text == 'Done.'",
            "response.cost_usd > 1",
            "has(response.error)",
            "response.zz",
            "case.tags.size() == params.limit",
            "variables.refunds.all(c, c.arguments.amount < params.limit)",
            "agent.labels.exists(k, k == 'q')",
            "true",
        ]
    ),
    lambda part: st.one_of(
        st.builds("({} && {})".format, part, part),
        st.builds("({} || {})".format, part, part),
        st.builds("!{}".format, part),
        st.builds("case.tags.all(t, {})".format, part),
        st.builds("({} ? {} : {})".format, part, part, part),
    ),
    max_leaves=5,
)


@settings(max_examples=examples(60))
@given(BOOLEANS)
def test_a_false_expression_has_a_reason(source: str) -> None:
    """Whatever is false has at least one fact, unless it is a literal; each fact is a listed sub-expression."""
    try:
        values = explained(source)
    except ExpressionError:
        return
    found = deciding(values)
    listed = {" ".join(item.source.split()) for item in values}
    assert {name for name, _ in found} <= listed
    if values and values[0].value is False and "true" not in source:
        assert found


PLACES = [(CppEngine(), place) for place in (0, 1, 5, 31, 32, 38, 39)] + [(PyEngine(), place) for place in (0, 5)]


@pytest.mark.parametrize(("engine", "place"), PLACES)
def test_the_first_element_that_decides_is_found(engine: Engine, place: int) -> None:
    """Wherever it stands, in a list or a map, for `all`, `exists` and an error; also behind others that would do."""
    values: list[JsonValue] = [1] * 40
    values[place] = 2
    broken: list[JsonValue] = [*values]
    broken[place:] = ["x"] * (40 - place)
    keys: dict[str, JsonValue] = {f"k{n:02}": value for n, value in enumerate(values)}
    data: dict[str, JsonValue] = {"response": {"list": values, "broken": broken, "map": keys}}
    for source in (
        "response.list.all(x, x != 2)",
        "response.list.exists(x, x == 2)",
        "response.broken.map(x, x + 1) == []",
        "response.map.all(k, response.map[k] != 2)",
    ):
        values_found = explain(source, params={}, variables={}, engine=engine, data=data)
        assert any(f"{place + 1} of 40" in item.note for item in values_found)
