"""What a rule over runs reads of the steps, so that no more of them is laid out for it.

In: the tree of an expression, with params and variables put in. Out: names of fields of a step, those of its request
one by one; `ALL` where a step or a request is used as a whole.

    reads(parse("run.steps.all(s, size(s.request.messages) < 99 && s.response.text != '')"))
    # frozenset({"request.messages", "response"})

The conversation of each step repeats that of the step before: laid out whole, a run of N turns is of the size N².
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runback_gate.cel.environment import MESSAGES, ROOT_TYPES
from runback_gate.cel.optimize import inner_scope, shape
from runback_gate.cel.parser import BIND, LOOPS, Node

ALL = frozenset(
    [name for name in MESSAGES["Step"] if name != "request"] + [f"request.{name}" for name in MESSAGES["Request"]]
)
"""Every field of a step."""
_WHOLE = ("Run", "list of Step", "Step", "Request")


def reads(tree: Node) -> frozenset[str]:
    """The fields of steps that an expression reads."""
    return frozenset(_reads(tree, ROOT_TYPES, True))


def _reads(node: Node, scope: Mapping[str, str], whole: bool) -> Iterator[str]:
    """The fields that a node reads; `whole` says whether all of its value is used."""
    if whole and shape(node, scope) in _WHOLE:
        yield from ALL
    name = _field(node)
    holder = shape(node.children[0], scope) if node.kind in ("select", "index") else ""
    if holder in ("Step", "Request") and name is None:
        yield from ALL
    elif holder == "Step" and name != "request":
        yield name or ""
    elif holder == "Request":
        yield f"request.{name}"
    if node.kind == "call" and node.name == "matchesSchema":
        yield "request.tools"
    for index, child in enumerate(node.children):
        yield from _reads(child, inner_scope(node, index, scope), whole if _passes(node, index) else _uses(node, index))


def _field(node: Node) -> str | None:
    """The field that a selection names; None where it is only known at run time."""
    if node.kind == "select":
        return node.name
    key = node.children[1] if node.kind == "index" else None
    return str(key.value) if key is not None and key.kind == "literal" and key.name == "string" else None


def _passes(node: Node, index: int) -> bool:
    """Whether a node gives on the value of a child: what becomes of it is seen above."""
    return (node.name == BIND and node.kind == "macro" and index == 1) or (node.kind == "macro" and node.name == "has")


def _uses(node: Node, index: int) -> bool:
    """Whether a node uses all of the value of a child, and not a part that it names."""
    if node.kind in ("select", "index") or (node.kind == "macro" and node.name in (*LOOPS, BIND)):
        return index > 0
    return not (node.kind == "call" and node.name == "size")
