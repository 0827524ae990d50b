"""Mutants: small faults put into a policy, one at a time, which a test suite should notice.

In: a policy. Out: `Mutant`s: the policy with one comparison, logical operator, negation, constant, quantifier or param
changed, and where.

    for mutant in mutants(policy):
        mutant.location, mutant.original, mutant.mutated    # …:19:68, "amount <= params.limit", "amount < params.limit"

What decides is changed: conditions, variables, rules, params; no messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.cel.limits import Node, line_column, parse, walk
from runback_gate.cel.literal import literal
from runback_gate.cel.parser import LOGICAL
from runback_gate.cel.tokens import tokenize
from runback_gate.documents import Pointer, cut
from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Expression, Policy

_COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
_QUANTIFIERS = {"all": "exists", "exists": "all", "exists_one": "exists"}
_AROUND = 32
"""Characters shown on each side of a change."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy with one fault."""

    policy: Policy
    """The faulty policy."""
    where: str
    """Name of the expression, or `params.limit`."""
    location: Location
    original: str
    """What stood there, with a little around it."""
    mutated: str
    """The same with the fault."""


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every fault of a policy, in the order of its file: params, conditions, variables, rules.

    None where a judge model decides all its rules: nobody is asked who could notice one.
    """
    if not policy.rules:
        return
    yield from _param_mutants(policy)
    for index, expression in enumerate(policy.conditions):
        for new, mutant in _expression_mutants(policy, expression):
            conditions = (*policy.conditions[:index], new, *policy.conditions[index + 1 :])
            yield replace(mutant, policy=replace(policy, conditions=conditions))
    for index, expression in enumerate(policy.variables):
        for new, mutant in _expression_mutants(policy, expression):
            variables = (*policy.variables[:index], new, *policy.variables[index + 1 :])
            yield replace(mutant, policy=replace(policy, variables=variables))
    for index, rule in enumerate(policy.rules):
        for new, mutant in _expression_mutants(policy, rule.expression):
            rules = (*policy.rules[:index], replace(rule, expression=new), *policy.rules[index + 1 :])
            yield replace(mutant, policy=replace(policy, rules=rules))


def _expression_mutants(policy: Policy, expression: Expression) -> Iterator[tuple[Expression, Mutant]]:
    """Each fault of an expression, and what to say of it."""
    source = expression.source
    for start, end, text in edits(source):
        line, column = line_column(source, start)
        yield (
            replace(expression, source=source[:start] + text + source[end:]),
            Mutant(
                policy=policy,
                where=expression.name,
                location=expression.document.expression_location(expression.pointer, line, column),
                original=_window(source, start, end, source[start:end]),
                mutated=_window(source, start, end, text),
            ),
        )


def edits(source: str) -> list[tuple[int, int, str]]:
    """The faults of an expression: start, end and new text of each, in reading order.

    Raises ExpressionError when it cannot be parsed.
    """
    return sorted(edit for node, _ in walk(parse(source)) for edit in _edits(source, node))


def _edits(source: str, node: Node) -> Iterator[tuple[int, int, str]]:
    if node.kind == "binary" and node.name in _COMPARISONS:
        for other in _COMPARISONS[node.name]:
            yield node.at, node.at + len(node.name), other
    elif node.kind == "binary" and node.name in LOGICAL:
        yield from _operators(source, node)
    elif node.kind == "unary" and node.name == "!":
        yield node.start, node.start + 1, ""
    elif node.kind == "macro" and node.name in _QUANTIFIERS:
        yield node.at, node.at + len(node.name), _QUANTIFIERS[node.name]
    elif node.kind == "literal" and node.value is not None:
        for value in _others(node.value):
            text = f"{value}u" if node.name == "uint" else literal(value)
            if node.name != "uint" or not text.startswith("-"):
                yield node.start, node.end, text


def _operators(source: str, node: Node) -> Iterator[tuple[int, int, str]]:
    """Each operator of a chain, turned on its own."""
    other = "||" if node.name == "&&" else "&&"
    signs = [token for token in tokenize(source) if token.kind == "operator" and token.text == node.name]
    for left, right in pairwise(node.children):
        place = next(token.start for token in signs if left.end <= token.start < right.start)
        yield place, place + len(other), other


def _others(value: Any) -> tuple[JsonValue, ...]:
    """What a constant is changed to."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, (int, float)):
        return value + 1, value - 1
    return ("" if value else "x",) if isinstance(value, str) else ()


def _param_mutants(policy: Policy) -> Iterator[Mutant]:
    document = policy.document
    for pointer, value in _leaves(policy.params, ()):
        for other in _others(value):
            name = ".".join(map(str, ("params", *pointer)))
            yield Mutant(
                policy=replace(policy, params=_with(policy.params, pointer, other)),
                where=name,
                location=document.mark(("spec", "params", *pointer)),
                original=f"{name}: {_shown(value)}",
                mutated=f"{name}: {_shown(other)}",
            )


def _leaves(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, Any]]:
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*pointer, key))
    else:
        yield pointer, value


def _with(value: Any, pointer: Pointer, leaf: JsonValue) -> Any:
    """A copy of a value with one leaf changed."""
    if not pointer:
        return leaf
    copy = value.copy()
    copy[pointer[0]] = _with(value[pointer[0]], pointer[1:], leaf)
    return copy


def _shown(value: JsonValue) -> str:
    return cut(json.dumps(value, ensure_ascii=False), 2 * _AROUND)


def _window(source: str, start: int, end: int, text: str) -> str:
    """A change with a little of what stands around it, on one line."""
    before, after = source[max(0, start - _AROUND) : start], source[end : end + _AROUND]
    lead, trail = "…" if start > _AROUND else "", "…" if end + _AROUND < len(source) else ""
    return lead + " ".join(f"{before}{cut(text, 2 * _AROUND)}{after}".split()) + trail
