"""Rows that are not cases: obligations of the gate itself, such as an expired waiver.

In: a plan, and what its cases made of its waivers. Out: red rows.

    waiver_rows(plan, used={"w"}, undecided=set())
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Literal

from runback_gate.errors import Location
from runback_gate.gate.plan import Plan
from runback_gate.gate.verdict import Row, Verdict


def waiver_rows(plan: Plan, used: Set[str], undecided: Set[str]) -> list[Row]:
    """A red row for each waiver that is expired, or that waives nothing in a run of the whole gate.

    Args:
        plan: the gate with its waivers.
        used: names of the waivers that took a finding out of the verdict.
        undecided: ids of the undecided cases; where a waiver names one, nobody knows yet what it waives.
    """
    rows = []
    for waiver in plan.waivers:
        if waiver.expired(plan.day):
            why = f"expired on {waiver.expires}: fix the breach or have {waiver.owner} renew it"
        elif waiver.name not in used and not plan.selection and undecided.isdisjoint(waiver.cases):
            why = "waives nothing: no case breaks what it names, so remove it"
        else:
            continue
        rows.append(gate_row("waiver", waiver.name, why, waiver.location))
    return rows


def gate_row(
    kind: Literal["waiver", "weakening", "scan"], name: str, why: str, location: Location, **changes: Any
) -> Row:
    """A red row of the gate itself, without an answer."""
    said: dict[str, Any] = {"verdict": Verdict.FAIL, **changes}
    return Row(kind=kind, case=name, why=why, location=location, **said)
