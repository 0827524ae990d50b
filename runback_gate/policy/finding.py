"""What rules say of an answer, as rows and reports keep it: findings, and the grades of judges.

In: nothing. Out: values. Whoever reads a report needs neither rules nor an engine.

    Finding("refunds.limit", "refunds", "fail", "Deny", "refund above 100", (), location)
"""

from __future__ import annotations

from typing import Literal

from runback_gate.errors import Location
from runback_gate.frozen import dataclass

Action = Literal["Deny", "Warn", "Audit"]
ACTIONS: tuple[Action, ...] = ("Deny", "Warn", "Audit")
"""What may be done about a breach, the strictest first."""
RuleOutcome = Literal["pass", "fail", "error", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an answer breaks, or that cannot be evaluated on it."""

    rule: str
    """`refunds.limit` for a rule of a policy, `toolCalled escalate` for a check of the case."""
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
    """The rule or the check in its file."""
    waiver: str | None = None
    """Name of the waiver that takes this finding out of the verdict."""
    side: Literal["head", "base"] = "head"
    """The revision whose rule it is."""
    fingerprint: str = ""
    """Of a failure: SHA-256 of all that decides the rule. Two rules are one rule when this is the same, whatever they
    are called; empty where an older report does not say it."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a judge says of one answer."""

    rule: str
    """Title of the check, or id of the rule of a policy."""
    request: str
    """Digest of the question; empty where none could be asked."""
    model: str
    threshold: int
    """Per cent of all points that were needed."""
    score: str | None
    """Median of the samples that count, per cent of all points with one decimal; None when none counts."""
    samples: tuple[str, ...]
    """Each sample: `apology 7, no promise 10`, or why it does not count."""
    passed: bool | None
    """Whether most of all samples reach the threshold; None while that is open."""
    why: str = ""
    """Why it is open; empty when it is not."""
    stored: tuple[str | None, ...] = ()
    """Digest of the cache entry that held each sample; null where none did."""

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """What decided, for people."""
        return (
            ("score", "null" if self.score is None else self.score),
            ("threshold", str(self.threshold)),
            *((f"sample {number}", text) for number, text in enumerate(self.samples, 1)),
        )
