"""The interface between the encoder and its parts: lists and functions evaluate the expressions inside them.

In: nothing. Out: `Truth`, and the protocol `Encoding`, which `encode.Encoder` keeps.
"""

from __future__ import annotations

from typing import Protocol

from runback_gate.analysis.proof.identity import Identities, Scope
from runback_gate.analysis.proof.operators import Operators
from runback_gate.analysis.proof.smt import Smt, Term
from runback_gate.analysis.proof.values import Result, World
from runback_gate.cel.parser import Node
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Truth:
    """What a boolean expression comes to."""

    error: Term
    holds: Term
    """Whether it is true; false where it is an error."""


class Encoding(Protocol):
    """Encodes expressions over one world."""

    world: World
    smt: Smt
    operators: Operators
    identities: Identities
    unlimited: bool
    """What depends on the length of a list is left open, so that a claim holds for every length."""
    sizes_open: bool
    """Sizes are left open as well that depend on more elements than are looked at."""

    def truth(self, node: Node, scope: Scope) -> Truth:
        """A node where a boolean is asked for; any other value is an error."""

    def result(self, node: Node, scope: Scope) -> Result:
        """A node where any value is asked for."""
