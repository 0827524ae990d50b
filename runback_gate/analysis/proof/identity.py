"""What an expression is, whatever its loop variables are called: equal identities are equal values in every step.

In: a node and what its free variables stand for. Out: a hashable value.

    Identities().of(node, {"c": bound})     # ('$0.arguments.amount <= 100', ("response.tool_calls[0]",))
"""

from __future__ import annotations

from collections.abc import Mapping

from runback_gate.analysis.proof.values import Result
from runback_gate.cel.environment import ROOTS
from runback_gate.cel.parser import Node
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """What a variable stands for."""

    result: Result
    key: object
    """Its identity."""


Scope = Mapping[str, Bound]


class Identities:
    """Remembers the shape of each node."""

    def __init__(self) -> None:
        self._shapes: dict[int, tuple[Node, str, tuple[str, ...]]] = {}

    def of(self, node: Node, scope: Scope) -> object:
        """The identity of a node in a scope."""
        known = self._shapes.get(id(node))
        if known is None:
            free: list[str] = []
            text = _shape(node, (), free)
            # The node is kept, so that its number stays its own.
            known = self._shapes[id(node)] = (node, text, tuple(free))
        return (
            known[1]
            if not known[2]
            else (known[1], tuple(scope[name].key if name in scope else name for name in known[2]))
        )


def _shape(node: Node, bound: tuple[str, ...], free: list[str]) -> str:
    """The text of a node, with numbers for its variables; free ones are collected in reading order."""
    if node.kind == "ident":
        if node.name in bound:
            return f"#{len(bound) - bound[::-1].index(node.name) - 1}"
        if node.name in ROOTS:
            return node.name
        if node.name not in free:
            free.append(node.name)
        return f"${free.index(node.name)}"
    if node.kind == "literal":
        return f"{node.name}:{node.value!r}"
    inner = (*bound, node.variable)
    parts = [
        _shape(child, inner if node.variable and index == 1 else bound, free)
        for index, child in enumerate(node.children)
    ]
    kind = node.name if node.kind == "call" else f"{node.kind} {node.name}"
    return f"{kind}({','.join(parts)})"
