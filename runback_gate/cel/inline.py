"""Putting `params` and `variables` into an expression, so that an engine compiles one self-contained text.

In: an expression as written, the params of its policy, and the sources of its variables in order. Out: CEL over
`engine.ROOTS` only.

    inline("c.amount <= params.limit", {"limit": 100}, {})                # 'c.amount <= 100'
    inline("variables.n > 1", {}, {"n": "response.tool_calls.size()"})    # '(response.tool_calls.size()) > 1'

A param that is reached by names and literal keys becomes its own literal, so that no map is built at run time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import kind
from runback_gate.cel.limits import (
    MAX_INLINED,
    TAKEN,
    Node,
    check_growth,
    identifiers,
    line_column,
    parse,
    source_bytes,
)
from runback_gate.cel.literal import literal as written
from runback_gate.cel.tokens import fail
from runback_gate.documents import quoted, suggestion
from runback_gate.errors import ExpressionError, Location

MAX_LITERAL_DEPTH = 16
"""Levels of a map or list in params that an expression uses as a whole."""


def inline(source: str, params: Mapping[str, JsonValue], variables: Mapping[str, str]) -> str:
    """The expression with its params and variables put in.

    `variables` maps each name to its expression, in the order of the policy: one may use `params` and those before it;
    expressions that were inlined already stay as they are.

    Raises ExpressionError, with line and column in `source`: a param or variable that does not exist, a loop variable
    that hides `params`, `variables` or a name that an inlined variable uses, a result of more than 64 KiB or deeper
    than both engines take.
    """
    result = _Inliner(params, variables).text(source, tuple(variables))
    try:
        check_growth(result, parse(result))
    except ExpressionError as error:
        place = Location("", *line_column(source, parse(source).start))
        hint = "the limit holds for the expression with its variables put in"
        raise ExpressionError(error.message, hint=hint, location=place) from error
    return result


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
    """One call of `inline`; it remembers the text of each variable."""

    def __init__(self, params: Mapping[str, JsonValue], variables: Mapping[str, str]) -> None:
        self.params = params
        self.variables = variables
        self.texts: dict[str, str] = {}

    def text(self, source: str, known: tuple[str, ...]) -> str:
        """`source` with params and the `known` variables put in."""
        replacements: list[tuple[Node, str]] = []
        self.collect(source, parse(source), known, frozenset(), replacements)
        if source_bytes(source) + sum(source_bytes(text) for _, text in replacements) > MAX_INLINED:
            fail(source, 0, f"larger than {MAX_INLINED >> 10} KiB with its params and variables put in")
        pieces: list[str] = []
        position = 0
        for node, text in replacements:
            pieces += (source[position : node.start], text)
            position = node.end
        return "".join((*pieces, source[position:]))

    def collect(
        self, source: str, node: Node, known: tuple[str, ...], bound: frozenset[str], found: list[tuple[Node, str]]
    ) -> None:
        """Add what is to be replaced below `node`, in reading order."""
        if node.variable in TAKEN:
            fail(source, node.at, f"the loop variable `{node.variable}` hides a name that has a meaning", "rename it")
        if _is_variable(node):
            found.append((node, self.variable(source, node, known, bound)))
            return
        if node.kind == "ident" and node.name == "variables":
            fail(source, node.at, "`variables` is not a value", "write variables.NAME")
        value = _constant(source, node, self.params)
        if value is not None:
            found.append((node, _embedded(source, node, value[0])))
            return
        if node.test_only:
            holder = _constant(source, node.children[0], self.params)
            if holder is not None and not isinstance(holder[0], dict):
                owner = _shown(source, node.children[0])
                fail(source, node.at, f"{owner} is of type {kind(holder[0])}, it has no {quoted(node.name)}")
        for index, child in enumerate(node.children):
            inner = bound | {node.variable} if node.variable and index == 1 else bound
            self.collect(source, child, known, inner, found)

    def variable(self, source: str, node: Node, known: tuple[str, ...], bound: frozenset[str]) -> str:
        name = node.name
        if node.test_only:
            fail(source, node.at, f"variables.{name} always exists or is an error", "use it without has()")
        if name not in known:
            later = "it is declared later" if name in self.variables else suggestion(name, known)
            fail(source, node.at, f"unknown variable {quoted(name)}", later)
        if name not in self.texts:
            try:
                self.texts[name] = self.text(self.variables[name], known[: known.index(name)])
            except ExpressionError as error:
                fail(source, node.at, f"variables.{name}: {error.message}", error.hint)
        text = self.texts[name]
        if captured := sorted(identifiers(parse(text)) & bound):
            message = f"variables.{name} uses `{captured[0]}`, which the loop around it binds"
            fail(source, node.at, message, "rename the loop variable")
        # A comment at its end must not take the parenthesis with it.
        return f"({text}\n)" if "//" in text else f"({text})"


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


def _embedded(source: str, node: Node, value: JsonValue) -> str:
    try:
        text = literal(value)
    except ValueError as error:
        fail(source, node.start, f"{_shown(source, node)} cannot be put in: {error}")
    # `100.f()` would read as a malformed number.
    followed = source[node.end :].lstrip().startswith((".", "["))
    return f"({text})" if followed and text[0].isdigit() else text
