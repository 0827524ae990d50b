"""Answers in short, and the first difference of two requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.step import Response, ToolCall
from runback_gate.summary import SUMMARY_LENGTH, first_difference, summarize

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def call(name: str, arguments: str) -> ToolCall:
    """A tool call without an id."""
    return ToolCall("", name, arguments)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(tool_calls=(call("escalate", '{"reason": "dispute"}'),)), 'escalate(reason: "dispute")'),
        (Response(tool_calls=(call("refund", '{"amount": 250, "order": null}'),)), "refund(amount: 250, order: null)"),
        (Response(tool_calls=(call("a", ""), call("b", "{}"))), "a(), b()"),
        (Response(tool_calls=(call("a", "amount: 40"),)), "a(amount: 40)"),
        (Response(tool_calls=(call("a", "[1]"),)), "a([1])"),
        (Response(text="Two\nlines  and “quotes”"), '"Two lines and “quotes”"'),
        (Response(error="context too long"), "error: context too long"),
        (Response(), '""'),
    ],
)
def test_summaries(response: Response, expected: str) -> None:
    """Calls before error before text, on one line."""
    assert summarize(response) == expected


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_a_summary_is_one_short_line(text: str, name: str, arguments: list[str]) -> None:
    """Whatever a model writes, the summary keeps its length and has no line break."""
    for calls in ((), tuple(call(name, item) for item in arguments)):
        summary = summarize(Response(text=text, tool_calls=calls))
        assert len(summary) <= SUMMARY_LENGTH
        assert len(summary.splitlines()) <= 1


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]"),
        ({"a": [1]}, {"a": [1, 2]}, "a[1]"),
        ({"a": 1}, {}, "a"),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, "a"),
        ({"a": True}, {"a": 1}, "a"),
        (1, 2, "(all)"),
    ],
)
def test_first_difference(left: JsonValue, right: JsonValue, expected: str | None) -> None:
    """The first place in key order; true is not 1."""
    assert first_difference(left, right) == expected


@given(JSON, JSON)
def test_only_equal_values_have_no_difference(left: JsonValue, right: JsonValue) -> None:
    """No difference is found in a value and itself; two values without a difference are equal."""
    assert first_difference(left, left) is None
    if first_difference(left, right) is None:
        assert left == right
