"""The tools and arguments that an expression names.

In: the tree of an expression, with params and variables put in. Out: a `Use` for each name that an agent has to offer.

    [use.name for use in uses(parse('calls(response, "refund").all(c, c.arguments.amount < 9)'))]   # refund, amount

A value is followed through loops, `filter`, `has`, indexes and `includes` as long as it is calls, their names, or
arguments. What is only known when it runs names nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from runback_gate.cel.limits import Node, walk
from runback_gate.frozen import dataclass

ANY = "*"
"""In a path: an element of a list, whichever."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name in an expression that an agent has to offer."""

    kind: Literal["tool", "argument"]
    name: str
    at: int
    """Offset in the expression as it was written."""
    tools: frozenset[str] | None = None
    """Of an argument the tools that may be called there; None for any."""
    path: tuple[str, ...] = ()
    """Of an argument its keys from the outermost, `*` for an element of a list."""


class _Calls(NamedTuple):
    """Calls, one or many."""

    tools: frozenset[str] | None


class _Arguments(NamedTuple):
    """The arguments of calls, or a part of them."""

    tools: frozenset[str] | None
    path: tuple[str, ...]
    many: bool = False
    """Whether this is a list of what stands at the path."""

    @property
    def item(self) -> _Arguments:
        """What an element of it is."""
        return _Arguments(self.tools, self.path if self.many else (*self.path, ANY))


class _Names(NamedTuple):
    """Names of tools, one or many."""


class _Texts(NamedTuple):
    """Texts that stand in the expression."""

    nodes: tuple[Node, ...]


_Value = _Calls | _Arguments | _Names | _Texts | None
_Scope = Mapping[str, _Value]


def uses(tree: Node) -> tuple[Use, ...]:
    """Each name of a tool or an argument, once for each place."""
    reader = _Reader()
    reader.value(tree, {"history": _Calls(None)})
    return tuple(dict.fromkeys(reader.uses))


class _Reader:
    """Follows values through a tree, and notes the names."""

    def __init__(self) -> None:
        self.uses: list[Use] = []

    def value(self, node: Node, scope: _Scope) -> _Value:
        """What a node is, as far as it is calls or part of them."""
        match node.kind:
            case "ident":
                return scope.get(node.name)
            case "literal":
                return _Texts((node,)) if node.name == "string" else None
            case "select":
                return self.member(node.children[0], node.name, node.at, scope)
            case "index" if _is_text(node.children[1]):
                return self.member(node.children[0], str(node.children[1].value), node.children[1].start, scope)
            case "macro":
                return self.macro(node, scope)
            case "call":
                return self.call(node, scope)
        values = [self.value(child, scope) for child in node.children]
        if node.kind == "binary" and node.name in ("==", "!=", "in"):
            self.compare(values[0], values[1])
            if node.name == "in" and isinstance(values[0], _Texts) and isinstance(values[1], _Arguments):
                for text in values[0].nodes:
                    self.argument(values[1], str(text.value), text.start)
        if node.kind == "list":
            return _Texts(tuple(text for value in values if isinstance(value, _Texts) for text in value.nodes))
        if node.kind == "index":
            held = values[0]
            return held.item if isinstance(held, _Arguments) else held
        either = (value for value in values[1:] if value is not None)
        return next(either, None) if node.kind == "conditional" else None

    def member(self, holder: Node, name: str, at: int, scope: _Scope) -> _Value:
        """The field `name` of a value."""
        held = self.value(holder, scope)
        if isinstance(held, _Arguments):
            return self.argument(held, name, at)
        if name == "arguments" and isinstance(held, _Calls):
            return _Arguments(held.tools, ())
        if name == "name" and _root(holder) != "agent":
            return _Names()
        return _Calls(None) if name in ("tool_calls", "tools", "calls") else None

    def argument(self, held: _Arguments, name: str, at: int) -> _Arguments:
        """Note a key of arguments; what stands there."""
        path = (*held.path, name)
        self.uses.append(Use("argument", name, at, held.tools, path))
        return _Arguments(held.tools, path)

    def call(self, node: Node, scope: _Scope) -> _Value:
        """What a function gives; `calls` and `includes` name tools and arguments."""
        values = [self.value(child, scope) for child in node.children]
        if node.name == "calls" and len(values) > 1:
            self.compare(_Names(), values[1])
            names = values[1].nodes if isinstance(values[1], _Texts) else ()
            return _Calls(frozenset(str(text.value) for text in names) if names else None)
        if node.name == "includes" and len(values) > 1 and isinstance(values[0], _Arguments):
            self.keys(values[0], node.children[1])
        return values[0] if node.name == "dyn" and values else None

    def keys(self, held: _Arguments, node: Node) -> None:
        """The keys of a map that arguments are held against."""
        for key, value in zip(node.children[::2], node.children[1::2], strict=False) if node.kind == "map" else ():
            if _is_text(key):
                self.keys(self.argument(held, str(key.value), key.start), value)

    def macro(self, node: Node, scope: _Scope) -> _Value:
        """What a loop or a binding gives, with its variable as what it goes over."""
        if not node.variable:
            self.value(node.children[0], scope)
            return None
        held = self.value(node.children[0], scope)
        item = held
        if isinstance(held, _Calls):
            item = held = _Calls(_named(node.children[1], node.variable) or held.tools)
        elif isinstance(held, _Arguments):
            item = held.item
        body = self.value(node.children[1], {**scope, node.variable: item})
        if node.name == "map" and isinstance(body, _Arguments):
            return body._replace(many=True)
        return held if node.name in ("filter", "before", "after") else body if node.name in ("map", "bind") else None

    def compare(self, left: _Value, right: _Value) -> None:
        """Note the texts that names of tools are held against."""
        for one, other in ((left, right), (right, left)):
            if isinstance(one, _Names) and isinstance(other, _Texts):
                self.uses += [Use("tool", str(text.value), text.start) for text in other.nodes]


def _named(body: Node, variable: str) -> frozenset[str]:
    """The tools that a call is held against in a loop; empty where it is held against none."""
    names: set[str] = set()
    for node, _ in walk(body):
        if node.kind != "binary" or node.name not in ("==", "!=", "in"):
            continue
        for one, other in (node.children[:2], node.children[1::-1]):
            if one.kind == "select" and one.name == "name" and one.children[0].name == variable:
                names |= {str(text.value) for text in (other, *other.children) if _is_text(text)}
    return frozenset(names)


def _is_text(node: Node) -> bool:
    return node.kind == "literal" and node.name == "string"


def _root(node: Node) -> str:
    while node.kind in ("select", "index"):
        node = node.children[0]
    return node.name
