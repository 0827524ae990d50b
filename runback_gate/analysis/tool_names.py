"""Names of tools and arguments in rules, compared with what the agents of the gate offer.

In: policies, datasets and agents. Out: a `Diagnostic` for each name that no agent offers which the rule is about: a
rule about a misspelled tool holds forever, and so does one about a misspelled argument behind `has()`.

    unknown_names(policies, datasets, agents)
    # policies/refunds.yaml:9:19: refunds.limit: no agent of the gate offers a tool 'isue_refund' (did you mean …)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from runback_gate.agent import Agent
from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.analysis.tool_use import ANY, Use, uses
from runback_gate.canonical import JsonValue
from runback_gate.cel.inline import inline
from runback_gate.cel.limits import line_column
from runback_gate.dataset.document import Dataset
from runback_gate.documents import quoted, suggestion
from runback_gate.errors import ExpressionError, Location
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Expression, Policy
from runback_gate.step import Tool

MAX_TOOLS = 1000
"""Of more than so many names none is suggested, and arguments are held against tools that are named alone."""
_OPEN = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas")
"""Words of JSON Schema beside which more properties than the stated ones may be allowed."""


def unknown_names(policies: Iterable[Policy], datasets: Iterable[Dataset], agents: Sequence[Agent]) -> list[Diagnostic]:
    """A warning for each tool or argument that a policy or a check names and no agent offers that it is about.

    An agent that states no tools keeps those that were recorded: what is about it is not held against anything.
    """
    found = []
    for policy in policies:
        about = [
            agent for agent in agents if not policy.agents or any(matches_name(p, agent.name) for p in policy.agents)
        ]
        if (tools := _offered(about)) is None:
            continue
        variables: dict[str, str] = {}
        for expression in _expressions(policy):
            for use, at in _uses(expression.source, policy.params, variables):
                place = expression.document.expression_location(expression.pointer, *at)
                found += _unknown(expression.name, use, place, tools)
            if expression in policy.variables:
                variables[expression.name] = expression.source
    for dataset in datasets:
        tools = _offered([agent for agent in agents if agent.name == dataset.agent])
        for case in dataset.cases if tools is not None else ():
            for check in case.checks:
                for use in _named(check.expression or "true"):
                    found += _unknown(f"case {case.id}", use, check.location, tools or {})
    return list(dict.fromkeys(found))


_Offer = dict[str, list[Tool]]
"""Tools by name; agents may have one of the same name."""


def _offered(agents: Sequence[Agent]) -> _Offer | None:
    """The tools of some agents; None where there is no agent, or one keeps whatever was recorded."""
    if not agents or any(agent.tools is None for agent in agents):
        return None
    tools: _Offer = {}
    for tool in (tool for agent in agents for tool in agent.tools or ()):
        tools.setdefault(tool.name, []).append(tool)
    return tools


def _expressions(policy: Policy) -> Iterator[Expression]:
    yield from policy.variables
    yield from policy.conditions
    yield from (rule.expression for rule in policy.rules)


def _uses(
    source: str, params: Mapping[str, JsonValue], variables: Mapping[str, str]
) -> Iterator[tuple[Use, tuple[int, int]]]:
    """What an expression names, each with line and column; nothing for one that cannot be read, which lint says."""
    try:
        tree = inline(source, params, variables, flat=True).tree
    except ExpressionError:
        return
    for use in uses(tree):
        yield use, line_column(source, min(use.at, len(source)))


# Thousands of cases have the same few checks.
@lru_cache(maxsize=1024)
def _named(check: str) -> tuple[Use, ...]:
    return tuple(use for use, _ in _uses(check, {}, {}))


def _unknown(name: str, use: Use, location: Location, tools: _Offer) -> list[Diagnostic]:
    """What is wrong with one name; nothing where it is offered, or nobody can say."""
    if use.kind == "tool":
        if use.name in tools:
            return []
        message, near = f"no agent of the gate offers a tool {quoted(use.name)}", [*tools]
    else:
        if use.tools is None and len(tools) > MAX_TOOLS:
            return []
        called = [tool for tool_name in (use.tools or tools) for tool in tools.get(tool_name, ())]
        known = [_properties(tool.parameters, use.path) for tool in called]
        near = sorted({key for names in known for key in names or ()})
        if not known or None in known or use.name in near:
            return []
        who = " and ".join(sorted(use.tools)) if use.tools else "no tool"
        verb = "take" if use.tools and len(use.tools) > 1 else "takes"
        message = f"{who} {verb} {'no' if use.tools else 'an'} argument {quoted('.'.join(use.path))}"
    hint = suggestion(use.name, near) if len(near) <= MAX_TOOLS else None
    return [Diagnostic("warning", location, f"{name}: {message}", hint)]


def _properties(schema: Any, path: Sequence[str]) -> frozenset[str] | None:
    """The names that a schema states where the last of a path stands; None where it may be any, or nobody knows."""
    for key in path[:-1]:
        if not isinstance(schema, dict) or not _is_closed(schema):
            return None
        schema = schema.get("items") if key == ANY else schema.get("properties", {}).get(key)
    if not isinstance(schema, dict) or not _is_closed(schema) or not isinstance(schema.get("properties"), dict):
        return None
    return frozenset(schema["properties"])


def _is_closed(schema: Mapping[str, Any]) -> bool:
    more = schema.get("additionalProperties", False)
    return more is False and not any(word in schema for word in _OPEN)
