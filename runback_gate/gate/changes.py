"""What a change says differently from its base: the list that a reviewer reads.

In: two gates as they were read. Out: a `GateChange` for each difference: looser or unknown is what weakens the head
against the base, stricter is what would weaken the base against the head, neutral is every other file that differs.

    gate_changes(base, head)[0].direction       # "looser"

One comparison, read in both directions, so nothing can be a weakening and not be listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from runback_gate.change.gate_change import Direction, GateChange
from runback_gate.errors import Location
from runback_gate.gate.plan import Plan
from runback_gate.gate.weakening import Weakening, find_weakenings


def gate_changes(base: Plan, head: Plan) -> tuple[GateChange, ...]:
    """What loosens or may loosen first, then what tightens, then files of which neither can be said.

    Raises:
        InputError: parts of the gates were selected, and not the same ones.
    """
    weaker = find_weakenings(base, head)
    found = [_change(item) for item in weaker]
    known = {(item.kind, item.subject) for item in weaker if item.direction == "unknown"}
    found += [_tightened(item) for item in find_weakenings(head, base) if (item.kind, item.subject) not in known]
    told = {item.location.path for item in found}
    found += [item for item in _files(base, head) if item.location.path not in told]
    return tuple(found)


def _change(item: Weakening) -> GateChange:
    return GateChange(item.kind, item.direction, item.subject, item.before, item.after, item.location, item.side)


def _tightened(item: Weakening) -> GateChange:
    """What weakens the base against the head is what the head adds: before and after change places."""
    side: Literal["head", "base"] = "base" if item.side == "head" else "head"
    direction: Direction = "stricter" if item.direction == "looser" else item.direction
    # The kind says what was taken away, read from the other side.
    kind = item.kind.replace("removed", "added") if "removed" in item.kind else item.kind
    return GateChange(kind, direction, item.subject, item.after, item.before, item.location, side)


def _files(base: Plan, head: Plan) -> Iterator[GateChange]:
    """The files of the head that the base has otherwise or not at all, and those of the base that are gone."""
    before, after = dict(_digests(base)), dict(_digests(head))
    for path in [*after, *(path for path in before if path not in after)]:
        if before.get(path) != after.get(path):
            digests = before.get(path, ""), after.get(path, "")
            yield GateChange("changed", "neutral", path, *digests, Location(path), "head" if path in after else "base")


def _digests(plan: Plan) -> Iterator[tuple[str, str]]:
    yield plan.gate.path, plan.gate.digest
    for agent in plan.agents:
        yield from ((file.path, file.digest) for file in agent.files)
    for items in (plan.datasets, plan.policies, plan.waivers):
        yield from ((item.path, item.digest) for item in items)
