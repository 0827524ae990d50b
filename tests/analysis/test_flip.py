"""The sub-expression that flipped: the smallest part, the same element on both sides, both values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.flip import MAX_REASON, DifferenceFinder, Form, Reason
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.context import step_data
from runback_gate.testing import sample_call, sample_step

ENGINE = CppEngine()
STEP = sample_step(sample_call("pay", amount=50), sample_call("pay", amount=250, to="bob"), text="hello world")
FLIP = DifferenceFinder(ENGINE, step_data(STEP))
LIMIT = 'calls(response, "pay").all(c, has(c.arguments.amount) && c.arguments.amount <= params.limit)'


def form(source: str, params: dict[str, Any] | None = None, **variables: str) -> Form:
    """One form of an expression."""
    return Form(source, params or {}, variables)


def test_a_param() -> None:
    """The element that decides on one side is the one that is shown on the other."""
    low, high = form(LIMIT, {"limit": 100}), form(LIMIT, {"limit": 500})
    assert FLIP.between(low, high) == Reason(
        "c.arguments.amount <= params.limit", "amount <= limit: 250 <= 100 false → 250 <= 500 true"
    )
    assert FLIP.between(high, low).text == "amount <= limit: 250 <= 500 true → 250 <= 100 false"


@pytest.mark.parametrize(
    ("base", "head", "text"),
    [
        (
            "size(response.tool_calls) < 2",
            "size(response.tool_calls) <= 2",
            "size(tool_calls) < 2: 2 < 2 false → size(tool_calls) <= 2: 2 <= 2 true",
        ),
        (
            "response.text == 'x'",
            "response.text == 'x' || size(response.text) > 3",
            "size(text) > 3: 11 > 3 true (only on head)",
        ),
        (
            "response.text != 'x'",
            "response.text != 'x' && size(response.text) < 3",
            "size(text) < 3: 11 < 3 false (only on head)",
        ),
        (
            "response.text != 'x' && size(response.text) < 3",
            "response.text != 'x'",
            "size(text) < 3: 11 < 3 false (only on base)",
        ),
        (
            "response.text != 'x' && size(response.text) < 3",
            "response.text != 'y'",
            'size(text) < 3: 11 < 3 false → text != \'y\': "hello world" != "y" true',
        ),
        (
            "true && size(response.text) > 3",
            "true && size(response.text) > 30",
            "size(text) > 3: 11 > 3 true → size(text) > 30: 11 > 30 false",
        ),
        ("true && 2 > 1", "true && true && 2 < 1", "2 < 1: 2 < 1 false (only on head)"),
        (
            "response.text == 'x' || true",
            "false || response.text == 'x'",
            'true: true → text == \'x\': "hello world" == "x" false',
        ),
        (
            "!response.text.contains('hello')",
            "!response.text.contains('bye')",
            'text.contains(\'hello\'): "hello world".contains("hello") true → '
            'text.contains(\'bye\'): "hello world".contains("bye") false',
        ),
        (
            "!(size(response.text) > 3)",
            "size(response.text) > 3",
            "!(size(text) > 3): !(11 > 3) false → size(text) > 3: 11 > 3 true",
        ),
        ("!response.tool_calls.exists(c, has(c.arguments.to))", "true", "has(to): true → true: true"),
        (
            "size(response.text) > 3 ? true : false",
            "size(response.text) > 30 ? true : false",
            "size(text) > 3: 11 > 3 true → size(text) > 30: 11 > 30 false",
        ),
        (
            "size(response.text) > 3 ? 2 > 1 : false",
            "size(response.text) > 4 ? 2 < 1 : false",
            "2 > 1: 2 > 1 true → 2 < 1: 2 < 1 false",
        ),
        (
            "size(response.text) < 3 ? 2 > 1 : false",
            "size(response.text) < 4 ? 2 < 1 : true",
            "false: false → true: true",
        ),
        ("size(response.text) < 3 ? true : 2 > 3", "true", "2 > 3: 2 > 3 false → true: true"),
        (
            "response.tool_calls.exists(c, c.arguments.amount == 250)",
            "response.tool_calls.filter(c, c.arguments.amount < 100).exists(c, c.arguments.amount == 250)",
            "amount == 250: 250 == 250 true (only on base)",
        ),
        (
            "response.tool_calls.exists(c, c.arguments.amount == 250)",
            "response.tool_calls.exists(d, d.arguments.amount == 251)",
            "amount == 250: 250 == 250 true → amount == 251: 250 == 251 false",
        ),
        (
            "response.tool_calls.exists_one(c, has(c.arguments.to))",
            "response.tool_calls.exists_one(c, has(c.arguments.amount))",
            "tool_calls.exists_one(c, has(to)): true → tool_calls.exists_one(c, has(amount)): false",
        ),
        (
            "response.tool_calls.all(c, c.arguments.exists(k, k == 'to'))",
            "response.tool_calls.all(c, c.arguments.exists(k, k == 'amount'))",
            'k == \'to\': "amount" == "to" false → k == \'amount\': "amount" == "amount" true',
        ),
        (
            "response.tool_calls.all(c, has(c.arguments.to))",
            "response.tool_calls.all(c, c.arguments.to != 'x')",
            "has(to): false → to: error: ",
        ),
        (
            "'to' in response.tool_calls[0].arguments",
            "'to' in response.tool_calls[1].arguments",
            "'to' in tool_calls[0].arguments: \"to\" in {\"amount\":50} false → 'to' in tool_calls[1].arguments: ",
        ),
        ("1 < 0 && 2 > 3", "1 < 2 ? response.text == 'x' || 1 > 0 : true", "1 < 0: 1 < 0 false → 1 > 0: 1 > 0 true"),
        ("1", "true", "1: 1 → true: true"),
        ("has(response.none.x.y)", "true", "none: error: "),
        ("response.none == 1", "has(response.none)", "none: error: "),
        ("response.tool_calls.all(c, has(c.arguments.amount) && c.none.x > 1)", "true", "none: error: "),
        (
            "[timestamp('2020-01-01T00:00:00Z')].all(t, t > timestamp('2021-01-01T00:00:00Z'))",
            "true",
            "[timestamp('2020",
        ),
        ("response.tool_calls.map(c, c.arguments.to).all(t, t != '')", "true", "to: error: "),
        ("1 > 0 || 2 > 3", "1 < 0", "1 > 0: 1 > 0 true → 1 < 0: 1 < 0 false"),
        ("1 < 0", "2 > 3 || 1 > 0", "1 < 0: 1 < 0 false → 1 > 0: 1 > 0 true"),
        ("1 < 2 && response.text != ''", "1 < 0", "1 < 2: 1 < 2 true → 1 < 0: 1 < 0 false"),
        (
            "response.text.contains('h') && response.text != ''",
            "1 < 0",
            "text.contains('h') && text != '': true → 1 < 0: 1 < 0 false",
        ),
    ],
)
def test_forms(base: str, head: str, text: str) -> None:
    """What flips is named alone, in whichever of the two forms it lies."""
    assert text in FLIP.between(form(base), form(head)).text


def test_variables_are_opened() -> None:
    """What a variable stands for is read on, with the variables before it."""
    count = "size(calls(response, 'pay'))"
    base = form("variables.ok", n=count, ok="variables.n == 2")
    head = form("variables.ok", n=count, ok="variables.n > 2")
    assert FLIP.between(base, head).text == "n == 2: 2 == 2 true → n > 2: 2 > 2 false"
    assert FLIP.between(form("variables.none", none="response.none"), form("true")).text.startswith("none: error: ")


def test_one_form_alone() -> None:
    """A form without another is told by the part that decides it."""
    assert FLIP.between(None, form(LIMIT, {"limit": 100})).text == "amount <= limit: 250 <= 100 false"
    assert FLIP.between(form(LIMIT, {"limit": 100}), None).text == "amount <= limit: 250 <= 100 false"
    assert FLIP.between(None, None) == Reason("", "")


def test_what_holds() -> None:
    """A form holds, does not, or cannot be evaluated."""
    assert [FLIP.holds(form(source)) for source in ("true", "1 > 2", "response.none", "1")] == [True, False, None, None]


def test_a_range_that_lost_the_element() -> None:
    """A part that cannot be compiled alone is an error, not a crash."""
    text = FLIP.between(form("[1, 2].all(x, x < 2)"), form("[1].all(x, x < 2)")).text
    assert text == "x < 2: 2 < 2 false (only on base)"


def test_long_values_are_cut() -> None:
    """However long the values are, the line is not."""
    flip = DifferenceFinder(ENGINE, step_data(sample_step(text="x" * 100_000)))
    found = flip.between(form('response.text.contains("y")'), form('response.text != "' + "z" * 3000 + '"'))
    assert len(found.text) <= MAX_REASON


TERMS = st.sampled_from(
    ["true", "false", "response.text != ''", "size(response.tool_calls) > 2", "response.none > 1", "variables.v", LIMIT]
)
TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("response.tool_calls.all(c, {})".format, inner),
        st.builds("[1, 2].exists(c, {})".format, TERMS),
    ),
    max_leaves=4,
)


@given(TREES, TREES, st.sampled_from([100, 500]))
def test_any_two_forms_have_a_reason(base: str, head: str, limit: int) -> None:
    """Whatever two expressions say, there is one line, and its sub-expression stands in one of them."""
    forms = [form(source, {"limit": limit}, v="size(response.text) > 3") for source in (base, head)]
    found = FLIP.between(*forms)
    assert found.text
    assert any(found.expression in " ".join(text.split()) for text in (base, head, "size(response.text) > 3"))
