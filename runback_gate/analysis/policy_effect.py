"""The effect of changed policies on recorded steps, as a report keeps it.

In: nothing. Out: values, which `effect` makes. Whoever reads a report needs no engine for it.

    effect.word                 # "looser"
    effect.flips[0].why         # "amount <= limit: 250 <= 100 false → 250 <= 500 true"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Literal

from runback_gate.cel.environment import Scope
from runback_gate.change.model import Side
from runback_gate.frozen import dataclass
from runback_gate.policy.finding import RuleOutcome
from runback_gate.values import LEFT_OUT

Word = Literal["stricter", "looser", "mixed", "same on record", "new", "removed", "unknown"]
"""`unknown`: a rule that a judge model decides may say something else, and no record shows what."""
Kind = Literal["newly permitted", "newly failing", "now error", "no longer error", "now skipped", "no longer skipped"]
KINDS: tuple[Kind, ...] = (
    "newly permitted",
    "newly failing",
    "now error",
    "no longer error",
    "now skipped",
    "no longer skipped",
)
"""Ways in which a verdict flips, those first that a reviewer must see."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A recorded step on which a rule says something else."""

    validation: str
    run: str
    """As `RecordedStep.run`."""
    step: int | str | None
    """As `RecordedStep.step`; None where the rule is about the whole run."""
    kind: Kind
    base: RuleOutcome
    """`skip` also where there is no such rule."""
    head: RuleOutcome
    expression: str
    """The sub-expression that flipped, as written."""
    why: str
    """It with its values: `amount <= limit: 250 <= 100 false → 250 <= 500 true`. Holds text that a model wrote."""
    answer: str
    """What was answered, in short. Text that a model wrote."""


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What became of one rule on the record."""

    id: str
    state: Literal["kept", "new", "removed", "judged"]
    """`judged`: a judge model decides it. On the record none was asked, so nothing is counted of it."""
    counts: tuple[tuple[Kind, int], ...]
    """How many steps flipped in which way; ways without any are left out."""
    messages: int
    """Steps that fail on both sides with another message."""
    flips: tuple[Flip, ...]
    """The first `MAX_FLIPS` of each kind."""

    @property
    def flipped(self) -> int:
        """How many steps flipped."""
        return sum(number for _, number in self.counts)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a policy that says something else: a `Change`, as the report writes it."""

    what: str
    """`params.limit`, `ruleActions`, `refunds.limit expression`."""
    base: str
    """Its value on base, at most 60 characters; empty where it is new."""
    head: str
    """Its value on head; empty where it was removed."""
    direction: Literal["", "stricter", "looser", "mixed"]
    """What the change does whatever the record says; empty where only the record can tell."""
    side: Side
    """Whose file `path` is: head's, save for what was removed."""
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What became of a policy whose text is another."""

    policy: str
    """Its name on head; on base when head has none."""
    word: Word
    changes: tuple[FieldChange, ...]
    validations: tuple[RuleEffect, ...]
    steps: int
    """Recorded steps that were judged on both sides."""
    same: int
    """Those of them on which no rule of the policy flipped."""
    matched: int
    """Those of them that the policy on head concerns; for a removed one, the policy on base."""
    path: str
    """Its file on head; on base for a removed one."""
    line: int
    scope: Scope = field(default="step", metadata=LEFT_OUT)
    """What it judges on head, on base for a removed one: `steps`, `same` and `matched` are counts of that."""

    @property
    def vacuous(self) -> bool:
        """Whether it matched no recorded step though there were some."""
        return self.steps > 0 and self.matched == 0

    @property
    def judged(self) -> tuple[str, ...]:
        """The rules of which nothing is known here, since a judge model decides them."""
        return tuple(item.id for item in self.validations if item.state == "judged")

    @property
    def loosens(self) -> bool:
        """Whether something is let through that was stopped, or may be."""
        return self.word in ("looser", "mixed", "removed", "unknown")

    @property
    def flips(self) -> tuple[Flip, ...]:
        """The flips of all its rules, those first that a reviewer must see."""
        found = (flip for item in self.validations for flip in item.flips)
        return tuple(sorted(found, key=lambda flip: KINDS.index(flip.kind)))


def judged_on(effects: Iterable[PolicyEffect], scope: Scope = "step") -> int:
    """How many recorded steps, or runs, effects rest on."""
    return max((effect.steps for effect in effects if effect.scope == scope), default=0)
