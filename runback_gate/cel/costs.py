"""What an expression does more than once, from its tree: the part of its work that depends on the data.

In: a tree. Out: its `Costs`, of which `work` counts what they are on the data of an answer.

    costs(parse("request.messages.map(m, m.content)")).parts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Literal

from runback_gate.cel.parser import BIND, Node
from runback_gate.frozen import dataclass

TURNS = 10_000
"""Turns after which an engine ends all loops of an evaluation."""
COPY = 6
"""Units of one element that `map` or `filter` copies."""
WORD = 64
"""Bytes that a comparison of two texts does in a unit."""

_COMPARED = ("==", "!=", "<", "<=", ">", ">=", "in")
_JOIN = 2
_READING = {
    **dict.fromkeys(("size", "contains", "startsWith", "endsWith", "string"), 1),
    # They are handed a copy.
    **dict.fromkeys(("matches", "mentions", "includes", "parse_json"), 8),
    **dict.fromkeys(("sum", "min", "max", "average", "distinct", "matchesSchema"), 8),
}
"""Functions that read the whole of their operands, and the units of a byte."""

Path = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in the data, and the loops that go over it: all their turns together read it once."""

    path: Path
    loops: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a part of a tree does more than once."""

    kind: Literal["read", "copy", "keys", "scan"]
    """It reads its places at each turn; copies a list, or the keys of what is a map; looks for one text in another."""
    places: tuple[Reference, ...]
    around: tuple[tuple[int, tuple[Reference, ...]], ...]
    """The loops around it: the number of each, and what it goes over."""
    weight: int = 1
    """Units of a byte that it reads."""
    beside: tuple[Reference, ...] = ()
    """What it looks for in its places."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a program."""

    parts: tuple[Cost, ...]
    levels: tuple[tuple[int, int, int], ...]
    """By how many loops are around the parts: how many copy, units of a byte that they read, pairs that they scan."""
    known: dict[tuple[int, int], int] = field(default_factory=dict, compare=False, repr=False)
    """Bounds for sizes that were rounded up: there are few, and every answer is asked for."""

    def most(self, size: int, longest: int) -> int:
        """Units that the parts take at most on data of `size` units in lists and maps of at most `longest` elements."""
        units, turns = 0, 1
        copy, scan = COPY * longest * longest, size * size
        for copies, reads, pairs in self.levels:
            units += turns * (copies * copy + reads * size) + pairs * scan * turns // WORD
            turns = min(turns * max(longest, 1), TURNS)
        return units


def costs(tree: Node) -> Costs:
    """What a tree does more than once; nothing for most."""
    parts = tuple(_costs(tree, {}, ()))
    levels = [[0, 0, 0] for _ in range(1 + max((len(part.around) for part in parts), default=-1))]
    for part in parts:
        level = levels[len(part.around)]
        if part.kind == "read":
            level[1] += part.weight * len(part.places)
        elif part.kind == "scan":
            level[2] += len(part.places) * len(part.beside)
        else:
            level[0] += 1
    return Costs(parts, tuple((copies, reads, pairs) for copies, reads, pairs in levels))


Scope = Mapping[str, tuple[Reference, ...]]
Around = tuple[tuple[int, tuple[Reference, ...]], ...]


def _costs(node: Node, scope: Scope, around: Around) -> Iterator[Cost]:
    if not node.variable:
        yield from _own(node, scope, around)
        for child in node.children:
            yield from _costs(child, scope, around)
        return
    yield from _costs(node.children[0], scope, around)
    over = _references(node.children[0], scope)
    if node.name == BIND:
        yield from _costs(node.children[1], {**scope, node.variable: over}, around)
        return
    yield Cost("keys" if node.name in ("all", "exists", "exists_one") else "copy", over, around)
    number = len(around)
    items = tuple(Reference(place.path, place.loops | {number}) for place in over)
    yield from _costs(node.children[1], {**scope, node.variable: items}, (*around, (number, over)))


def _own(node: Node, scope: Scope, around: Around) -> Iterator[Cost]:
    operands = [_references(child, scope) for child in node.children]
    if node.kind == "call" and node.name == "contains" and all(operands):
        yield Cost("scan", operands[0], around, beside=operands[-1])
    if node.kind == "call" and node.name == "calls":
        held = tuple(place if place.loops else Reference((*place.path, "tool_calls")) for place in operands[0])
        yield Cost("copy", held, around)
    if not around:
        return
    if node.kind == "binary":
        # Beside a constant no more is read than the constant is long.
        compared = node.name in _COMPARED and all(operands[-1:] if node.name == "in" else operands)
        factor = _JOIN if node.name == "+" else int(compared)
    else:
        factor = _READING.get(node.name, 0) if node.kind == "call" else 0
    if factor:
        yield Cost("read", tuple(place for operand in operands for place in operand), around, factor)


def _references(node: Node, scope: Scope) -> tuple[Reference, ...]:
    """The places in the data that the value of a node can hold."""
    if node.kind in ("ident", "literal"):
        named = scope.get(node.name, (Reference((node.name,)),))
        return named if node.kind == "ident" else ()
    if node.variable and node.name == BIND:
        held = _references(node.children[0], scope)
        return _references(node.children[1], {**scope, node.variable: held})
    if node.variable:
        return _references(node.children[0], scope)
    if node.kind == "select" or (node.kind == "index" and node.children[1].kind == "literal"):
        key = node.name if node.kind == "select" else node.children[1].value
        held = _references(node.children[0], scope)
        return tuple(place if place.loops else Reference((*place.path, key)) for place in held)
    return tuple(place for child in node.children for place in _references(child, scope))
