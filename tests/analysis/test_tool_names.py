"""Names of tools: a rule about a tool that nobody offers is said to be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.tool_names import tools_of
from runback_gate.cel.literal import literal
from runback_gate.dataset.checks import Argument, Check, ToolCalled

FORMS = [
    "size(calls(response, {0})) == 0",
    "calls(response, {0}).all(c, c.arguments.amount <= 100)",
    "!response.tool_calls.exists(c, c.name == {0})",
    "response.tool_calls.all(c, {0} != c.name)",
    "response.tool_calls.all(c, c.name in [{0}, {0}])",
    "history.exists(h, h.name == {0} && has(h.result))",
    "response.tool_calls[0].name == {0}",
]


@pytest.mark.parametrize("form", FORMS)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_every_way_to_name_a_tool_is_seen(form: str, tool: str) -> None:
    """Calls by name, and comparisons with the name of a call, on either side and in lists."""
    assert {name for name, _ in tools_of(form.format(literal(tool)))} == {tool}


@pytest.mark.parametrize(
    "check",
    [
        Check(toolCalled="refund"),
        Check(toolNotCalled="refund"),
        Check(toolCalled=ToolCalled(name="refund", arguments={"name": "x"})),
        Check(argument=Argument(tool="refund", path="a", value=1)),
    ],
)
def test_every_check_that_names_a_tool_is_seen(check: Check) -> None:
    """Checks are expressions, so the same reading finds their tool."""
    assert {name for name, _ in tools_of(check.expression or "")} == {"refund"}


@pytest.mark.parametrize("source", ['agent.name == "a"', 'response.text == "a"', "params.name in [1]", "size(", "true"])
def test_other_texts_are_no_tools(source: str) -> None:
    """The agent's name, the answer's text, and what cannot be read."""
    assert not list(tools_of(source))
