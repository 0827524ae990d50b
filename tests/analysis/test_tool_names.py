"""Names of tools and arguments: a rule about one that nobody offers is said to be one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent import Agent, load_agent
from runback_gate.analysis.tool_names import unknown_names
from runback_gate.analysis.tool_use import uses
from runback_gate.cel.limits import parse
from runback_gate.cel.literal import literal
from runback_gate.dataset.checks import Argument, Check, ToolCalled
from runback_gate.gate.plan import load_plan
from runback_gate.policy.document import Policy, load_policies
from runback_gate.testing import sample_call, sample_case, sample_step, write_document, write_gate

TOOL = [
    "size(calls(response, {0})) == 0",
    "response.calls({0}).all(c, c.arguments.amount <= 100)",
    "!response.tool_calls.exists(c, c.name == {0})",
    "response['tool_calls'].all(c, {0} != c['name'])",
    "response.tool_calls.all(c, c.name in [{0}, {0}])",
    "history.exists(h, h.name == {0} && has(h.result))",
    "response.tool_calls[0].name == {0}",
    "[{0}].all(n, size(calls(response, n)) == 0)",
    "{0} in response.tool_calls.map(c, c.name)",
    "(size(history) > 0 ? history : response.tool_calls).exists(c, c.name == {0})",
]
ARGUMENT = [
    "calls(response, 'refund').all(c, c.arguments.{0} <= 100)",
    "calls(response, 'refund').all(c, !has(c.arguments.{0}))",
    "!calls(response, 'refund').exists(c, '{0}' in c.arguments)",
    "calls(response, 'refund').all(c, c['arguments']['{0}'] > 1)",
    "calls(response, 'refund').filter(c, true).exists_one(c, includes(c.arguments, {{'{0}': 1}}))",
    "response.tool_calls.all(c, c.name != 'refund' || c.arguments.{0} < 9)",
    "response.tool_calls.filter(c, 'refund' == c.name)[0].arguments.{0} < 9",
    "calls(response, 'refund')[0].arguments.lines[0].{0} < 9",
    "calls(response, 'refund')[0].arguments.lines.all(l, l.{0} < 9)",
    "calls(response, 'refund').map(c, c.arguments).all(a, dyn(a).{0} < 9)",
    "response.tool_calls.all(c, !has(c.arguments.{0}))",
]
"""Forms that reach the argument `amount` of `refund`, or of one of its lines; `{0}` stands for the name."""
LINE = {"type": "object", "properties": {"amount": {}}}
SCHEMA = {"type": "object", "properties": {"amount": {}, "lines": {"type": "array", "items": LINE}}}


def tool(name: str, parameters: Mapping[str, Any] = SCHEMA) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def agent(root: Path, name: str, *tools: dict[str, Any], stated: bool = True) -> Agent:
    write_document(root, f"agents/{name}.yaml", "Agent", name, {"tools": list(tools)} if stated else {})
    return load_agent(root, f"agents/{name}.yaml")


def policy(root: Path, expression: str, **more: Any) -> Policy:
    spec = {"validations": [{"id": "a.rule", "expression": expression, "message": "no"}], **more}
    write_document(root, "policies/p.yaml", "Policy", "p", spec)
    return load_policies(root, ["policies/p.yaml"])[0][0]


def messages(policies: list[Policy], *agents: Agent) -> list[str]:
    return [f"{item.message} ({item.hint})" for item in unknown_names(policies, (), agents)]


@pytest.mark.parametrize("form", TOOL)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_every_way_to_name_a_tool_is_seen(form: str, name: str) -> None:
    """Calls by name, and comparisons with the name of a call, on either side, in lists and in loops."""
    assert {use.name for use in uses(parse(form.format(literal(name)))) if use.kind == "tool"} == {name}


@pytest.mark.parametrize("how", ["param", "list", "nested", "variable", "variable of a param"])
@pytest.mark.parametrize("form", TOOL)
def test_a_name_that_comes_from_elsewhere(tmp_path: Path, form: str, how: str) -> None:
    """A name is seen where a param or a variable gives it, and the place is that of its use."""
    forms: dict[str, tuple[str, dict[str, Any]]] = {
        "param": ("params.t", {"params": {"t": "isue_refund"}}),
        "list": ("params.l[0]", {"params": {"l": ["isue_refund"]}}),
        "nested": ("params.m.t", {"params": {"m": {"t": "isue_refund"}}}),
        "variable": ("variables.t", {"variables": [{"name": "t", "expression": "'isue_refund'"}]}),
        "variable of a param": (
            "variables.t",
            {"params": {"t": "isue_refund"}, "variables": [{"name": "t", "expression": "params.t"}]},
        ),
    }
    source, more = forms[how]
    rule = policy(tmp_path, form.format(source), **more)
    found = unknown_names([rule], (), [agent(tmp_path, "a", tool("issue_refund"))])
    assert {item.message for item in found} == {"a.rule: no agent of the gate offers a tool 'isue_refund'"}
    assert {item.hint for item in found} == {"did you mean 'issue_refund'?"}
    assert messages([policy(tmp_path, form.format(source).replace("isue", "issue"), **more)]) == []


@pytest.mark.parametrize("form", ARGUMENT)
def test_every_way_to_name_an_argument_is_seen(tmp_path: Path, form: str) -> None:
    """An argument that the tool's schema does not state is named with the nearest one; a stated one is not."""
    offers = agent(tmp_path, "a", tool("refund"), tool("other", {"type": "object", "properties": {"x": {}}}))
    assert messages([policy(tmp_path, form.format("amount"))], offers) == []
    (message,) = messages([policy(tmp_path, form.format("amont"))], offers)
    assert "argument '" in message
    assert "amont' (did you mean 'amount'?)" in message


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {**SCHEMA, "additionalProperties": True},
        {**SCHEMA, "additionalProperties": {"type": "string"}},
        {**SCHEMA, "patternProperties": {"^x": {}}},
        {**SCHEMA, "allOf": [{"properties": {"amont": {}}}]},
        {"$ref": "#/$defs/a"},
    ],
)
def test_a_schema_that_leaves_more_open(tmp_path: Path, schema: dict[str, Any]) -> None:
    """Where other arguments may be there, none is called unknown."""
    rule = policy(tmp_path, "calls(response, 'refund').all(c, !has(c.arguments.amont))")
    assert messages([rule], agent(tmp_path, "a", tool("refund", schema))) == []


@pytest.mark.parametrize(
    "check",
    [
        Check(toolCalled="refund"),
        Check(toolNotCalled="refund"),
        Check(toolCalled=ToolCalled(name="refund", arguments={"name": "x"})),
        Check(argument=Argument(tool="refund", path="a", value=1)),
        Check(cel='size(calls(response, "refund")) == 0'),
    ],
)
def test_every_check_that_names_a_tool_is_seen(check: Check) -> None:
    """Checks are expressions, so the same reading finds their tool."""
    assert {use.name for use in uses(parse(check.expression or "")) if use.kind == "tool"} == {"refund"}


def test_checks_of_a_dataset_are_held_against_its_own_agent(tmp_path: Path) -> None:
    """A tool that only another agent offers is none for the cases of this one, nor is an argument."""
    write_gate(
        tmp_path,
        [
            sample_case(name, sample_step(sample_call("escalate")), checks=[check])
            for name, check in (
                ("one", {"toolNotCalled": "refund"}),
                ("two", {"toolCalled": {"name": "escalate", "arguments": {"reson": "x"}}}),
                ("three", {"argument": {"tool": "escalate", "path": "reson", "op": "exists"}}),
            )
        ],
        agent={"tools": [tool("escalate", {"type": "object", "properties": {"reason": {}}})]},
        policies={},
    )
    write_document(tmp_path, "agents/other.yaml", "Agent", "other", {"tools": [tool("refund")]})
    plan = load_plan(tmp_path, day="2026-01-31")
    found = [item.message for item in unknown_names((), plan.datasets, plan.agents)]
    assert found == [
        "case one: no agent of the gate offers a tool 'refund'",
        "case two: escalate takes no argument 'reson'",
        "case three: escalate takes no argument 'reson'",
    ]


def test_a_policy_is_held_against_the_agents_that_it_is_about(tmp_path: Path) -> None:
    """`match.agents` leaves the tools of the others out; an agent that states none leaves nothing to say."""
    one, two = agent(tmp_path, "shop", tool("refund")), agent(tmp_path, "desk", tool("escalate"))
    silent = agent(tmp_path, "silent", stated=False)
    source = "size(calls(response, 'refund')) == 0"
    assert messages([policy(tmp_path, source)], one, two) == []
    assert len(messages([policy(tmp_path, source, match={"agents": ["de*"]})], one, two)) == 1
    assert messages([policy(tmp_path, source, match={"agents": ["nobody"]})], one, two) == []
    assert messages([policy(tmp_path, source.replace("refund", "x"))], one, silent) == []
    assert (
        len(messages([policy(tmp_path, source.replace("refund", "x"), match={"agents": ["shop"]})], one, silent)) == 1
    )


@pytest.mark.parametrize(
    "source",
    [
        'agent.name == "a"',
        'agent.labels.name == "a"',
        'response.text == "a"',
        "params.name in [1]",
        "calls(response, response.text).size() == 0",
        'request.messages.all(m, m.content != "refund")',
        'calls(response, "refund").all(c, c.arguments.name != "bob")',
        'calls(response, "refund").all(c, has(c.result) && c.id != "x")',
        "true",
    ],
)
def test_other_texts_are_no_tools(source: str) -> None:
    """The agent's name, the answer's text, an argument called `name`, what is only known when it runs."""
    assert {use.name for use in uses(parse(source)) if use.kind == "tool"} <= {"refund"}


def test_run_knows_them_with_a_filter_too(tmp_path: Path) -> None:
    """`run` says it as a notice, whatever part of the gate is judged: the tools of all its agents are known."""
    from runback_gate.app.judge import JudgeOptions, judge  # noqa: PLC0415  loads the engine
    from runback_gate.app.live import World  # noqa: PLC0415
    from runback_gate.replay.providers import real_world  # noqa: PLC0415

    write_gate(
        tmp_path, [sample_case("one", sample_step(sample_call("escalate")))], agent={"tools": [tool("escalate")]}
    )
    day = "2026-01-01"
    for options in (JudgeOptions(day), JudgeOptions(day, agent="support"), JudgeOptions(day, dataset="cases")):
        report = judge(tmp_path, options, world=World({}, real_world())).report
        assert any("no agent of the gate offers a tool 'issue_refund'" in str(notice) for notice in report.notices)
