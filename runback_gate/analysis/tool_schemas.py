"""Schemas of tools that a rule checks calls against, but that cannot be checked.

In: policies and agents. Out: a `Diagnostic` for each rule that asks `matchesSchema(call)` where a tool of an agent that
it is about has a schema which is none, or names a format that nobody checks: such a call could never be judged.

    unchecked_schemas(policies, agents)
    # policies/refunds.yaml:9:19: refunds.schema: the schema of the tool 'pay' cannot be checked: the format 'iban' …
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runback_gate.agent import Agent
from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.cel.limits import line_column, parse, walk
from runback_gate.cel.tool_schema import schema_problem
from runback_gate.documents import quoted
from runback_gate.errors import ExpressionError
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Expression, Policy


def unchecked_schemas(policies: Iterable[Policy], agents: Sequence[Agent]) -> list[Diagnostic]:
    """A warning for each such tool, at the use of `matchesSchema`."""
    found = []
    for policy in policies:
        expressions = (*policy.variables, *policy.conditions, *(rule.expression for rule in policy.rules))
        uses = [(item, at) for item in expressions for at in _uses(item)]
        about = (agent for agent in agents if not policy.agents or _takes(policy, agent))
        for tool in (tool for agent in about for tool in agent.tools or ()) if uses else ():
            if problem := schema_problem(tool.parameters):
                message = f"the schema of the tool {quoted(tool.name)} cannot be checked: {problem}"
                found += [_diagnostic(item, at, message) for item, at in uses]
    return list(dict.fromkeys(found))


def _takes(policy: Policy, agent: Agent) -> bool:
    return any(matches_name(pattern, agent.name) for pattern in policy.agents)


def _uses(expression: Expression) -> Iterator[int]:
    """Offsets of `matchesSchema`; none in what cannot be read, which lint says."""
    try:
        tree = parse(expression.source)
    except ExpressionError:
        return
    yield from (node.at for node, _ in walk(tree) if node.kind == "call" and node.name == "matchesSchema")


def _diagnostic(expression: Expression, at: int, message: str) -> Diagnostic:
    place = expression.document.expression_location(expression.pointer, *line_column(expression.source, at))
    hint = "a call of the tool is undecided: remove the format, or write the rule over its arguments"
    return Diagnostic("warning", place, f"{expression.name}: {message}", hint)
