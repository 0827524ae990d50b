"""Infers the kinds of values in an expression, as far as they are known before it runs.

In: a tree as it is written, the params of its policy, and what is known of its variables. Out: a `Reading`: the kind of
its value, the places that depend on the order of a map, and those that may compute with an int and a double.

    read_kinds(parse("agent.labels.map(k, k)[0] == 'team'"), {}, {}).ordered    # the node of [0]

A map has no order in CEL, and each engine has its own: a list that was made of one by `map` or `filter` may be asked
for its size, its members and its sums, not for its first element, nor whether it equals another list. Values are
followed through variables, loops and functions. A value that is only known when it runs is taken for a map where a loop
over it looks up each element in it: `x.map(k, x[k])`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Literal

from runback_gate.canonical import JsonValue
from runback_gate.cel.environment import ROOT_TYPES
from runback_gate.cel.limits import walk
from runback_gate.cel.optimize import inner_scope, shape
from runback_gate.cel.parser import Node
from runback_gate.frozen import dataclass

Kind = Literal["dyn", "map", "keys", "holds", "list", "int", "double", "text", "other"]
"""`keys`: a list in the order of a map. `holds`: a list or a map with such a list in it."""

_ARITHMETIC = ("+", "-", "*", "/", "%")
_IN_ORDER = ("keys", "holds")
_NUMBERS = ("int", "double")
_RESULTS: dict[str, Kind] = {
    **dict.fromkeys(("size", "int", "uint"), "int"),
    **dict.fromkeys(("double", "average"), "double"),
    **dict.fromkeys(("string",), "text"),
    **dict.fromkeys(("parse_json", "sum", "min", "max"), "dyn"),
    "calls": "list",
}
"""Kinds that functions give; the parts of a time are ints, all else is of no kind that matters here."""
_WHOLE_NUMBERS = ("input_tokens", "output_tokens")
_CALLS = ("ToolCall", "PastCall", "RunCall")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a variable."""

    kind: Kind
    shape: str
    """Its type in the words of `cel.environment`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an expression."""

    value: Known
    ordered: tuple[Node, ...]
    """Where the order of a map decides."""
    mixed: tuple[Node, ...]
    """Where an int may meet a double in arithmetic."""


def read_kinds(tree: Node, params: Mapping[str, JsonValue], variables: Mapping[str, Known]) -> Reading:
    """Follow the values of an expression; a variable that is not known may be anything."""
    reader = _Reader(params)
    names = {f"variables.{name}": known for name, known in variables.items()}
    shapes = {**ROOT_TYPES, **{name: known.shape for name, known in names.items()}}
    named = _named(tree)
    kind = reader.kind(named, _Scope(shapes, {name: known.kind for name, known in names.items()}))
    return Reading(Known(kind, shape(named, shapes)), tuple(reader.ordered), tuple(reader.mixed))


@dataclass(frozen=True, slots=True)
class _Scope:
    shapes: Mapping[str, str]
    kinds: Mapping[str, Kind]


def _named(node: Node) -> Node:
    """The tree with one name for each use of a variable."""
    holder = node.children[0] if node.kind == "select" else None
    if holder is not None and holder.kind == "ident" and holder.name == "variables":
        return replace(node, kind="ident", name=f"variables.{node.name}", children=())
    return replace(node, children=tuple(map(_named, node.children)))


@dataclass(slots=True)
class _Reader:
    params: Mapping[str, JsonValue]
    ordered: list[Node] = field(default_factory=list)
    mixed: list[Node] = field(default_factory=list)

    def kind(self, node: Node, scope: _Scope) -> Kind:
        """The kind of a node; notes what depends on an order, and what may mix numbers."""
        if params := self.param(node):
            return _either(*map(_kind_of, params))
        match node.kind:
            case "literal":
                return {"int": "int", "double": "double", "string": "text"}.get(node.name, "other")  # type: ignore[return-value]
            case "ident":
                return scope.kinds.get(node.name) or _of_shape(shape(node, scope.shapes))
            case "macro":
                return self.macro(node, scope)
        kinds = [self.kind(child, scope) for child in node.children]
        match node.kind:
            case "select":
                return _selected(node, scope)
            case "index":
                return self.indexed(node, kinds[0], scope)
            case "list" | "map":
                return "holds" if any(kind in _IN_ORDER for kind in kinds) else node.kind
            case "call":
                return self.called(node, kinds)
            case "conditional":
                return _either(kinds[1], kinds[2])
            case "unary":
                return kinds[0] if node.name == "-" else "other"
        return self.binary(node, kinds)

    def param(self, node: Node) -> list[Any]:
        """What a param, or a part of one, may be: several values where a key is only known at run time; else none."""
        if node.kind == "ident":
            return [self.params] if node.name == "params" else []
        if node.kind not in ("select", "index") or node.test_only:
            return []
        key = node.name if node.kind == "select" else node.children[1].value
        found: list[Any] = []
        for held in self.param(node.children[0]):
            items = held if isinstance(held, Mapping) else dict(enumerate(held)) if isinstance(held, list) else {}
            found += [items[key]] if key in items else items.values() if key is None else []
        return found

    def indexed(self, node: Node, held: Kind, scope: _Scope) -> Kind:
        """An element: of a list in the order of a map it is another one in each engine."""
        if held == "keys":
            self.ordered.append(node)
        return "keys" if held == "holds" else _of_shape(shape(node, scope.shapes))

    def called(self, node: Node, kinds: list[Kind]) -> Kind:
        """What a function gives."""
        if node.name == "includes" and kinds[-1] == "holds":
            self.ordered.append(node)
        if node.name in ("distinct", "dyn") and kinds:
            return kinds[0] if kinds[0] not in _NUMBERS else "dyn"
        return "int" if node.name.startswith("get") else _RESULTS.get(node.name, "other")

    def binary(self, node: Node, kinds: list[Kind]) -> Kind:
        """Comparisons and arithmetic."""
        sides = kinds[:1] if node.name == "in" else kinds
        in_order = any(kind in _IN_ORDER for kind in sides)
        if node.name in ("==", "!=", "in") and in_order:
            self.ordered.append(node)
        if node.name not in _ARITHMETIC:
            return "other"
        if in_order:
            return "keys"
        if "dyn" in kinds and all(kind in (*_NUMBERS, "dyn") for kind in kinds):
            self.mixed.append(node)
        return _either(*(kind for kind in kinds if kind != "dyn")) if any(kind != "dyn" for kind in kinds) else "dyn"

    def macro(self, node: Node, scope: _Scope) -> Kind:
        """What a loop gives, with its variable as what it goes over."""
        if not node.variable:
            self.kind(node.children[0].children[0], scope)
            return "other"
        held = self.kind(node.children[0], scope)
        if held == "dyn" and _looks_up(node):
            held = "map"
        shapes = inner_scope(node, 1, scope.shapes)
        item: Kind = "keys" if held == "holds" else _of_shape(shapes.get(node.variable, "dyn"))
        body = self.kind(node.children[1], _Scope(shapes, {**scope.kinds, node.variable: item}))
        in_order = held in ("map", "keys")
        if node.name in ("before", "after", "index_where") and in_order:
            self.ordered.append(node)
        match node.name:
            case "map" if not in_order and body in _IN_ORDER:
                return "holds"
            case "map" | "filter" if in_order:
                return "keys"
            case "map":
                return "list"
            case "filter" | "before" | "after":
                return held
        return "int" if node.name in ("count_if", "index_where") else "other"


def _looks_up(loop: Node) -> bool:
    """Whether a loop looks up its elements in what it goes over."""
    return any(
        part.kind == "index" and part.children[1].name == loop.variable and _same(part.children[0], loop.children[0])
        for part, _ in walk(loop.children[1])
    )


def _same(one: Node, other: Node) -> bool:
    """Whether two parts say the same, wherever they stand."""
    said = [(item.kind, item.name, item.value, len(item.children)) for item in (one, other)]
    return said[0] == said[1] and all(map(_same, one.children, other.children))


def _selected(node: Node, scope: _Scope) -> Kind:
    if node.test_only:
        return "other"
    if node.name in _WHOLE_NUMBERS and shape(node.children[0], scope.shapes) == "Usage":
        return "int"
    if node.name == "arguments" and shape(node.children[0], scope.shapes) in _CALLS:
        return "map"
    return _of_shape(shape(node, scope.shapes))


def _of_shape(name: str) -> Kind:
    if name.startswith("list of "):
        return "list"
    return {"dyn": "dyn", "map": "map", "string": "text"}.get(name, "other")  # type: ignore[return-value]


def _kind_of(value: object) -> Kind:
    kinds: dict[type, Kind] = {bool: "other", int: "int", float: "double", str: "text", dict: "map", list: "list"}
    return kinds.get(type(value), "other")


def _either(*kinds: Kind) -> Kind:
    """What is known of a value that is of one of several kinds."""
    found = set(kinds)
    return kinds[0] if len(found) == 1 else next((kind for kind in ("holds", "keys") if kind in found), "dyn")
