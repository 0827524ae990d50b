"""Checking expressions before anything runs: names, fields, types, patterns, and whether both engines agree.

In: an expression as it is written, the params and the types of the variables of its policy; or a whole policy. Out: the
type of the expression, or ExpressionError at the place that is wrong; and `Warning`s for what works but is risky.

    check_expression("response.tool_calls.all(c, c.nmae != '')", params={}, variables={}, expect="bool")
    # ExpressionError: 1:28: ToolCall has no field nmae (did you mean 'name'?)
    lint_policy(policy)         # every finding in a policy file, with its place there
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Literal

from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.analysis.kinds import Known, Reading, read_kinds
from runback_gate.canonical import JsonValue
from runback_gate.cel.check import check_operand
from runback_gate.cel.cpp_engine import CheckedType, CppEngine, TypeChecker
from runback_gate.cel.environment import MESSAGES, ROOT_TYPES, ROOTS, Scope
from runback_gate.cel.functions import KNOWN
from runback_gate.cel.inline import inline, resolved
from runback_gate.cel.limits import TYPE_NAMES, Node, check_limits, check_roots, line_column, parse, walk
from runback_gate.cel.parser import LOOPS
from runback_gate.cel.tokens import fail
from runback_gate.documents import quoted, suggestion
from runback_gate.errors import ExpressionError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Expression, Policy

__all__ = ["CheckedType", "Diagnostic", "Warning", "check_expression", "lint_policy", "warnings"]

Expect = Literal["bool", "string", "any"]

_ORDERED = (
    "a map has no order, so each engine may say something else here",
    "ask with exists(), all(), in, size() or a sum, or name the key",
)
_MIXED = (
    "arithmetic takes two ints or two doubles: an error where the other number is of the other kind",
    "write double(x) for both numbers, and a literal with a point, such as 100.0",
)
_ALWAYS = ("arguments", "labels", "messages", "parameters", "tool_calls", "tools")


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001  what it is called everywhere; the built-in one is not used here
    """Something in an expression that works, but not as many would expect."""

    line: int
    """1-based line in the expression."""
    column: int
    """1-based column in characters."""
    message: str
    """What it is."""
    hint: str
    """What to write."""


def check_expression(
    source: str,
    *,
    params: Mapping[str, JsonValue],
    variables: Mapping[str, CheckedType],
    expect: Expect,
    scope: Scope = "step",
) -> CheckedType:
    """The type of an expression, after all that can be known before it runs was checked.

    `variables` holds the checked types of the variables that it may use. Raises ExpressionError with line and column in
    `source`: limits, unknown names, functions, fields and params, types that do not fit, a malformed pattern, a result
    that is not what is expected (a type that is only known at run time passes).
    """
    node = check_limits(source)
    for part, bound in walk(node):
        _check_name(source, part, bound)
    check_roots(source, node, scope)
    # Any expression will do for the variables: only whether they exist matters here.
    inline(source, params, dict.fromkeys(variables, "null"))
    for call in (part for part, _ in walk(node) if part.kind == "call" and part.children):
        operand = call.children[-1]
        value = operand.value if operand.kind == "literal" else resolved(source, operand, params)
        if isinstance(value, str):
            check_operand(source, call, value)
    found = _checker().check(source, params, variables)
    if expect != "any" and found.name not in (expect, "dyn"):
        fail(source, node.start, f"the expression is of type {found.name}, expected {expect}")
    return found


def warnings(source: str, reading: Reading | None = None) -> tuple[Warning, ...]:
    """What is risky in an expression that `check_expression` accepts, in reading order.

    `reading` is what is known of its values, where its params and variables were taken in.
    """
    node = parse(source)
    risky = [(part.at, *risk) for part, _ in walk(node) for risk in _risks(source, part, node)]
    risky += [(part.at, *_MIXED) for part in (reading or read_kinds(node, {}, {})).mixed]
    return tuple(Warning(*line_column(source, at), message, hint) for at, message, hint in sorted(risky))


def lint_policy(policy: Policy) -> tuple[Diagnostic, ...]:
    """Every finding in the expressions of a policy, in the order of the file's sections."""
    found: list[Diagnostic] = []
    types: dict[str, CheckedType] = {}
    sources: dict[str, str] = {}
    known: dict[str, Known] = {}
    lint = partial(_lint, policy, types, sources, known, found)
    for variable in policy.variables:
        checked = lint(variable, "any")
        if checked:
            known[variable.name] = read_kinds(parse(variable.source), policy.params, known).value
        # A variable that is wrong is reported once, not again by all who use it.
        types[variable.name] = checked or _checker().check("dyn(null)", {}, {})
        sources[variable.name] = variable.source if checked else "dyn(null)"
    for condition in policy.conditions:
        lint(condition, "bool")
    for rule in policy.rules:
        lint(rule.expression, "bool")
        if rule.message_expression is not None:
            lint(rule.message_expression, "string")
    return tuple(found)


def _lint(
    policy: Policy,
    types: Mapping[str, CheckedType],
    sources: Mapping[str, str],
    known: Mapping[str, Known],
    found: list[Diagnostic],
    expression: Expression,
    expect: Expect,
) -> CheckedType | None:
    try:
        checked = check_expression(
            expression.source, params=policy.params, variables=types, expect=expect, scope=policy.scope
        )
        _engine().compile(inline(expression.source, policy.params, sources))
    except ExpressionError as error:
        placed = expression.place(error)
        found.append(Diagnostic("error", placed.location or expression.location, placed.message, placed.hint))
        return None
    reading = read_kinds(parse(expression.source), policy.params, known)
    places = (line_column(expression.source, part.at) for part in reading.ordered)
    risks: list[tuple[Literal["error", "warning"], Warning]] = [("error", Warning(*at, *_ORDERED)) for at in places]
    risks += [("warning", item) for item in warnings(expression.source, reading)]
    for level, item in risks:
        risk = ExpressionError(item.message, hint=item.hint, location=Location("", item.line, item.column))
        placed = expression.place(risk)
        found.append(Diagnostic(level, placed.location or expression.location, placed.message, placed.hint))
    return checked


@cache
def _checker() -> TypeChecker:
    return TypeChecker()


@cache
def _engine() -> CppEngine:
    return CppEngine()


def _check_name(source: str, node: Node, scope: tuple[str, ...]) -> None:
    if node.kind == "ident":
        known = (*ROOTS, "params", "variables", *scope)
        if node.name not in known and node.name not in TYPE_NAMES:
            roots = [root for root, record in ROOT_TYPES.items() if node.name in MESSAGES.get(record, ())]
            hint = f"did you mean {roots[0]}.{node.name}?" if roots else suggestion(node.name, known)
            fail(source, node.at, f"unknown name {quoted(node.name)}", hint)
    if node.kind == "call" and node.name not in KNOWN:
        hint = suggestion(node.name, [*KNOWN, *LOOPS, "has"])
        fail(source, node.at, f"unknown function {quoted(node.name)}", hint)


def _risks(source: str, node: Node, whole: Node) -> Iterator[tuple[str, str]]:
    """What is risky at one node, and what to write."""
    match node.kind, node.name:
        case "macro", "has":
            yield from _unguarded(source, node.children[0].children[0], whole)
        case "call", "matches" if node.children and not _is_constant(node.children[-1]):
            yield "the pattern is only known at run time: a malformed one is an error then", "write it as a literal"
        case "call", "string" if node.children and _is_bool(node.children[-1]):
            yield "string() of a bool is not the same text in every CEL engine", 'write x ? "true" : "false"'
        case "unary", sign if node.children[0].kind == "unary" and node.children[0].start == node.start + 1:
            yield f"`{sign}{sign}` does not check the type of what follows", "leave both out"


def _is_constant(node: Node) -> bool:
    while node.kind in ("select", "index"):
        node = node.children[0]
    return node.kind == "literal" or (node.kind == "ident" and node.name == "params")


def _is_bool(node: Node) -> bool:
    if node.kind in ("literal", "call"):
        return node.name in ("bool", "contains", "startsWith", "endsWith", "matches", "mentions", "includes")
    if node.kind == "macro":
        return node.name in ("all", "exists", "exists_one", "has")
    return node.name == "!" or (node.kind == "binary" and node.name not in ("+", "-", "*", "/", "%"))


def _unguarded(source: str, holder: Node, whole: Node) -> Iterator[tuple[str, str]]:
    """`has(a.b.c)` is an error, not false, where a.b is missing."""
    if holder.kind != "select" or holder.name in _ALWAYS or holder.children[0].name == "variables":
        return
    text = source[holder.start : holder.end]
    guards = (source[part.children[0].start : part.children[0].end] for part, _ in walk(whole) if part.name == "has")
    if text not in guards:
        yield f"has() is an error, not false, where {text} is missing", f"write has({text}) && has(…)"
