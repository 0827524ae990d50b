"""What an analysis of policies says of a file: lint, names of tools, scopes, schemas.

Diagnostic("warning", location, "no agent has a tool 'refnud'", "did you mean 'refund'?")
"""

from __future__ import annotations

from typing import Literal

from runback_gate.errors import Location
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is wrong or risky in a policy file."""

    level: Literal["error", "warning"]
    """An error keeps the policy from being used."""
    location: Location
    """The place in the file."""
    message: str
    """What it is, beginning with the name of the expression."""
    hint: str | None
    """What to write, where that is known."""
