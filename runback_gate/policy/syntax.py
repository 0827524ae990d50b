"""The shape of a CEL expression: an own small parser for limits, lint, inlining and explaining, never for judging.

In: source text. Out: a tree of `Node`s with 0-based character spans. It reads what both engines read in the same way;
what one of them cannot read is refused here with the reason, before any engine sees it.

    node = check_limits('response.tool_calls.all(c, c.name != "issue_refund")')
    node.kind, node.name, node.variable      # ("macro", "all", "c")
    identifiers(node)                        # frozenset({"response"})
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from runback_gate.policy.engine import ROOTS
from runback_gate.policy.tokens import RESERVED, Token, fail, line_column, tokenize

__all__ = [
    "ENGINE_DEPTH",
    "MAX_DEPTH",
    "MAX_GROWTH",
    "MAX_INLINED",
    "MAX_NESTING",
    "MAX_SOURCE",
    "TAKEN",
    "Node",
    "check_growth",
    "check_limits",
    "growth",
    "identifiers",
    "line_column",
    "parse",
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
ENGINE_DEPTH = 30
"""Levels that both engines take: the parser of cel-cpp stops at 32."""
MAX_GROWTH = 256
"""How many times an expression may repeat a piece of its data in one value: engines do not limit memory."""

Kind = Literal[
    "literal", "ident", "select", "index", "call", "macro", "list", "map", "conditional", "unary", "binary"
]

LOOPS = ("all", "exists", "exists_one", "map", "filter")
RELATIONS = ("<", "<=", ">", ">=", "==", "!=", "in")
LOGICAL = ("&&", "||")
TYPE_NAMES = frozenset("bool bytes double duration dyn int list map null_type string timestamp type uint".split())
_PRECEDENCE = {"||": 1, "&&": 2, **dict.fromkeys(RELATIONS, 3), "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}
TAKEN = frozenset((*ROOTS, "params", "variables", *TYPE_NAMES))
"""Names that a loop variable may not have."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""

    kind: Kind
    start: int
    """Offset of its first character; parentheses around it are not part of it."""
    end: int
    """Offset after its last character."""
    name: str = ""
    """Of a literal its type (`null bool int uint double string`), of an ident its name, of a select its field, of a
    call its function, of a macro its name, of unary and binary the operator."""
    at: int = 0
    """Offset of the name."""
    children: tuple[Node, ...] = ()
    """select: operand · index: operand, key · call: target if `method`, arguments · has: the select · other macros:
    range, body · list: elements · map: key, value, key, value … · conditional: condition, then, else ·
    unary: operand · binary: left, right; a chain of `&&` or of `||` is one node with all its terms."""
    value: bool | int | float | str | None = None
    """Of a literal what it stands for."""
    method: bool = False
    """Whether a call is written `target.name()`."""
    variable: str = ""
    """Of a macro other than `has` its loop variable."""
    test_only: bool = False
    """Whether a select is the argument of `has()`."""
    depth: int = 1
    """Levels of the tree below and with this node; parentheses count."""


def parse(source: str, *, max_depth: int = ENGINE_DEPTH) -> Node:
    """Parse an expression of at most `MAX_INLINED` bytes. Raises ExpressionError with line and column in `source`."""
    if source_bytes(source) > MAX_INLINED:
        fail(source, 0, f"the expression is larger than {MAX_INLINED >> 10} KiB")
    return _Parser(source, max_depth).whole()


def check_limits(source: str) -> Node:
    """Parse an expression that a person wrote and hold it to all limits.

    Raises ExpressionError: larger than 4 KiB, deeper than 24 levels, loops nested deeper than 2, values that repeat
    their data more than 256 times, a loop variable that hides a root, a type, `params` or `variables`.
    """
    if source_bytes(source) > MAX_SOURCE:
        fail(source, 0, f"the expression is larger than {MAX_SOURCE >> 10} KiB", "split it with spec.variables")
    node = parse(source, max_depth=MAX_DEPTH)
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


class _Parser:
    """Recursive descent over the tokens of one source."""

    def __init__(self, source: str, max_depth: int) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.max_depth = max_depth
        self.nesting = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def sees(self, *texts: str) -> bool:
        return self.token.kind in ("operator", "name") and self.token.text in texts

    def take(self, text: str) -> bool:
        seen = self.sees(text)
        self.position += seen
        return seen

    def expect(self, text: str) -> Token:
        if not self.sees(text):
            self.unexpected(f"expected `{text}`")
        return self.next()

    def unexpected(self, expected: str) -> NoReturn:
        found = "the expression ends" if self.token.kind == "end" else f"found `{self.token.text[:40]}`"
        fail(self.source, self.token.start, f"{expected}, {found}")

    def too_deep(self, offset: int) -> NoReturn:
        fail(self.source, offset, f"nested deeper than {self.max_depth} levels", "split it with spec.variables")

    def node(self, kind: Kind, start: int, *children: Node, name: str = "", at: int | None = None) -> Node:
        """A node that ends at the last token that was read."""
        depth = 1 + max((child.depth for child in children), default=0)
        at = start if at is None else at
        if depth > self.max_depth:
            self.too_deep(at)
        return Node(kind, start, self.tokens[self.position - 1].end, name, at, children, depth=depth)

    def whole(self) -> Node:
        if len(self.tokens) == 1:
            fail(self.source, 0, "the expression is empty")
        node = self.expression()
        if self.position < len(self.tokens) - 1:
            self.unexpected("expected an operator or the end")
        return node

    def expression(self) -> Node:
        self.nesting += 1
        if self.nesting > self.max_depth:
            self.too_deep(self.token.start)
        start = self.token.start
        node = self.binary(1)
        if self.take("?"):
            then = self.binary(1)
            self.expect(":")
            node = self.node("conditional", start, node, then, self.expression())
        self.nesting -= 1
        return node

    def binary(self, level: int) -> Node:
        start = self.token.start
        left = self.unary()
        while self.token.kind in ("operator", "name") and _PRECEDENCE.get(self.token.text, 0) >= level:
            operator = self.next()
            right = self.binary(_PRECEDENCE[operator.text] + 1)
            terms: tuple[Node, ...] = (left, right)
            # A left side that starts later stands in parentheses, which keep it apart.
            chained = left.kind == "binary" and left.name == operator.text and left.start == start
            if chained and operator.text in LOGICAL:
                terms = (*left.children, right)
            left = self.node("binary", start, *terms, name=operator.text, at=operator.start)
        return left

    def unary(self) -> Node:
        operators: list[Token] = []
        while self.sees("!", "-") and not self.signed_number():
            operators.append(self.next())
            if operators[0].text != operators[-1].text:
                fail(self.source, operators[-1].start, "`!` and `-` may not follow each other", "use parentheses")
        node = self.member()
        for operator in reversed(operators):
            node = self.node("unary", operator.start, node, name=operator.text)
        return node

    def signed_number(self) -> bool:
        """Whether a `-` and the number that touches it come next: one literal, so that -2**63 can be written."""
        following = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        return self.sees("-") and following.kind in ("int", "double") and following.start == self.token.end

    def member(self) -> Node:
        start = self.token.start
        node = self.primary()
        while True:
            if self.take("."):
                node = self.selected(start, node)
            elif self.take("["):
                if self.sees("?"):
                    fail(self.source, self.token.start, "optional values are not supported", "use has()")
                key = self.expression()
                self.expect("]")
                node = self.node("index", start, node, key)
            elif self.sees("{"):
                fail(self.source, self.token.start, "messages cannot be made", 'write a map: {"key": value}')
            else:
                return node

    def selected(self, start: int, target: Node) -> Node:
        if self.sees("?"):
            fail(self.source, self.token.start, "optional values are not supported", "use has()")
        if self.token.kind != "name" or self.token.text in ("in", "true", "false", "null"):
            self.unexpected("expected a field name")
        name = self.next()
        if not self.sees("("):
            return self.node("select", start, target, name=name.text, at=name.start)
        arguments = self.items("(", ")")
        if name.text in LOOPS:
            return self.loop(start, name, target, arguments)
        return replace(self.node("call", start, target, *arguments, name=name.text, at=name.start), method=True)

    def loop(self, start: int, name: Token, target: Node, arguments: tuple[Node, ...]) -> Node:
        if len(arguments) != 2:
            three = name.text == "map" and len(arguments) == 3
            hint = "write filter(x, …).map(x, …)" if three else f"write {name.text}(x, …)"
            fail(self.source, name.start, f"{name.text}() takes a loop variable and an expression", hint)
        variable, body = arguments
        if variable.kind != "ident" or variable.name == "__result__":
            message = f"the first argument of {name.text}() must be a new name"
            fail(self.source, variable.start, message, f"write {name.text}(x, …)")
        macro = self.node("macro", start, target, body, name=name.text, at=name.start)
        return replace(macro, variable=variable.name)

    def items(self, opening: str, closing: str) -> tuple[Node, ...]:
        """Expressions between brackets, separated by commas."""
        self.expect(opening)
        found: list[Node] = []
        while not self.sees(closing) or found:
            if self.sees("?"):
                fail(self.source, self.token.start, "optional values are not supported")
            found.append(self.expression())
            if not self.take(","):
                break
            if self.sees(closing):
                fail(self.source, self.token.start, f"a comma before `{closing}` is not portable", "remove the comma")
        if not self.take(closing):
            self.unexpected(f"expected `,` or `{closing}`")
        return tuple(found)

    def primary(self) -> Node:
        token = self.token
        if token.kind == "name":
            return self.named(self.next())
        if token.kind in ("int", "uint", "double", "string") or self.signed_number():
            return self.literal()
        if self.sees("["):
            items = self.items("[", "]")
            return self.node("list", token.start, *items)
        if self.sees("{"):
            return self.entries()
        if self.take("("):
            node = self.expression()
            self.expect(")")
            if node.depth >= self.max_depth:
                self.too_deep(token.start)
            return replace(node, depth=node.depth + 1)
        if self.sees("."):
            fail(self.source, token.start, "names do not start with a point", "write the name alone")
        return self.unexpected("expected a value")

    def literal(self) -> Node:
        start = self.token.start
        negative = self.take("-")
        token = self.next()
        value = token.value
        if token.kind == "int" and isinstance(value, int) and value >= 2**63 and not negative:
            fail(self.source, start, "integer does not fit 64 bits")
        if negative and isinstance(value, (int, float)):
            value = -value
        return replace(self.node("literal", start, name=token.kind), value=value)

    def named(self, name: Token) -> Node:
        if name.text in ("true", "false"):
            return replace(self.node("literal", name.start, name="bool"), value=name.text == "true")
        if name.text == "null":
            return self.node("literal", name.start, name="null")
        if name.text in RESERVED:
            fail(self.source, name.start, f"`{name.text}` is a reserved word", "use another name")
        if not self.sees("("):
            return self.node("ident", name.start, name=name.text)
        arguments = self.items("(", ")")
        if name.text != "has":
            return self.node("call", name.start, *arguments, name=name.text)
        if len(arguments) != 1 or arguments[0].kind != "select":
            fail(self.source, name.start, "has() takes one field, such as has(c.arguments.amount)")
        return self.node("macro", name.start, replace(arguments[0], test_only=True), name="has")

    def entries(self) -> Node:
        start = self.expect("{").start
        found: list[Node] = []
        keys: set[tuple[str, object]] = set()
        while not self.sees("}") or found:
            key = self.expression()
            if key.kind == "literal":
                if key.name not in ("string", "int", "uint", "bool"):
                    fail(self.source, key.start, f"a {key.name} cannot be a key of a map", "use a string")
                identity = ("number" if key.name in ("int", "uint") else key.name, key.value)
                if identity in keys:
                    fail(self.source, key.start, "the key stands twice in the map")
                keys.add(identity)
            self.expect(":")
            found += (key, self.expression())
            if not self.take(","):
                break
            if self.sees("}"):
                fail(self.source, self.token.start, "a comma before `}` is not portable", "remove the comma")
        if not self.take("}"):
            self.unexpected("expected `,` or `}`")
        return self.node("map", start, *found)
