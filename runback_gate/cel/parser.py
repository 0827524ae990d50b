"""The grammar of CEL, as far as both engines read it in the same way.

In: source text. Out: a tree of `Node`s with 0-based character spans. Macros are kept as they are written. What one
engine cannot read (optional values, messages, a comma before a closing bracket, …) is refused with the reason.

    node = read('a.all(x, x > 1)')      # kind "macro", name "all", variable "x", children: range and body
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NoReturn

from runback_gate.cel.tokens import RESERVED, Token, fail, tokenize
from runback_gate.frozen import dataclass

ENGINE_DEPTH = 30
"""Levels that both engines take: the parser of cel-cpp stops at 32."""

Kind = Literal["literal", "ident", "select", "index", "call", "macro", "list", "map", "conditional", "unary", "binary"]

BIND = "bind"
"""The macro that evaluates a value once, when it is first used; policies cannot write it."""
LOOPS = ("all", "exists", "exists_one", "map", "filter", "count_if", "index_where", "before", "after")
RELATIONS = ("<", "<=", ">", ">=", "==", "!=", "in")
LOGICAL = ("&&", "||")
PRECEDENCE = {"||": 1, "&&": 2, **dict.fromkeys(RELATIONS, 3), "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}


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


def read(source: str) -> Node:
    """Parse an expression. Raises ExpressionError, also for one deeper than `ENGINE_DEPTH`."""
    return _Parser(source).whole()


def too_deep(source: str, offset: int, limit: int) -> NoReturn:
    """Refuse an expression with more than `limit` levels."""
    fail(source, offset, f"nested deeper than {limit} levels", "split it with spec.variables")


class _Parser:
    """Recursive descent over the tokens of one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.nesting = 0
        self.end = 0
        self.show()

    def show(self) -> None:
        """Note what comes next; `word` is its text, but never that of a literal."""
        self.token = self.tokens[self.position]
        self.word = self.token.text if self.token.kind in ("operator", "name") else ""

    def next(self) -> Token:
        """The token that comes next, which is never the last one, `end`."""
        token = self.token
        self.end = token.end
        self.position += 1
        self.show()
        return token

    def take(self, text: str) -> bool:
        seen = self.word == text
        if seen:
            self.next()
        return seen

    def expect(self, text: str) -> Token:
        if self.word != text:
            self.unexpected(f"expected `{text}`")
        return self.next()

    def unexpected(self, expected: str) -> NoReturn:
        found = "the expression ends" if self.token.kind == "end" else f"found `{self.token.text[:40]}`"
        fail(self.source, self.token.start, f"{expected}, {found}")

    def node(
        self,
        kind: Kind,
        start: int,
        *children: Node,
        name: str = "",
        at: int | None = None,
        value: bool | int | float | str | None = None,
        method: bool = False,
        variable: str = "",
    ) -> Node:
        """A node that ends at the last token that was read."""
        depth = 1
        for child in children:
            if child.depth >= depth:
                depth = child.depth + 1
        at = start if at is None else at
        if depth > ENGINE_DEPTH:
            too_deep(self.source, at, ENGINE_DEPTH)
        return Node(kind, start, self.end, name, at, children, value, method, variable, False, depth)

    def whole(self) -> Node:
        if len(self.tokens) == 1:
            fail(self.source, 0, "the expression is empty")
        node = self.expression()
        if self.position < len(self.tokens) - 1:
            self.unexpected("expected an operator or the end")
        return node

    def expression(self) -> Node:
        self.nesting += 1
        if self.nesting > ENGINE_DEPTH:
            too_deep(self.source, self.token.start, ENGINE_DEPTH)
        start = self.token.start
        node = self.binary(1)
        at = self.token.start
        if self.take("?"):
            then = self.binary(1)
            self.expect(":")
            node = self.node("conditional", start, node, then, self.expression(), at=at)
        self.nesting -= 1
        return node

    def binary(self, level: int) -> Node:
        start = self.token.start
        left = self.unary()
        while PRECEDENCE.get(self.word, 0) >= level:
            operator = self.next()
            right = self.binary(PRECEDENCE[operator.text] + 1)
            terms: tuple[Node, ...] = (left, right)
            # A left side that starts later stands in parentheses, which keep it apart.
            chained = left.kind == "binary" and left.name == operator.text and left.start == start
            if chained and operator.text in LOGICAL:
                terms = (*left.children, right)
            left = self.node("binary", start, *terms, name=operator.text, at=operator.start)
        return left

    def unary(self) -> Node:
        operators: list[Token] = []
        while self.word in ("!", "-") and not self.signed_number():
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
        return self.word == "-" and following.kind in ("int", "double") and following.start == self.token.end

    def member(self) -> Node:
        start = self.token.start
        node = self.primary()
        while True:
            if self.take("."):
                node = self.selected(start, node)
            elif self.take("["):
                if self.word == "?":
                    fail(self.source, self.token.start, "optional values are not supported", "use has()")
                key = self.expression()
                self.expect("]")
                node = self.node("index", start, node, key)
            elif self.word == "{":
                fail(self.source, self.token.start, "messages cannot be made", 'write a map: {"key": value}')
            else:
                return node

    def selected(self, start: int, target: Node) -> Node:
        if self.word == "?":
            fail(self.source, self.token.start, "optional values are not supported", "use has()")
        if self.token.kind != "name" or self.token.text in ("in", "true", "false", "null"):
            self.unexpected("expected a field name")
        name = self.next()
        if self.word != "(":
            return self.node("select", start, target, name=name.text, at=name.start)
        arguments = self.items("(", ")")
        if name.text in LOOPS:
            return self.loop(start, name, target, arguments)
        return self.node("call", start, target, *arguments, name=name.text, at=name.start, method=True)

    def loop(self, start: int, name: Token, target: Node, arguments: tuple[Node, ...]) -> Node:
        if len(arguments) != 2:
            three = name.text == "map" and len(arguments) == 3
            hint = "write filter(x, …).map(x, …)" if three else f"write {name.text}(x, …)"
            fail(self.source, name.start, f"{name.text}() takes a loop variable and an expression", hint)
        variable, body = arguments
        if variable.kind != "ident" or variable.name == "__result__":
            message = f"the first argument of {name.text}() must be a new name"
            fail(self.source, variable.start, message, f"write {name.text}(x, …)")
        return self.node("macro", start, target, body, name=name.text, at=name.start, variable=variable.name)

    def items(self, opening: str, closing: str) -> tuple[Node, ...]:
        """Expressions between brackets, separated by commas."""
        self.expect(opening)
        found: list[Node] = []
        while self.word != closing or found:
            if self.word == "?":
                fail(self.source, self.token.start, "optional values are not supported")
            found.append(self.expression())
            if not self.take(","):
                break
            if self.word == closing:
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
        if self.word == "[":
            items = self.items("[", "]")
            return self.node("list", token.start, *items)
        if self.word == "{":
            return self.entries()
        if self.take("("):
            node = self.expression()
            self.expect(")")
            if node.depth >= ENGINE_DEPTH:
                too_deep(self.source, token.start, ENGINE_DEPTH)
            return replace(node, depth=node.depth + 1)
        if self.word == ".":
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
        return self.node("literal", start, name=token.kind, value=value)

    def named(self, name: Token) -> Node:
        if name.text in ("true", "false"):
            return self.node("literal", name.start, name="bool", value=name.text == "true")
        if name.text == "null":
            return self.node("literal", name.start, name="null")
        if name.text in RESERVED:
            fail(self.source, name.start, f"`{name.text}` is a reserved word", "use another name")
        if self.word != "(":
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
        while self.word != "}" or found:
            key = self.expression()
            if key.kind == "literal":
                if key.name not in ("string", "int", "uint", "bool"):
                    fail(self.source, key.start, f"a {key.name} cannot be a key of a map", "use a string")
                identity = ("number" if key.name in ("int", "uint") else key.name, key.value)
                if identity in keys:
                    fail(self.source, key.start, "the key appears twice in the map")
                keys.add(identity)
            self.expect(":")
            found += (key, self.expression())
            if not self.take(","):
                break
            if self.word == "}":
                fail(self.source, self.token.start, "a comma before `}` is not portable", "remove the comma")
        if not self.take("}"):
            self.unexpected("expected `,` or `}`")
        return self.node("map", start, *found)
