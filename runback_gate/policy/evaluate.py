"""Judge one answer by rules: policies and dataset checks alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runback_gate.errors import Location

Action = Literal["Deny", "Warn", "Audit"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an answer breaks, or that cannot be evaluated on it."""

    rule: str
    """`refunds.limit` for a policy validation, `toolCalled escalate` for a check of the case."""
    policy: str
    """Name of the policy; empty for a check."""
    outcome: Literal["fail", "error"]
    action: Action
    """Deny blocks, Warn is shown, Audit is kept in the report."""
    message: str
    """One line for people. May hold text that a model wrote."""
    values: tuple[tuple[str, str], ...]
    """The sub-expressions that decided and their values as compact JSON. Holds text that a model wrote."""
    location: Location
    """The validation or the check in its file."""
    waiver: str | None = None
    """Name of the waiver that takes this finding out of the verdict."""
