"""Explains a result: every sub-expression with its value, and the few facts that decided.

In: an expression as it is written, its params and variables, an engine, and the data of one answer. Out: `SubValue`s in
reading order; `deciding` picks the facts behind a false verdict.

    values = explain("variables.refunds.all(c, c.arguments.amount <= params.limit)", params={"limit": 100},
                     variables={"refunds": 'calls(response, "issue_refund")'}, engine=engine, data=data)
    deciding(values)        # (("c.arguments.amount", "250"), ("params.limit", "100"))

In a loop the loop variable stands for the element that decided.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

from runback_gate.canonical import JsonValue, canonical_bytes, parse_canonical
from runback_gate.cel.engine import Activation, Engine, Outcome, ParsedExpression
from runback_gate.cel.environment import ROOTS
from runback_gate.cel.inline import inline, with_children
from runback_gate.cel.limits import Node, identifiers, parse
from runback_gate.cel.macros import OURS
from runback_gate.cel.parser import BIND, LOGICAL
from runback_gate.cel.work import Budget
from runback_gate.cel.write import write
from runback_gate.documents import cut
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass

MAX_SHOWN = 80
"""Characters of a sub-expression and of its value in a fact."""
MAX_FACTS = 4
"""Facts that are shown."""

_ELEMENTS = "elements_"
_NAMES = (*ROOTS, "params", "variables")
_ARITHMETIC = ("+", "-", "*", "/", "%")


@dataclass(frozen=True, slots=True)
class SubValue:
    """A sub-expression and its value."""

    source: str
    """As it is written, without parentheses around it."""
    start: int
    """Offset of its first character in the expression."""
    end: int
    """Offset after its last character."""
    depth: int
    """How many listed sub-expressions it is part of."""
    value: JsonValue
    """Its value; None also when there is an error."""
    error: str | None
    """Why it has no value: one line."""
    note: str
    """In a loop, which element the loop variable stands for: `c = element 2 of 3`; empty elsewhere."""


def explain(
    source: str,
    *,
    params: Mapping[str, JsonValue],
    variables: Mapping[str, str],
    engine: Engine,
    data: Mapping[str, JsonValue],
    budget: Budget | None = None,
    limit: int = 200,
) -> tuple[SubValue, ...]:
    """The sub-expressions of `source` with their values for `data`, at most `limit`, each before its parts.

    Literals and the roots as a whole are left out. In a loop the loop variable stands for the element that decided: the
    first false one of `all`, the first true one of `exists`, `index_where`, `before` and `after`, the last true one of
    `count_if`, else the first error, else the first element; over a map, for a key. The work is taken from `budget`,
    which explanations of one answer share; a part for which too little is left is an error. Raises ExpressionError when
    `source` cannot be parsed, or uses params or variables that do not exist.
    """
    budget = budget or Budget()
    explanation = _Explanation(engine, dict(data), budget, limit)
    explanation.visit(plan(source, params, variables), 0, {}, engine.bind(data, budget), ())
    return tuple(explanation.found)


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-expression, ready to be compiled."""

    node: Node
    source: str
    """As it is written, without parentheses around it."""
    expression: ParsedExpression
    """With params and variables put in."""
    listed: bool
    """Whether its value tells something: it is no literal, and no root as a whole."""
    parts: tuple[Part, ...]
    """As `node.children`; those of `has(x.y)` are what stands before `.y`, those of `variables.x` are none."""


def plan(source: str, params: Mapping[str, JsonValue], variables: Mapping[str, str]) -> Part:
    """An expression and all its parts; errors as `explain`."""
    return _plan(source, canonical_bytes(dict(params)), tuple(variables.items()))


@lru_cache(maxsize=512)
def _plan(source: str, params: bytes, variables: tuple[tuple[str, str], ...]) -> Part:
    known, expressions = cast("dict[str, JsonValue]", parse_canonical(params)), dict(variables)

    def part(node: Node) -> Part:
        written = source[node.start : node.end]
        constant = node.kind in ("literal", "list", "map") and not identifiers(node)
        listed = not constant and not (node.kind == "ident" and node.name in _NAMES)
        # What stands in has() need not exist, and `variables` is no value.
        children = node.children[0].children if node.kind == "macro" and node.name == "has" else node.children
        if node.kind == "select" and node.children[0].name == "variables":
            children = ()
        whole = inline(source, known, expressions, part=node)
        return Part(node, written, whole, listed, tuple(part(child) for child in children))

    return part(parse(source))


class _Explanation:
    """One call of `explain`."""

    def __init__(self, engine: Engine, data: dict[str, JsonValue], budget: Budget, limit: int) -> None:
        self.engine = engine
        self.data = data
        self.budget = budget
        self.limit = limit
        self.found: list[SubValue] = []

    def visit(
        self,
        part: Part,
        depth: int,
        scope: dict[str, JsonValue],
        activation: Activation,
        notes: tuple[str, ...],
    ) -> Outcome:
        outcome = self.evaluate(part.expression, tuple(scope), activation)
        if part.listed:
            if len(self.found) >= self.limit:
                return outcome
            node = part.node
            note = ", ".join(notes)
            self.found.append(SubValue(part.source, node.start, node.end, depth, outcome.value, outcome.error, note))
            depth += 1
        if not part.node.variable:
            for child in part.parts:
                self.visit(child, depth, scope, activation, notes)
            return outcome
        items = self.visit(part.parts[0], depth, scope, activation, notes).value
        if isinstance(items, (list, dict)) and items:
            self.visit_body(part, depth, scope, notes, outcome, items)
        return outcome

    def visit_body(
        self,
        part: Part,
        depth: int,
        scope: dict[str, JsonValue],
        notes: tuple[str, ...],
        outcome: Outcome,
        items: list[JsonValue] | dict[str, JsonValue],
    ) -> None:
        name, elements = part.node.variable, list(items)
        index = deciding_element(
            self.engine, part, {**self.data, **scope}, tuple(scope), elements, outcome, self.budget
        )
        inner = {**scope, name: elements[index]}
        note = f"{name} = {'key' if isinstance(items, dict) else 'element'} {index + 1} of {len(elements)}"
        self.visit(part.parts[1], depth, inner, self.engine.bind({**self.data, **inner}, self.budget), (*notes, note))

    def evaluate(self, part: ParsedExpression, local: tuple[str, ...], activation: Activation) -> Outcome:
        try:
            return self.engine.compile(part, local=local).evaluate(activation)
        except ExpressionError as error:
            return Outcome(error=error.message)


def deciding_element(
    engine: Engine,
    loop: Part,
    data: Mapping[str, JsonValue],
    local: tuple[str, ...],
    elements: Sequence[JsonValue],
    outcome: Outcome,
    budget: Budget,
) -> int:
    """The index of the element that made a loop say what it said; 0 where no single one did.

    `local` names what of `data` is no root: the variables of the loops around it.
    It ends the shortest beginning of `elements` of which the loop says the same, so a few loops find it. Of the loops
    that CEL does not have it is the one that was looked for, or the last one that counts.
    """
    if loop.node.name in OURS and outcome.error is None:
        return _met(engine, loop, data, local, elements, budget)
    says = "error" if outcome.error is not None else {"all": "false", "exists": "true"}.get(loop.node.name, "")
    if says != (outcome.verdict if outcome.error is None else "error"):
        return 0
    expression = _over_elements(loop.expression)

    def same(length: int) -> bool:
        bound = engine.bind({**data, _ELEMENTS: list(elements[:length])}, budget)
        found = engine.compile(expression, local=(*local, _ELEMENTS)).evaluate(bound)
        return (found.error is not None) if says == "error" else found.verdict == says

    # Elements that JSON cannot hold as they are, such as times, may say something else.
    length = bisect_left(range(len(elements) + 1), True, lo=1, key=same)
    return length - 1 if length <= len(elements) else 0


def _met(
    engine: Engine,
    loop: Part,
    data: Mapping[str, JsonValue],
    local: tuple[str, ...],
    elements: Sequence[JsonValue],
    budget: Budget,
) -> int:
    """Of `count_if` the last element for which the condition holds, of the others the first; 0 where there is none."""
    counts = loop.node.name == "count_if"
    expression = _over_elements(loop.expression, "count_if" if counts else "index_where")

    def said(length: int) -> int:
        bound = engine.bind({**data, _ELEMENTS: list(elements[:length])}, budget)
        found = engine.compile(expression, local=(*local, _ELEMENTS)).evaluate(bound).value
        return found if isinstance(found, int) else -1

    whole = said(len(elements))
    if not counts:
        return max(whole, 0)
    return bisect_left(range(len(elements) + 1), whole, lo=1, key=said) - 1 if whole > 0 else 0


@lru_cache(maxsize=512)
def _over_elements(expression: ParsedExpression, name: str = "") -> ParsedExpression:
    """A loop with `_ELEMENTS` in place of what it goes over, and with another name where one is given."""

    def changed(node: Node) -> Node:
        items, body = node.children
        if node.name == BIND:
            return with_children(node, [items, changed(body)])
        parts = [Node("ident", items.start, items.end, _ELEMENTS, items.at), body]
        return replace(with_children(node, parts), name=name or node.name)

    tree = changed(expression.tree)
    return ParsedExpression(expression.source, tree, write(tree).text)


def deciding(values: tuple[SubValue, ...]) -> tuple[tuple[str, str], ...]:
    """The facts that made an expression false: at most 4 sub-expressions, each with its value as compact JSON.

    `values` comes from `explain`. Empty when the expression was not false.
    """
    if not values or values[0].value is not False:
        return ()
    whole = values[0]
    known = {(item.start - whole.start, item.end - whole.start): item for item in values}
    facts: dict[str, str] = {}
    for node in _Reader(known).reasons(parse(whole.source), False):
        item = known.get((node.start, node.end))
        if item is not None and item.error is None and len(facts) < MAX_FACTS:
            facts.setdefault(cut(" ".join(item.source.split()), MAX_SHOWN), compact(item.value))
    return tuple(facts.items())


@dataclass(frozen=True, slots=True)
class _Reader:
    """Finds the sub-expressions that made an expression true or false."""

    known: Mapping[tuple[int, int], SubValue]

    def value(self, node: Node) -> JsonValue:
        item = self.known.get((node.start, node.end))
        return node.value if item is None else item.value

    def reasons(self, node: Node, said: bool) -> Iterator[Node]:
        """The sub-expressions to show for a node that is `said`."""
        if node.kind == "unary":
            yield from self.reasons(node.children[0], not said)
        elif node.kind == "binary" and node.name in LOGICAL:
            yield from self.logic(node, said)
        elif node.kind == "conditional":
            condition = self.value(node.children[0]) is True
            yield from self.reasons(node.children[0], condition)
            yield from self.reasons(node.children[1 if condition else 2], said)
        elif node.variable:
            yield from self.loop(node, said)
        elif node.kind in ("binary", "call"):
            found = [fact for child in node.children for fact in self.operands(child)]
            yield from found or [node]
        elif node.kind != "literal":
            yield node

    def logic(self, node: Node, said: bool) -> Iterator[Node]:
        """One term decides when it is false in `&&` or true in `||`; otherwise all terms do."""
        terms: Iterable[Node] = node.children
        if said is (node.name == "||"):
            terms = [term for term in terms if self.value(term) is said][:1]
        for term in terms:
            yield from self.reasons(term, said)

    def loop(self, node: Node, said: bool) -> Iterator[Node]:
        """One element decides when it is false in `all` or true in `exists`; otherwise the whole range does."""
        items, body = node.children
        if (node.name, said) in (("all", False), ("exists", True)):
            yield from self.reasons(body, said)
        else:
            yield items if (items.start, items.end) in self.known else node

    def operands(self, node: Node) -> Iterator[Node]:
        """What to show of an operand: itself, or its parts where it is arithmetic, a list or a map."""
        if node.kind in ("list", "map", "unary", "conditional") or node.name in _ARITHMETIC:
            for child in node.children:
                yield from self.operands(child)
        elif node.kind != "literal":
            yield node


def compact(value: JsonValue, limit: int = MAX_SHOWN) -> str:
    """The beginning of a value as JSON, at most `limit` characters; a long one is not written whole."""
    written = ""
    for piece in json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).iterencode(value):
        written += piece[: limit + 1]
        if len(written) > limit:
            break
    return cut(written, limit)
