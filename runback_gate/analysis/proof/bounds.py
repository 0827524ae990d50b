"""The numbers that a rule compares with, and the two steps that show where each of them lies.

In: a `Form`. Out: a `Bound` for each comparison with a number. Each has sides: the form with the bound moved by one. A
step on which the rule and the moved form say differently lies exactly there.

    bounds_of(form)[0].text                 # "c.arguments.amount <= 100"
    bounds_of(form)[0].sides[0].words       # "at 100"
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from runback_gate.analysis.proof.form import Form
from runback_gate.cel.inline import moved, with_children
from runback_gate.cel.literal import literal
from runback_gate.cel.parser import Node, read
from runback_gate.cel.write import write
from runback_gate.frozen import dataclass

_CLOSED = {"<=": "<", "<": "<=", ">=": ">", ">": ">="}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_BEYOND = {"<=": 1, ">": 1, "<": -1, ">=": -1, "==": 1, "!=": 1}
"""Where the step beside a bound lies: above it or below."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a bound."""

    words: str
    """`at 100`, `above 100`, `below 100`, `beside 100`."""
    form: Form
    """The rule with the bound moved, which says otherwise only there."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison with a number."""

    text: str
    """With params and variables put in."""
    sides: tuple[Side, ...]


def bounds_of(form: Form) -> tuple[Bound, ...]:
    """The comparisons of a rule and of its match conditions with a number, in reading order, each once."""
    found: dict[_Key, Node] = {}
    for tree in (*form.conditions, form.rule):
        for key, node in _comparisons(tree, {}):
            found.setdefault(key, node)
    return tuple(Bound(key[0], tuple(_sides(form, key, node))) for key, node in found.items())


_Key = tuple[str, tuple[tuple[str, str], ...]]
"""The text of a comparison, and what its loop variables go over: equal keys ask the same."""


def _comparisons(node: Node, scope: Mapping[str, str]) -> Iterator[tuple[_Key, Node]]:
    if node.kind == "binary" and node.name in _FLIPPED and _number(node) is not None:
        yield _key(node, scope), node
    for index, child in enumerate(node.children):
        yield from _comparisons(child, _inside(node, index, scope))


def _inside(node: Node, index: int, scope: Mapping[str, str]) -> Mapping[str, str]:
    if node.variable and index == 1:
        return {**scope, node.variable: f"{node.name} {write(node.children[0]).text}"}
    return scope


def _key(node: Node, scope: Mapping[str, str]) -> _Key:
    return write(node).text, tuple(sorted(scope.items()))


def _number(node: Node) -> tuple[int | float, int] | None:
    """The number that a comparison holds something against, and whether it stands left (0) or right (1)."""
    values = [_value(child) for child in node.children]
    if (values[0] is None) == (values[1] is None):
        return None
    place = 0 if values[1] is None else 1
    value = values[place]
    return None if value is None else (value, place)


def _value(node: Node) -> int | float | None:
    if node.kind == "unary" and node.name == "-":
        inner = _value(node.children[0])
        return None if inner is None else -inner
    if node.kind == "literal" and node.name in ("int", "double") and isinstance(node.value, (int, float)):
        return node.value
    return None


def _sides(form: Form, key: _Key, node: Node) -> Iterator[Side]:
    found = _number(node)
    if found is None:
        return
    value, place = found
    # As if the number stood on the right.
    relation = node.name if place == 1 else _FLIPPED[node.name]
    shown = literal(value).strip("()")
    yield Side(f"at {shown}", _changed(form, key, _at))
    next_ = value + _BEYOND[relation]
    if (isinstance(next_, int) and not -(2**63) <= next_ < 2**63) or not math.isfinite(next_) or next_ == value:
        return
    word = "beside" if relation in ("==", "!=") else "above" if next_ > value else "below"
    yield Side(f"{word} {shown}", _changed(form, key, lambda node: _beside(node, next_, place)))


def _at(node: Node) -> Node:
    """The comparison, with another outcome at the number alone."""
    if node.name in _CLOSED:
        return replace(node, name=_CLOSED[node.name])
    both = (node, replace(node, name=_other(node.name)))
    return _joined("&&" if node.name == "==" else "||", both)


def _beside(node: Node, value: int | float, place: int) -> Node:
    """The comparison, with another outcome between the number and the next one."""
    number = moved(read(literal(value)), node.children[place].start)
    shifted = with_children(node, [number if index == place else child for index, child in enumerate(node.children)])
    if node.name in _CLOSED:
        return shifted
    return _joined("||" if node.name == "==" else "&&", (node, shifted))


def _other(name: str) -> str:
    return "!=" if name == "==" else "=="


def _joined(name: str, terms: tuple[Node, Node]) -> Node:
    depth = 1 + max(term.depth for term in terms)
    return Node("binary", terms[0].start, terms[0].end, name, terms[0].at, terms, depth=depth)


def _changed(form: Form, key: _Key, change: Callable[[Node], Node]) -> Form:
    def put(node: Node, scope: Mapping[str, str]) -> Node:
        if node.kind == "binary" and node.name in _FLIPPED and _number(node) is not None and _key(node, scope) == key:
            return change(node)
        return with_children(
            node, [put(child, _inside(node, index, scope)) for index, child in enumerate(node.children)]
        )

    return replace(form, conditions=tuple(put(tree, {}) for tree in form.conditions), rule=put(form.rule, {}))
