"""One difference between two gates: what it does to what the gate asks, where it stands, and what stood there before.

In: nothing; the comparison (`gate.weakening`) makes these. Out: `GateChange`, from which the red rows, the list of what
changed and the review of policies are read.

    GateChange("params-changed", "unknown", "refunds", "100", "500", Location("policies/refunds.yaml", 9, 12), "head")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runback_gate.errors import Location

Direction = Literal["looser", "stricter", "neutral", "unknown"]
"""`unknown`: no comparison of two texts can tell; the record or a proof may."""


@dataclass(frozen=True, slots=True)
class GateChange:
    """Something that two gates say differently."""

    kind: str
    """As the kinds of weakenings (`params-changed`); `changed` for a file that asks for nothing less or more."""
    direction: Direction
    subject: str
    """`refunds.limit`, `refunds/disputed-charge-escalates`, `agents/support.md`."""
    before: str
    """What stood there, cut where it is long; empty for nothing. Holds text of the base's author."""
    after: str
    """What stands there now, likewise. Holds text of the head's author."""
    location: Location
    side: Literal["head", "base"]
    """Whose file `location` means."""
