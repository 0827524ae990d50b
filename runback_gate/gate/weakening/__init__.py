"""What a change takes away from the gate that judges it.

In: two gates as they were read, that of the base and that of the head. Out: a `Weakening` for each thing that the base
asks and the head does not, or asks otherwise. Nothing is read and nothing is evaluated: what a rewritten rule comes to
is another question.

    for item in find_weakenings(base, head):
        print(item.location, item.message)      # policies/refunds.yaml:9:12 … params.limit 100 → 500
    approved(approval, head_commit)             # whether a person has accepted them, for this very commit

Additions are no weakening: more rules, cases, checks and trials, Warn → Deny, one waiver less. Neither is another file
name, another layout, another message.
"""

from __future__ import annotations

from runback_gate.errors import InputError
from runback_gate.gate.plan import Plan
from runback_gate.gate.weakening.approval import approved, refusal
from runback_gate.gate.weakening.cases import weaker_agents, weaker_datasets
from runback_gate.gate.weakening.model import KINDS, Kind, Side, Weakening
from runback_gate.gate.weakening.rules import weaker_rules
from runback_gate.gate.weakening.settings import weaker_settings
from runback_gate.gate.weakening.waivers import weaker_waivers

__all__ = ["KINDS", "Kind", "Side", "Weakening", "approved", "find_weakenings", "refusal"]


def find_weakenings(base: Plan, head: Plan) -> tuple[Weakening, ...]:
    """Compare two gates, or the same part of both.

    Raises:
        InputError: parts of the gates were selected, and not the same ones: what was left out would look removed, or
            would not be looked at.

    Returns:
        Config first, then policies, agents, datasets, waivers, each in the order of the base's files.
    """
    if base.selection != head.selection:
        parts = [", ".join(plan.selection) or "all" for plan in (base, head)]
        hint = "select the same on both sides, or nothing"
        raise InputError(f"parts of two gates cannot be compared: {parts[0]} and {parts[1]}", hint=hint)
    return (
        *weaker_settings(base.gate, head.gate),
        *weaker_rules(base, head),
        *weaker_agents(base, head),
        *weaker_datasets(base, head),
        *weaker_waivers(base.waivers, head.waivers),
    )
