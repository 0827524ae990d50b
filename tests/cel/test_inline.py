"""Facts about params and variables being put into an expression."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.inline import MAX_LITERAL_DEPTH, inline, literal, resolved
from runback_gate.cel.limits import parse
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError
from tests.examples import examples

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())

PARAMS: dict[str, JsonValue] = {
    "limit": 100,
    "debt": -5,
    "rate": 0.5,
    "words": ["refund", 'it\'s "now"\n'],
    "tiers": {"gold": {"bags": [1, 2]}, "a-b": True},
    "nothing": None,
}
VARIABLES = {
    "refunds": 'response.tool_calls.filter(c, c.name == "issue_refund")',
    "many": "variables.refunds.size() > params.limit  // comment",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 == 1", "1 == 1"),
        ("a <= params.limit", "a <= 100"),
        ("a <= params . limit", "a <= 100"),
        ("a <= (params).limit", "a <= 100"),
        ("a - params.debt", "a - (-5)"),
        ("params.rate * 2.0", "0.5 * 2.0"),
        ("params.nothing == null", "null == null"),
        ("params.words", '["refund", "it\'s \\"now\\"\\n"]'),
        ("params.words[1]", '"it\'s \\"now\\"\\n"'),
        ("params.words[i]", '["refund", "it\'s \\"now\\"\\n"][i]'),
        ("params.words.exists(w, w == a)", '["refund", "it\'s \\"now\\"\\n"].exists(w, w == a)'),
        ("params.tiers.gold.bags[0]", "1"),
        ('params.tiers["a-b"]', "true"),
        ('params["limit"]', "100"),
        ("params.tiers[response.tier].bags", '{"gold": {"bags": [1, 2]}, "a-b": true}[response.tier].bags'),
        ("params.limit.f()", "(100).f()"),
        ("params.debt.f()", "(-5).f()"),
        ("has(params.tiers.gold)", 'has({"gold": {"bags": [1, 2]}, "a-b": true}.gold)'),
        ("has(params.tiers.silver)", 'has({"gold": {"bags": [1, 2]}, "a-b": true}.silver)'),
        ("has(a.params)", "has(a.params)"),
        ("a.params.limit", "a.params.limit"),
        ('"params.limit"', '"params.limit"'),
        ("variables.refunds.size()", f"{VARIABLES['refunds']}.size()"),
        ("variables.many", f"{VARIABLES['refunds']}.size() > 100"),
        ("has(variables.refunds[0].amount)", f"has({VARIABLES['refunds']}[0].amount)"),
        ("a.all(x, x > params.limit)", "a.all(x, x > 100)"),
    ],
)
def test_what_is_put_in(source: str, expected: str) -> None:
    """Params become literals, the part of them that is used; variables become their expressions."""
    assert inline(source, PARAMS, VARIABLES).text == expected


@pytest.mark.parametrize(
    ("source", "message", "hint", "place"),
    [
        ("a &&\n  params.lmit > 1", "params has no 'lmit'", "did you mean 'limit'?", ":2:10"),
        ("params.tiers.gold.bugs", "params.tiers.gold has no 'bugs'", "did you mean 'bags'?", ":1:19"),
        ("params[1]", "params has no '1'", None, ":1:8"),
        ("params.limit.x", "params.limit is of type int, it has no 'x'", None, ":1:14"),
        ('params.words["a"]', "params.words is of type list, it has no 'a'", None, ":1:14"),
        ("params.words[true]", "params.words is of type list, it has no 'True'", None, ":1:14"),
        ("params.words[2]", "params.words has 2 elements, there is none at 2", "the first one is at 0", ":1:14"),
        ("params.words[-1]", "params.words has 2 elements, there is none at -1", "the first one is at 0", ":1:14"),
        ("has(params.limit.x)", "params.limit is of type int, it has no 'x'", None, ":1:18"),
        ("has(params.zz.x)", "params has no 'zz'", None, ":1:12"),
        ("variables.refund", "unknown variable 'refund'", "did you mean 'refunds'?", ":1:11"),
        ("variables", "`variables` is not a value", "write variables.NAME", ":1:1"),
        ('variables["refunds"]', "`variables` is not a value", "write variables.NAME", ":1:1"),
        ("has(variables.many)", "variables.many always exists or is an error", "use it without has()", ":1:15"),
        ("a.all(params, true)", "the loop variable `params` hides a name that has a meaning", "rename it", ":1:3"),
        (
            "a.all(variables, true)",
            "the loop variable `variables` hides a name that has a meaning",
            "rename it",
            ":1:3",
        ),
        ("a.all(case, true)", "the loop variable `case` hides a name that has a meaning", "rename it", ":1:3"),
        ("1 +", "expected a value, the expression ends", None, ":1:4"),
    ],
)
def test_what_cannot_be_put_in(source: str, message: str, hint: str | None, place: str) -> None:
    """A path that does not exist, an unknown variable and a hidden name are errors at their place, with a hint."""
    with pytest.raises(ExpressionError) as caught:
        inline(source, PARAMS, VARIABLES)
    assert (caught.value.message, str(caught.value.location)) == (message, place)
    assert hint is None or caught.value.hint == hint


def test_variables_are_evaluated_once() -> None:
    """A variable that is used more than once, or in a loop, stands before the expression; paths are put in."""
    variables = {"path": "response.tool_calls[0]", "n": "size(history)", "twice": "variables.n + variables.n"}
    assert inline("variables.path == variables.path", {}, variables).text == (
        "response.tool_calls[0] == response.tool_calls[0]"
    )
    assert inline("variables.twice == 1", {}, variables).text == "cel.bind(v0_, size(history), v0_ + v0_ == 1)"
    assert inline("history.all(v0_, v0_ == variables.n)", {}, variables).text == (
        "cel.bind(v1_, size(history), history.all(v0_, v0_ == v1_))"
    )
    flat = inline("variables.twice == 1", {}, variables, flat=True)
    assert flat.text == "size(history) + size(history) == 1"


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_a_variable_counts_once_and_when_it_is_needed(engine: Engine) -> None:
    """Its loops count once towards the budget; where nothing needs it, its error is none."""
    variables = {"n": "history.filter(h, h > 0).size()", "bad": "history[0].nothing"}
    bound = engine.bind({"history": [1] * 900})
    often = inline(" && ".join(["variables.n == 900"] * 15), {}, variables)
    assert engine.compile(often).evaluate(bound).value is True
    unneeded = inline("true || variables.bad == 1 || variables.bad == 2", {}, variables)
    assert engine.compile(unneeded).evaluate(bound).value is True
    needed = inline("variables.bad == 1 || variables.bad == 2", {}, variables)
    assert engine.compile(needed).evaluate(bound).verdict == "error"


def test_variables_come_in_order() -> None:
    """A variable sees those before it; one that it does not see is an error that names both."""
    with pytest.raises(ExpressionError) as caught:
        inline("1 == 1 && variables.a", {}, {"a": "variables.b", "b": "true"})
    assert caught.value.message == "variables.a: unknown variable 'b'"
    assert caught.value.hint == "it is declared later"
    assert str(caught.value.location) == ":1:21"
    with pytest.raises(ExpressionError, match=r"variables\.a: unknown variable 'a'"):
        inline("variables.a", {}, {"a": "variables.a"})


@pytest.mark.slow
def test_size_limit() -> None:
    """Variables that double each other end at 64 KiB, long before they take memory."""
    variables = {"v0": f'"{"x" * 100}"'} | {f"v{n}": f"variables.v{n - 1} + variables.v{n - 1}" for n in range(1, 40)}
    with pytest.raises(ExpressionError, match="larger than 64 KiB with its params and variables put in"):
        inline("variables.v39 == ''", {}, variables)
    with pytest.raises(ExpressionError, match="larger than 64 KiB with its params and variables put in"):
        inline("params.big == ''", {"big": "é" * 40_000}, {})


def test_depth_limit() -> None:
    """An expression that is too deep for an engine with its variables put in is an error at its beginning."""
    deep = {"deep": "[" * 20 + "true" + "]" * 20}
    assert inline("variables.deep", {}, deep).tree.depth == 21
    with pytest.raises(ExpressionError) as caught:
        inline("  " + "[" * 11 + "variables.deep" + "]" * 11, {}, deep)
    assert caught.value.message == "nested deeper than 30 levels"
    assert caught.value.hint == "the limit applies to the expression with its variables substituted"
    assert str(caught.value.location) == ":1:3"


def test_growth_limit() -> None:
    """Loops that double their text are refused when they are spread over variables as well."""
    doubling = "[request.system]" + ".map(x, x + x)" * 5
    assert inline("variables.a", {}, {"a": doubling}).text == doubling
    with pytest.raises(ExpressionError, match="could repeat its data more than 256 times"):
        inline("variables.a" + ".map(x, x + x)" * 4, {}, {"a": doubling})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "it is not a finite number"),
        (float("inf"), "it is not a finite number"),
        (2**63, "it does not fit 64 bits"),
        ("a\0b", "it holds U+0000"),
        ("\ud800", "it holds a lone surrogate, which is not text"),
    ],
)
def test_values_that_cel_does_not_have(value: JsonValue, reason: str) -> None:
    """A param that CEL cannot write is an error where it is used."""
    with pytest.raises(ExpressionError) as caught:
        inline("1 == 1 && params.x == 1", {"x": value}, {})
    assert caught.value.message == f"params.x cannot be put in: {reason}"
    assert str(caught.value.location) == ":1:11"


def test_params_have_a_depth() -> None:
    """A param that is nested too deep to be one literal is an error; its parts can be used."""
    deep: JsonValue = 1
    for _ in range(MAX_LITERAL_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="it is nested deeper than 16 levels"):
        literal(deep)
    assert inline("params.x.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a == 1", {"x": deep}, {}).text == "1 == 1"


def test_resolved_is_a_param_or_nothing() -> None:
    """What is made of params and known keys has a value; anything else has none."""
    source = "[params.words[0], params.tiers[a], a.b, params.words]"
    nodes = parse(source).children
    assert [resolved(source, node, PARAMS) for node in nodes] == ["refund", None, None, PARAMS["words"]]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=6,
)


@settings(max_examples=examples(150))
@given(JSON)
def test_literals_mean_the_value(value: JsonValue) -> None:
    """The literal of any JSON value is that value in both engines, and so is a param that is used as a whole."""
    for engine in ENGINES:
        for source in ("params.x == response", "[params.x][0] == response", "params['x'] == response"):
            program = engine.compile(inline(source, {"x": value}, {}))
            outcome = program.evaluate(engine.bind({"response": value}))
            assert outcome.verdict == "true"


@given(st.text(max_size=40), st.dictionaries(st.text(max_size=3), JSON, max_size=2))
def test_any_text_is_put_in_or_refused(source: str, params: dict[str, JsonValue]) -> None:
    """Whatever is written, the result can be parsed, or there is one ExpressionError with a place."""
    try:
        parse(inline(f"params.{source}", params, VARIABLES).text)
    except ExpressionError as error:
        assert error.location is not None
