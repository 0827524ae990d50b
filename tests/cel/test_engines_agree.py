"""Facts about both CEL engines together: over all that policies can say, their verdicts and values are the same."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.cel.limits import check_limits
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError
from tests.examples import examples

CPP = CppEngine()
ENGINES: tuple[Engine, ...] = (CPP, PyEngine())

DATA: dict[str, JsonValue] = {
    "request": {
        "messages": [{"role": "user", "content": "Refund 250 € please"}],
        "tools": [{"name": "a", "parameters": {"required": ["amount"], "properties": {"amount": {"type": "number"}}}}],
        "parameters": {"temperature": 0},
    },
    "response": {
        "text": "I asked a specialist. Ünïcode 😀",
        "tool_calls": [
            {"name": "issue_refund", "arguments": {"amount": 250, "order": {"id": "A7"}}},
            {"name": "issue_refund", "arguments": {"amount": 99.5}},
            {"name": "lookup", "arguments": {}},
        ],
        "cost_usd": 0.25,
        "latency_ms": 1200,
        "flag": True,
        "nothing": None,
    },
    "baseline": {},
    "history": [{"name": "lookup", "arguments": {"id": 1}, "result": {"total": 3}}],
    "case": {"id": "c1", "tags": ["refund", "vip"], "now": "2026-11-03T10:00:00Z"},
    "agent": {"name": "support", "labels": {"team": "payments"}},
}


def say(engine: Engine, source: str, data: dict[str, JsonValue] = DATA) -> Outcome:
    """What an engine makes of an expression."""
    return engine.compile(source).evaluate(engine.bind(data))


def both(source: str, data: dict[str, JsonValue] = DATA) -> str:
    """The value that both engines agree on as Python text, or `error`."""
    first, second = (say(engine, source, data) for engine in ENGINES)
    assert (first.verdict, repr(first.value)) == (second.verdict, repr(second.value)), (first, second)
    assert (first.error is None) == (second.error is None), (first, second)
    return "error" if first.error is not None else repr(first.value)


TABLE = """
1 + 2 * 3 == 7 => True
7 / 2 => 3
-7 / 2 => -3
-7 % 3 => -1
7.0 / 2.0 => 3.5
1.0 / 0.0 > 1e300 => True
-1.0 / 0.0 < -1e300 => True
0.0 / 0.0 == 0.0 / 0.0 => False
1 / 0 => error
1 % 0 => error
9223372036854775807 + response.latency_ms => error
-(-9223372036854775807 - 1) => error
response.cost_usd + 1 => error
response.cost_usd * 4.0 => 1.0
response.latency_ms > 1199.5 => True
response.latency_ms == 1200.0 => True
response.cost_usd == 1 => False
response.flag == 1 => False
response.nothing == null => True
response.nothing == 0 => False
response.text == 1 => False
response.text == response.cost_usd => False
[1, 2] == [1, 2] => True
response.case.tags == ["refund"] => error
case.tags == ["refund", "vip"] => True
{"a": 1, "b": [2]} == {"b": [2], "a": 1} => True
agent.labels == {"team": "payments"} => True
agent.labels == case.tags => False
"a" + "b" => 'ab'
case.tags + ["x"] => ['refund', 'vip', 'x']
case.tags + agent.labels => error
"b" > "a" => True
response.flag > false => True
case.tags > case.tags => error
response.nothing < 1 => error
"é😀".size() => 2
size(case.tags) => 2
size(agent.labels) => 1
size(response.nothing) => error
response.text.contains("specialist") => True
response.text.startsWith("I asked") && response.text.endsWith("😀") => True
agent.labels.contains("team") => error
response.text.matches("(?i)SPECIALIST") => True
response.text.matches("^specialist") => False
response.text.matches("Ü.ï") => True
response.text.matches(agent.labels.team + "(") => error
"vip" in case.tags => True
"team" in agent.labels => True
1 in agent.labels => False
case.tags in agent.labels => error
"I" in response.text => error
case.tags[1] => 'vip'
case.tags[-1] => error
case.tags[2] => error
case.tags["0"] => error
response.text[0] => error
agent.labels["team"] => 'payments'
agent.labels["x"] => error
agent.labels.x => error
response.zz => error
response.cost_usd.x => error
baseline.text => error
response.tool_calls[0].arguments.order.id => 'A7'
has(response.cost_usd) => True
has(response.zz) => False
has(response.nothing) => True
has(response.zz.a) => error
has(response.cost_usd.a) => error
has(response.tool_calls[0].arguments.order.id) => True
has(response.tool_calls[2].arguments.order) => False
true && response.zz => error
false && response.zz => False
response.zz && false => False
true || response.zz => True
response.zz || true => True
response.zz || false => error
response.cost_usd || true => True
response.cost_usd && true => error
response.zz == 1 || 1 == 1 => True
!response.flag => False
!response.cost_usd => error
response.flag ? "yes" : "no" => 'yes'
response.cost_usd ? 1 : 2 => error
response.flag ? 1 : response.zz => 1
response.tool_calls.all(c, c.name == "issue_refund") => False
response.tool_calls.all(c, c.arguments.amount > 0) => error
response.tool_calls.all(c, c.arguments.amount > 100) => False
response.tool_calls.all(c, has(c.arguments.amount) && c.arguments.amount < 300) => False
response.tool_calls.exists(c, c.arguments.amount > 200) => True
response.tool_calls.exists(c, c.arguments.amount > 500) => error
response.tool_calls.exists_one(c, c.name == "lookup") => True
response.tool_calls.exists_one(c, c.arguments.amount > 0) => error
response.tool_calls.filter(c, has(c.arguments.amount)).map(c, c.arguments.amount) => [250, 99.5]
response.tool_calls.map(c, c.arguments.amount).size() > 0 || true => True
response.tool_calls.filter(c, c.arguments.amount > 0).size() > 0 || true => True
response.tool_calls.all(c, c.arguments) => error
response.tool_calls.filter(c, c.name) => error
[].all(x, response.zz) => True
[].exists(x, response.zz) => False
agent.labels.all(k, k == "team") => True
agent.labels.exists(k, agent.labels[k] == "payments") => True
response.text.all(c, true) => error
response.nothing.exists(c, true) => error
case.tags.all(a, case.tags.exists(b, b == a)) => True
[[1, 2], [3]].map(l, l.size()) => [2, 1]
{"a": [1, {"b": 2}]}.a[1].b => 2
string(1.5) + string(2) + string(response.flag) => '1.52true'
string(1000000.0) => '1e+06'
string(response.nothing) => error
string(case.tags) => error
int("12") + int(2.9) + int("-3") => 11
int("1_0") => error
int(" 7 ") => error
int("1.5") => error
int(response.case) => error
double("1.5e1") => 15.0
double("x") => error
bool("true") && !bool("false") => True
bool("yes") => error
type(response.latency_ms) == int && type(response.nothing) == null_type => True
type(response.text) == string && type(case.tags) == list && type(agent.labels) == map => True
type(response.text) => error
dyn(1) == dyn("a") => False
timestamp(case.now) < timestamp("2026-11-03T12:00:00+01:00") => True
timestamp(case.now) + duration("90m") == timestamp("2026-11-03T11:30:00Z") => True
timestamp(case.now).getHours() => 10
timestamp(case.now) => '2026-11-03T10:00:00Z'
timestamp("2026-11-03") => error
duration("90s") => '90s'
duration("x") => error
3u + 4u == 7u => True
1u - 2u => error
{response.text: 1, response.text: 2}.size() > 0 || true => error
{response.cost_usd: 1}.size() > 0 || true => True
1.0 / 0.0 => error
{1: "a"} => error
{"a": response.zz}.size() > 0 || true => True
{"a": response.zz}.size() > 0 => error
string(1.0 / 0.0) == "inf" => True
[response.zz, 1].size() > 0 => error
calls(response, "issue_refund").size() => 2
response.calls("issue_refund")[0].arguments.amount => 250
calls(response, 1) => error
calls(baseline, "x") => error
calls(case.tags, "x") => error
calls(response.zz, "x").size() == 0 || true => True
parse_json('{"a": [1.5]}').a[0] => 1.5
"[1, 2]".parse_json() => [1, 2]
parse_json(response.text) => error
parse_json(response.latency_ms) => error
has(parse_json("{}").a) => False
mentions(response.text, "SPECIALIST") => True
response.text.mentions(["nobody", "specialist"]) => True
response.text.mentions("special") => False
response.text.mentions(case.tags) => False
response.text.mentions([1]) => error
response.text.mentions("") => error
includes(response.tool_calls[0].arguments, {"order": {"id": "A7"}}) => True
response.tool_calls[0].arguments.includes({"amount": 250.0}) => True
includes(response.nothing, {}) => False
includes(response.text, {"a": 1}) => False
includes(case.tags, {}) => False
includes(response.zz, {}) => error
includes(agent.labels, case.tags) => error
request.messages[0].content.contains("250 €") => True
1 == 1 && // a comment => True
"\\u00e9" == "é" => True
r"\\d" == "\\\\d" => True
'it''s' => compile
""".strip().splitlines()


@pytest.mark.parametrize("row", TABLE)
def test_both_engines_say_the_same(row: str) -> None:
    """Types, missing fields, absorbed errors, loops, functions, null, unicode: one verdict and one value."""
    source, _, expected = row.rpartition(" => ")
    source = source.replace("// a comment", "// a comment\n true")
    if "compile" in expected:
        with pytest.raises(ExpressionError):
            CPP.compile(source)
        return
    assert both(source) == expected


@st.composite
def judged(draw: st.DrawFn) -> tuple[str, dict[str, JsonValue]]:
    """An expression of the portable profile, and data that it may or may not fit."""
    return draw(CONDITIONS), draw(STEPS)


AMOUNTS = st.sampled_from([0, 1, 50, 250, 99.5, 1e6, 2.0, -3, None, "50", "", True, [1], {"v": 3}])
STEPS = st.builds(
    lambda calls, text, tags, cost: cast(
        "dict[str, JsonValue]",
        {
            **DATA,
            "response": {"text": text, "tool_calls": calls, "cost_usd": cost},
            "history": [{**call, "result": cost} for call in calls],
            "case": {"id": "c1", "tags": tags},
        },
    ),
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["a", "issue_refund"]),
                "arguments": st.one_of(st.fixed_dictionaries({"amount": AMOUNTS}), st.just({}), AMOUNTS),
            }
        ),
        max_size=3,
    ),
    st.sampled_from(["", "hello world", "Ünïcode ß 😀", '{"amount": 5}']),
    st.lists(st.sampled_from(["a", "issue_refund", "ß"]), max_size=2),
    AMOUNTS,
)


def template(text: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda **found: text.format(**found), **parts)


VALUES: st.SearchStrategy[str] = st.deferred(lambda: st.one_of(ATOMS, ATOMS, NUMBERS, TEXTS, LISTS, CONDITIONS))
ATOMS: st.SearchStrategy[str] = st.sampled_from(
    [
        *("1", "100", "2.5", "3u", "-3", '"a"', '"ß"', "null", "true", "false", "x", "x.name", "x.arguments"),
        *("x.arguments.amount", "response.tool_calls[0].arguments.amount", "history[0].result", "baseline.text"),
        *("response.cost_usd", "response.text", "agent.labels.team", "parse_json(response.text).amount"),
        '{"amount": 250}',
    ]
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "%"])
RELATIONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
NUMBERS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        template("({a} {op} {b})", a=VALUES, op=OPERATORS, b=VALUES),
        template("size({a})", a=LISTS),
        template("{f}({a})", f=st.sampled_from(["int", "double", "-"]), a=VALUES),
        template("({a} ? {b} : {c})", a=CONDITIONS, b=VALUES, c=VALUES),
        template("{f}({a})", f=st.sampled_from(["sum", "min", "max", "average"]), a=LISTS),
        template("{a}.{f}(x, {b})", a=LISTS, f=st.sampled_from(["count_if", "index_where"]), b=CONDITIONS),
    )
)
TEXTS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["response.text", '"issue_refund"', '"hello"']),
        template("string({a})", a=VALUES),
        template("({a} + {b})", a=TEXTS, b=TEXTS),
    )
)
LISTS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["response.tool_calls", "history", "case.tags", "[1, 2.0, 3]", "[]"]),
        template("{a}.filter(x, {b})", a=LISTS, b=CONDITIONS),
        template("{a}.map(x, {b})", a=LISTS, b=VALUES),
        template("[{a}, {b}]", a=VALUES, b=VALUES),
        template("calls(response, {a})", a=TEXTS),
        template("{a}.{f}(x, {b})", a=LISTS, f=st.sampled_from(["before", "after"]), b=CONDITIONS),
        template("distinct({a})", a=LISTS),
    )
)
CONDITIONS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["true", "false", "has(response.cost_usd)", "has(response.zz)", "has(x.arguments)"]),
        template("({a} {op} {b})", a=CONDITIONS, op=st.sampled_from(["&&", "||"]), b=CONDITIONS),
        template("!{a}", a=CONDITIONS),
        template("({a} {op} {b})", a=VALUES, op=RELATIONS, b=VALUES),
        template("({a} in {b})", a=VALUES, b=LISTS),
        template("{a}.{f}(x, {b})", a=LISTS, f=st.sampled_from(["all", "exists", "exists_one"]), b=CONDITIONS),
        template("{a}.{f}({b})", a=TEXTS, f=st.sampled_from(["startsWith", "contains"]), b=TEXTS),
        template("{a}.matches({b})", a=TEXTS, b=st.sampled_from(['"^h"', '"(?i)HELLO"', '"[0-9]+"'])),
        template("mentions({a}, {b})", a=TEXTS, b=st.one_of(TEXTS, LISTS)),
        template('includes({a}, {{"amount": {b}}})', a=VALUES, b=VALUES),
        template("has({a}.amount)", a=ATOMS),
        template("bool({a})", a=VALUES),
        template("matchesSchema({a})", a=ATOMS),
    )
)


@settings(max_examples=examples(100))
@given(judged())
def test_engines_agree_on_generated_expressions(example: tuple[str, dict[str, JsonValue]]) -> None:
    """Whatever the portable profile can say, of whatever data, both engines give one verdict and one value."""
    source, data = example
    # Outside a loop there is no x.
    source = f"[history, response.tool_calls[0]].exists(x, {source})" if "x" in source else source
    try:
        check_limits(source)
        CPP.compile(source)
    except ExpressionError:
        return
    both(source, data)


def test_text_of_doubles_is_the_same() -> None:
    """`string()` writes doubles alike, also with exponents."""
    for number in (
        0.1,
        1 / 3,
        1e21,
        1e6,
        999999.5,
        1e5,
        1e-4,
        1e-5,
        1.25e-7,
        -0.0,
        5e-324,
        1.7976931348623157e308,
        3.0,
    ):
        both("string(response.x)", {"response": {"x": number}})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_text_of_any_double_is_the_same(number: float) -> None:
    """`string()` writes any double alike."""
    both("string(response.x)", {"response": {"x": number}})


@given(st.text(max_size=12))
def test_numbers_in_text_are_read_alike(text: str) -> None:
    """`int()` and `bool()` take the same texts in both engines."""
    for source in ("int(response.x)", "bool(response.x)"):
        both(source, {"response": {"x": text.replace("\x00", "")}})
