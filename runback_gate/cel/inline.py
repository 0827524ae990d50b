"""Putting `params` and `variables` into an expression, so that an engine compiles one self-contained tree.

In: an expression as written, the params of its policy, and the sources of its variables in order. Out: a
`ParsedExpression` over `engine.ROOTS` only, whose nodes keep their offsets in the expression as written.

    inline("c.amount <= params.limit", {"limit": 100}, {}).text           # 'c.amount <= 100'
    inline("variables.n > 1", {}, {"n": "response.tool_calls.size()"}).text    # 'response.tool_calls.size() > 1'
    inline("variables.n > 1 && variables.n < 9", {}, {"n": "size(history)"}).text
    # 'cel.bind(n_, size(history), n_ > 1 && n_ < 9)': evaluated once, when it is needed

A param that is reached by names and literal keys becomes its own literal, so that no map is built at run time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import ParsedExpression, kind
from runback_gate.cel.limits import MAX_INLINED, TAKEN, check_growth, line_column, parse, source_bytes, walk
from runback_gate.cel.literal import literal as written
from runback_gate.cel.parser import BIND, ENGINE_DEPTH, Node, read, too_deep
from runback_gate.cel.tokens import fail
from runback_gate.cel.write import write
from runback_gate.documents import quoted, suggestion
from runback_gate.errors import ExpressionError, Location

MAX_LITERAL_DEPTH = 16
"""Levels of a map or list in params that an expression uses as a whole."""

# No name that can be written.
_PLACEHOLDER = "variables."
_TOO_LARGE = f"larger than {MAX_INLINED >> 10} KiB with its params and variables put in"


def inline(
    source: str,
    params: Mapping[str, JsonValue],
    variables: Mapping[str, str],
    *,
    part: Node | None = None,
    flat: bool = False,
) -> ParsedExpression:
    """The expression with its params and variables put in; of `part`, where one of its nodes is given.

    `flat` puts in each variable wherever it is used, so that the text does not depend on what variables there are.

    `variables` maps each name to its expression, in the order of the policy: one may use `params` and those before it.

    Raises ExpressionError, with line and column in `source`: a param or variable that does not exist, a loop variable
    that hides `params`, `variables` or a root, a result of more than 64 KiB or deeper than both engines take.
    """
    inliner = _Inliner(params, variables)
    whole = part or parse(source)
    marked = inliner.tree(source, whole, tuple(variables))
    try:
        tree = inliner.flat(marked) if flat else inliner.bound(marked)
        text = write(tree)
        if text.depth > ENGINE_DEPTH and not flat:
            tree = inliner.flat(marked)
            text = write(tree)
        if source_bytes(text.text) > MAX_INLINED:
            raise ExpressionError(_TOO_LARGE)
        if text.depth > ENGINE_DEPTH:
            too_deep(source, whole.start, ENGINE_DEPTH)
        check_growth(source, tree)
    except ExpressionError as error:
        place = Location("", *line_column(source, whole.start))
        hint = "the limit applies to the expression with its variables substituted"
        raise ExpressionError(error.message, hint=hint, location=place) from error
    return ParsedExpression(source, tree, text.text)


def literal(value: JsonValue) -> str:
    """CEL text for a JSON value, read the same by both engines. Raises ValueError for what CEL cannot hold."""
    _check(value, MAX_LITERAL_DEPTH)
    return written(value)


def _check(value: JsonValue, depth: int) -> None:
    if depth < 0:
        raise ValueError(f"it is nested deeper than {MAX_LITERAL_DEPTH} levels")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("it does not fit 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("it holds a lone surrogate, which is not text")
        if "\0" in value:
            raise ValueError("it holds U+0000")
    inner = (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    for item in inner:
        _check(item, depth - 1)


class _Inliner:
    """One call of `inline`; it remembers the tree of each variable."""

    def __init__(self, params: Mapping[str, JsonValue], variables: Mapping[str, str]) -> None:
        self.params = params
        self.variables = variables
        self.trees: dict[str, Node] = {}

    def tree(self, source: str, node: Node, known: tuple[str, ...]) -> Node:
        """`node` with its params put in, and `_PLACEHOLDER` names for the `known` variables."""
        if node.variable in TAKEN:
            fail(source, node.at, f"the loop variable `{node.variable}` hides a name that has a meaning", "rename it")
        if _is_variable(node):
            self.declare(source, node, known)
            return replace(node, kind="ident", name=_PLACEHOLDER + node.name, children=(), depth=1)
        if node.kind == "ident" and node.name == "variables":
            fail(source, node.at, "`variables` is not a value", "write variables.NAME")
        value = _constant(source, node, self.params)
        if value is not None:
            return _embedded(source, node, value[0])
        if node.test_only:
            holder = _constant(source, node.children[0], self.params)
            if holder is not None and not isinstance(holder[0], dict):
                owner = _shown(source, node.children[0])
                fail(source, node.at, f"{owner} is of type {kind(holder[0])}, it has no {quoted(node.name)}")
        return with_children(node, [self.tree(source, child, known) for child in node.children])

    def declare(self, source: str, node: Node, known: tuple[str, ...]) -> None:
        """Read the variable that a node names."""
        name = node.name
        if node.test_only:
            fail(source, node.at, f"variables.{name} always exists or is an error", "use it without has()")
        if name not in known:
            later = "it is declared later" if name in self.variables else suggestion(name, known)
            fail(source, node.at, f"unknown variable {quoted(name)}", later)
        if name not in self.trees:
            own = self.variables[name]
            try:
                self.trees[name] = self.tree(own, parse(own), known[: known.index(name)])
            except ExpressionError as error:
                fail(source, node.at, f"variables.{name}: {error.message}", error.hint)

    def bound(self, node: Node) -> Node:
        """The tree with each variable put in where it is used once, and evaluated before where it is used more often.

        What a loop uses is used more often. A variable that only names a place in the data is put in everywhere.
        """
        for name in reversed(tuple(self.variables)):
            uses = list(_uses(node, _PLACEHOLDER + name))
            if not uses:
                continue
            meaning = self.trees[name]
            if _is_path(meaning) or uses == [False]:
                node = _put(node, _PLACEHOLDER + name, meaning)
            else:
                taken = {part.variable for tree in (node, meaning) for part, _ in walk(tree)}
                new = next(name for name in map("v{}_".format, count()) if name not in taken)
                use = Node("ident", node.start, node.start, new, node.start)
                body = _put(node, _PLACEHOLDER + name, use)
                init = moved(meaning, node.start)
                depth = max(init.depth, body.depth) + 1
                children = (init, body)
                node = Node("macro", node.start, node.end, BIND, node.start, children, variable=new, depth=depth)
        return node

    def flat(self, node: Node) -> Node:
        """The tree with each variable put in everywhere, for one that is too deep with its variables before it."""
        for name in reversed(tuple(self.variables)):
            uses, size = sum(1 for _ in _uses(node, _PLACEHOLDER + name)), sum(1 for _ in walk(node))
            if uses and size + uses * sum(1 for _ in walk(self.trees[name])) > MAX_INLINED:
                raise ExpressionError(_TOO_LARGE)
            node = _put(node, _PLACEHOLDER + name, self.trees[name]) if uses else node
        return node


def with_children(node: Node, children: Sequence[Node]) -> Node:
    """The node with other children, and its depth."""
    if all(new is old for new, old in zip(children, node.children, strict=True)):
        return node
    return replace(node, children=tuple(children), depth=1 + max((child.depth for child in children), default=0))


def moved(node: Node, offset: int) -> Node:
    """The tree with all of it at one offset of another source."""
    children = tuple(moved(child, offset) for child in node.children)
    return replace(node, start=offset, end=offset, at=offset, children=children)


def _uses(node: Node, name: str, looped: bool = False) -> Iterator[bool]:
    """For each use of a name whether it stands in the body of a loop."""
    if node.kind == "ident" and node.name == name:
        yield looped
    for index, child in enumerate(node.children):
        yield from _uses(child, name, looped or (index == 1 and bool(node.variable) and node.name != BIND))


def _put(node: Node, name: str, meaning: Node) -> Node:
    """The tree with `meaning` in place of a name."""
    if node.kind == "ident" and node.name == name:
        return moved(meaning, node.start)
    return with_children(node, [_put(child, name, meaning) for child in node.children])


def _is_path(node: Node) -> bool:
    """Whether it is a constant or names a place in the data."""
    while node.kind == "select" or (node.kind == "index" and node.children[1].kind == "literal"):
        node = node.children[0]
    return node.kind == "literal" or (node.kind == "ident" and not node.name.startswith(_PLACEHOLDER))


def resolved(source: str, node: Node, params: Mapping[str, JsonValue]) -> JsonValue:
    """The value of a node that is made of `params` and known keys only; None for any other node.

    Raises ExpressionError for a path that does not exist.
    """
    found = _constant(source, node, params)
    return found[0] if found else None


def _constant(source: str, node: Node, params: Mapping[str, JsonValue]) -> tuple[JsonValue] | None:
    if node.kind == "ident":
        return (dict(params),) if node.name == "params" else None
    if node.kind not in ("select", "index") or node.test_only:
        return None
    holder = _constant(source, node.children[0], params)
    if holder is None or (node.kind == "index" and node.children[1].kind != "literal"):
        return None
    key: object = node.name if node.kind == "select" else node.children[1].value
    offset = node.at if node.kind == "select" else node.children[1].start
    return (_entry(source, offset, _shown(source, node.children[0]), holder[0], key),)


def _shown(source: str, node: Node) -> str:
    return " ".join(source[node.start : node.end].split())[:60]


def _is_variable(node: Node) -> bool:
    return node.kind == "select" and node.children[0].kind == "ident" and node.children[0].name == "variables"


def _entry(source: str, offset: int, owner: str, holder: JsonValue, key: object) -> JsonValue:
    """What a map or list of params holds under a key that is known when the policy is compiled."""
    if isinstance(holder, dict):
        if isinstance(key, str) and key in holder:
            return holder[key]
        fail(source, offset, f"{owner} has no {quoted(str(key))}", suggestion(str(key), holder))
    if isinstance(holder, (list, tuple)) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(holder):
            return holder[key]
        fail(source, offset, f"{owner} has {len(holder)} elements, there is none at {key}", "the first one is at 0")
    return fail(source, offset, f"{owner} is of type {kind(holder)}, it has no {quoted(str(key))}")


def _embedded(source: str, node: Node, value: JsonValue) -> Node:
    try:
        text = literal(value)
    except ValueError as error:
        fail(source, node.start, f"{_shown(source, node)} cannot be put in: {error}")
    if source_bytes(text) > MAX_INLINED:
        fail(source, node.start, _TOO_LARGE)
    return moved(read(text), node.start)
