"""Loops that CEL does not have, expressed by those that it has, for the engine that judges.

In: a macro of `OURS`. Out: a tree of CEL's own macros that says the same, and leaves the same error.

    calls.count_if(c, p)      size(calls.filter(c, p))
    calls.index_where(c, p)   the first index that is left of 0, 1, 2 …, else -1
    calls.before(c, p)        calls.slice(0, that index); all of them where there is none
    calls.after(c, p)         calls.slice(that index + 1, size(calls)); none of them where there is none

The condition is evaluated for every element, and has to be a boolean for each: whether a rule can be judged must not
depend on the order.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from runback_gate.cel.parser import BIND, Kind, Node

OURS: dict[str, tuple[str, str]] = {
    "count_if": ("int", "How many elements of a list the condition holds for."),
    "index_where": (
        "int",
        "The index, from 0, of the first element of a list that the condition holds for; -1 where there is none.",
    ),
    "before": (
        "list",
        "The elements of a list before the first one that the condition holds for; all of them where there is none.",
    ),
    "after": (
        "list",
        "The elements of a list after the first one that the condition holds for; none of them where there is none.",
    ),
}
"""The kind that each gives, and what it is, for the reference."""

_ITEMS, _INDEX, _FOUND = "l", "i", "f"


def expand(node: Node) -> Node:
    """A macro of `OURS` in CEL's own words; any other node as it is."""
    if node.kind != "macro" or node.name not in OURS:
        return node
    items, condition = node.children
    if node.name == "count_if":
        kept = _new("macro", node, items, condition, name="filter", variable=node.variable)
        return _call("size", node, kept)
    free = _unused(condition)
    held, found = _ident(node, _ITEMS + free), _ident(node, _FOUND + free)
    body = found if node.name == "index_where" else _part(node, held, found)
    whole = _bind(node, found.name, _index(node, held, condition, free), body)
    # `+ []` refuses what is no list, whose size would say something.
    only_lists = _new("binary", node, items, _new("list", node), name="+")
    return _bind(node, held.name, only_lists, whole)


def typed(node: Node) -> Node:
    """A tree of the same types and the same faults in CEL's own macros, for the checker: a part of a list is a list."""
    children = tuple(map(typed, node.children))
    if node.kind == "macro" and node.name in OURS:
        kept = _new("macro", node, *children, name="filter", variable=node.variable)
        return kept if OURS[node.name][0] == "list" else _call("size", node, kept)
    depth = 1 + max((child.depth for child in children), default=0)
    return replace(node, children=children, depth=depth)


def _unused(condition: Node) -> str:
    """An ending with which no name stands in the condition, which would mean another value there."""
    names: set[str] = set()
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        names |= {part.name, part.variable}
        waiting += part.children
    return next(end for end in map("_".__mul__, count(1)) if not {_ITEMS + end, _INDEX + end} & names)


def _index(node: Node, held: Node, condition: Node, free: str) -> Node:
    """The index of the first element that the condition holds for; -1 where there is none."""
    place, kept = _ident(node, _INDEX + free), _ident(node, _FOUND + free)
    at = _new("index", node, held, place)
    holds = _bind(node, node.variable, at, condition)
    places = replace(_call("range", node, _ident(node, "lists"), _call("size", node, held)), method=True)
    found = _new("macro", node, places, holds, name="filter", variable=place.name)
    none = _new("binary", node, _call("size", node, kept), _number(node, 0), name="==")
    first = _new("index", node, kept, _number(node, 0))
    return _bind(node, kept.name, found, _new("conditional", node, none, _number(node, -1), first))


def _part(node: Node, held: Node, found: Node) -> Node:
    """What stands before or after the element that was found."""
    absent = _new("binary", node, found, _number(node, 0), name="<")
    size = _call("size", node, held)
    start = _new("binary", node, found, _number(node, 1), name="+")
    if node.name == "before":
        return _new("conditional", node, absent, held, _slice(node, held, _number(node, 0), found))
    none = _slice(node, held, _number(node, 0), _number(node, 0))
    return _new("conditional", node, absent, none, _slice(node, held, start, size))


def _slice(node: Node, held: Node, start: Node, end: Node) -> Node:
    return replace(_call("slice", node, held, start, end), method=True)


def _bind(node: Node, name: str, value: Node, body: Node) -> Node:
    return _new("macro", node, value, body, name=BIND, variable=name)


def _ident(node: Node, name: str) -> Node:
    return _new("ident", node, name=name)


def _number(node: Node, value: int) -> Node:
    return replace(_new("literal", node, name="int"), value=value)


def _call(name: str, node: Node, *operands: Node) -> Node:
    return _new("call", node, *operands, name=name)


def _new(kind: Kind, place: Node, *children: Node, name: str = "", variable: str = "") -> Node:
    """A new node that stands for `place`."""
    depth = 1 + max((child.depth for child in children), default=0)
    return Node(kind, place.start, place.end, name, place.at, children, variable=variable, depth=depth)
