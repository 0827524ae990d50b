"""Names of tools in rules, held against the tools that the agents of the gate offer.

In: policies and datasets, and the tools that are known. Out: a `Diagnostic` for each name
that no agent offers: a rule about a misspelled tool holds for ever.

    unknown_tools(policies, datasets, {"issue_refund"})
    # policies/refunds.yaml:9:19: refunds.limit: no agent of the gate offers a tool 'isue_refund' (did you mean …)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from runback_gate.agent import Agent
from runback_gate.analysis.lint import Diagnostic
from runback_gate.cel.limits import Node, line_column, parse, walk
from runback_gate.dataset.document import Dataset
from runback_gate.documents import quoted, suggestion
from runback_gate.errors import ExpressionError, Location
from runback_gate.policy.document import Expression, Policy


def offered_tools(agents: Sequence[Agent]) -> frozenset[str] | None:
    """The tools that the agents offer; None when one of them keeps whatever was recorded, so that nobody knows."""
    if not agents or any(agent.tools is None for agent in agents):
        return None
    return frozenset(tool.name for agent in agents for tool in agent.tools or ())


def unknown_tools(policies: Iterable[Policy], datasets: Iterable[Dataset], tools: Collection[str]) -> list[Diagnostic]:
    """A warning for each tool that a policy or a check names and no agent offers."""
    found = [
        _finding(expression.name, tool, expression.document.expression_location(expression.pointer, *at), tools)
        for policy in policies
        for expression in _expressions(policy)
        for tool, at in tools_of(expression.source)
        if tool not in tools
    ]
    for dataset in datasets:
        for case in dataset.cases:
            for check in case.checks:
                named = {tool for tool, _ in tools_of(check.expression or "")} - set(tools)
                found += [_finding(f"case {case.id}", tool, check.location, tools) for tool in sorted(named)]
    return found


def tools_of(source: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The tools that an expression names, each with line and column: in `calls(response, NAME)`, and what is compared
    with the `name` of a call. Nothing for an expression that cannot be read: lint says what is wrong with it."""
    try:
        tree = parse(source)
    except ExpressionError:
        return
    for node, _ in walk(tree):
        for literal in _names(node):
            if isinstance(literal.value, str) and literal.name == "string":
                yield literal.value, line_column(source, literal.start)


def _names(node: Node) -> tuple[Node, ...]:
    """The literals of a node that stand for tools."""
    if node.kind == "call" and node.name == "calls" and len(node.children) > 1:
        return node.children[1:2]
    if node.kind != "binary" or node.name not in ("==", "!=", "in"):
        return ()
    left, right = node.children[:2]
    if _is_name(left):
        return right.children if right.kind == "list" else (right,)
    return (left,) if _is_name(right) else ()


def _is_name(node: Node) -> bool:
    """Whether this is the name of a call: `call.name`, not that of the agent."""
    return node.kind == "select" and node.name == "name" and node.children[0].name != "agent"


def _expressions(policy: Policy) -> Iterator[Expression]:
    yield from policy.variables
    yield from policy.conditions
    yield from (rule.expression for rule in policy.validations)


def _finding(name: str, tool: str, location: Location, tools: Collection[str]) -> Diagnostic:
    message = f"{name}: no agent of the gate offers a tool {quoted(tool)}"
    return Diagnostic("warning", location, message, suggestion(tool, tools))
