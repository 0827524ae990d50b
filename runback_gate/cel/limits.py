"""The shape of a CEL expression: a small parser for limits, lint, inlining and explanations, never for judging.

In: source text. Out: a tree of `Node`s with 0-based character spans. It reads what both engines read in the same way;
what one of them cannot read is refused here with the reason, before any engine sees it.

    node = check_limits('response.tool_calls.all(c, c.name != "issue_refund")')
    node.kind, node.name, node.variable      # ("macro", "all", "c")
    identifiers(node)                        # frozenset({"response"})
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from runback_gate.cel.engine import ParsedExpression
from runback_gate.cel.environment import ROOTS, SCOPES, Scope
from runback_gate.cel.functions import KNOWN
from runback_gate.cel.parser import ENGINE_DEPTH, Node, read, too_deep
from runback_gate.cel.tokens import fail, line_column
from runback_gate.documents import quoted, suggestion

__all__ = [
    "ENGINE_DEPTH",
    "MAX_DEPTH",
    "MAX_GROWTH",
    "MAX_INLINED",
    "MAX_NESTING",
    "MAX_SOURCE",
    "TAKEN",
    "TYPE_NAMES",
    "Node",
    "check_growth",
    "check_limits",
    "check_roots",
    "growth",
    "identifiers",
    "line_column",
    "parse",
    "parsed",
    "source_bytes",
    "walk",
]

MAX_SOURCE = 4 << 10
"""Bytes of an expression that a person writes."""
MAX_DEPTH = 24
"""Levels of an expression that a person writes; each operator, selection, call and pair of parentheses is one."""
MAX_NESTING = 2
"""Loops inside loops."""
MAX_INLINED = 64 << 10
"""Bytes of an expression after `params` and `variables` were put in."""
MAX_GROWTH = 256
"""How many times an expression may repeat a piece of its data in one value: engines do not limit memory."""

TYPE_NAMES = frozenset("bool bytes double duration dyn int list map null_type string timestamp type uint".split())
"""Names of types, which are values in CEL."""
TAKEN = frozenset((*ROOTS, "params", "variables", *TYPE_NAMES))
"""Names that a loop variable may not have."""


def parse(source: str) -> Node:
    """Parse an expression of at most `MAX_INLINED` bytes and `ENGINE_DEPTH` levels.

    Raises ExpressionError with line and column in `source`.
    """
    size = source_bytes(source)
    if size > MAX_INLINED:
        fail(source, 0, f"the expression is larger than {MAX_INLINED >> 10} KiB")
    return _remembered(source) if size <= MAX_SOURCE else read(source)


# Limits, inlining and the engine read the same text one after the other.
@lru_cache(maxsize=64)
def _remembered(source: str) -> Node:
    return read(source)


def parsed(expression: str | ParsedExpression) -> ParsedExpression:
    """The expression as engines take it. Raises ExpressionError: it cannot be parsed, or calls an unknown function."""
    if isinstance(expression, str):
        expression = ParsedExpression(expression, parse(expression), expression)
    for part, _ in walk(expression.tree):
        if part.kind == "call" and part.name not in KNOWN:
            fail(expression.source, part.at, f"unknown function {quoted(part.name)}", suggestion(part.name, KNOWN))
    return expression


def check_limits(source: str) -> Node:
    """Parse an expression that a person wrote and hold it to all limits.

    Raises ExpressionError: larger than 4 KiB, deeper than 24 levels, loops nested deeper than 2, values that repeat
    their data more than 256 times, a loop variable that hides a root, a type, `params` or `variables`.
    """
    if source_bytes(source) > MAX_SOURCE:
        fail(source, 0, f"the expression is larger than {MAX_SOURCE >> 10} KiB", "split it with spec.variables")
    node = parse(source)
    if node.depth > MAX_DEPTH:
        too_deep(source, _deepest(node).at, MAX_DEPTH)
    for part, scope in walk(node):
        if not part.variable:
            continue
        if len(scope) >= MAX_NESTING:
            message = f"loops are nested deeper than {MAX_NESTING}"
            fail(source, part.at, message, "move the inner loop to spec.variables")
        if part.variable in TAKEN:
            fail(source, part.at, f"the loop variable `{part.variable}` hides a name that has a meaning", "rename it")
    check_growth(source, node)
    return node


def check_growth(source: str, node: Node) -> None:
    """Refuse an expression whose values could repeat their data more than `MAX_GROWTH` times."""
    if growth(node) > MAX_GROWTH:
        message = f"a value of this expression could repeat its data more than {MAX_GROWTH} times"
        fail(source, node.start, message, "use the loop variable once in map()")


def check_roots(source: str, node: Node, scope: Scope) -> None:
    """Refuse a root that a rule of this scope does not see, where it would err on every answer."""
    for part, bound in walk(node):
        if part.kind != "ident" or part.name in bound or part.name not in ROOTS or part.name in SCOPES[scope]:
            continue
        if scope == "step":
            fail(source, part.at, "a rule over steps does not see `run`", "this needs spec.scope: run")
        hint = f"write run.steps[…].{part.name}, or leave out spec.scope: run"
        fail(source, part.at, f"a rule over runs does not see `{part.name}`", hint)


def source_bytes(source: str) -> int:
    """The size of an expression in UTF-8; lone surrogates, which the parser refuses later, count as well."""
    return len(source.encode("utf-8", "surrogatepass"))


def walk(node: Node, scope: tuple[str, ...] = ()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Each node in reading order, parents first, with the loop variables that are bound there, outermost first."""
    yield node, scope
    for index, child in enumerate(node.children):
        yield from walk(child, (*scope, node.variable) if node.variable and index == 1 else scope)


def identifiers(node: Node) -> frozenset[str]:
    """The names that an expression takes from outside: its identifiers without bound loop variables."""
    return frozenset(part.name for part, scope in walk(node) if part.kind == "ident" and part.name not in scope)


def growth(node: Node, scope: dict[str, int] | None = None) -> int:
    """An upper bound on how many times one value of this expression can hold the same piece of data."""
    scope = scope or {}
    if node.kind == "ident":
        return scope.get(node.name, 1)
    if node.variable:
        items = growth(node.children[0], scope)
        return max(items, growth(node.children[1], {**scope, node.variable: items}))
    # The source limits how much literals can hold.
    sizes = [growth(part, scope) for part in node.children if part.kind != "literal"]
    if node.kind in ("list", "map", "call") or node.name == "+":
        return max(sum(sizes), 1)
    return max(sizes, default=1)


def _deepest(node: Node) -> Node:
    while node.children:
        node = max(node.children, key=lambda child: child.depth)
    return node
