"""Tools and arguments that agents offer and no rule names.

In: policies and the agents beside them. Out: an `Unconstrained` for each, by agent and in the order of its tools.

    unconstrained(policies, agents)     # (Unconstrained("support", "issue_refund", "reason"),)

A tool that no rule names stands alone, without its arguments. Of arguments those on the first level are looked at;
`matchesSchema` names all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runback_gate.agent import Agent
from runback_gate.analysis.tool_use import uses
from runback_gate.cel.inline import inline
from runback_gate.cel.limits import walk
from runback_gate.cel.parser import Node
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Policy
from runback_gate.step import Tool


@dataclass(frozen=True, slots=True)
class Unconstrained:
    """A tool, or an argument of one, that no rule about its agent names."""

    agent: str
    tool: str
    argument: str | None = None
    """None for the whole tool."""


def unconstrained(policies: Sequence[Policy], agents: Sequence[Agent]) -> tuple[Unconstrained, ...]:
    """What no rule names; nothing of agents that keep the tools that were recorded."""
    trees = [(policy, _trees(policy)) for policy in policies]
    found: list[Unconstrained] = []
    for agent in agents:
        about = [
            tree
            for policy, read in trees
            if not policy.agents or any(matches_name(pattern, agent.name) for pattern in policy.agents)
            for tree in read
        ]
        named = [use for tree in about for use in uses(tree)]
        schema = any(part.kind == "call" and part.name == "matchesSchema" for tree in about for part, _ in walk(tree))
        tools = {use.name for use in named if use.kind == "tool"}
        for tool in agent.tools or ():
            if tool.name not in tools:
                found.append(Unconstrained(agent.name, tool.name))
                continue
            held = {
                use.path[0]
                for use in named
                if use.kind == "argument" and use.path and (use.tools is None or tool.name in use.tools)
            }
            if not schema:
                found += [Unconstrained(agent.name, tool.name, name) for name in _arguments(tool) if name not in held]
    return tuple(dict.fromkeys(found))


def _trees(policy: Policy) -> list[Node]:
    return list(_read(policy))


def _read(policy: Policy) -> Iterator[Node]:
    """The conditions and rules of a policy, with params and variables put in; without those that cannot be read."""
    variables = {item.name: item.source for item in policy.variables}
    for expression in (*policy.conditions, *(rule.expression for rule in policy.rules)):
        try:
            yield inline(expression.source, policy.params, variables, flat=True).tree
        except ExpressionError:
            continue


def _arguments(tool: Tool) -> list[str]:
    properties = tool.parameters.get("properties")
    return list(properties) if isinstance(properties, dict) else []
