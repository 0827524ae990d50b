"""The comparison of two gates.

In: two gates as they were read. Out: a `Change` for each thing that they say differently. What weakens the gate, what a
reviewer of a pull request reads, and what the review of policies says of their text are all read from it.

    for change in compare_gates(base, head):
        print(change.direction, change.location, change.message)    # looser policies/refunds.yaml:9:12 …
    find_weakenings(base, head)                                     # those of them that loosen or may

Nothing is read and nothing is evaluated: what a rewritten rule comes to is another question. More rules, cases, checks
and trials, Warn → Deny, one waiver less loosen nothing. Neither does another file name, layout or message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runback_gate.change.cases import weaker_agents, weaker_datasets
from runback_gate.change.model import Change, tightened
from runback_gate.change.policies import changed_policies
from runback_gate.change.proof import Proof
from runback_gate.change.settings import weaker_settings
from runback_gate.change.sides import GateSide
from runback_gate.change.waivers import weaker_waivers
from runback_gate.errors import InputError, Location


def compare_gates(base: GateSide, head: GateSide, proofs: Iterable[Proof] = ()) -> tuple[Change, ...]:
    """Compare two gates, or the same part of both; `proofs` of rules that both have, made of these two gates.

    Raises:
        InputError: parts of the gates were selected, and not the same ones: what was left out would look removed, or
            would not be looked at.

    Returns:
        What loosens or may loosen first, then what tightens, then what does neither. In each, config first, then
        policies, agents, datasets, waivers, in the order of the files.
    """
    if base.selection != head.selection:
        parts = [", ".join(plan.selection) or "all" for plan in (base, head)]
        hint = "select the same on both sides, or nothing"
        raise InputError(f"parts of two gates cannot be compared: {parts[0]} and {parts[1]}", hint=hint)
    policies = tuple(changed_policies(base, head, {proof.rule: proof for proof in proofs}))
    settings, cases = _weaker(base, head)
    found = [*settings, *policies, *cases]
    known = {(item.kind, item.subject) for item in found if item.direction == "unknown"}
    # What loosens the base against the head is what the head tightens.
    back = [item for part in _weaker(head, base) for item in part]
    found += [tightened(item) for item in back if (item.kind, item.subject) not in known]
    told = {item.location.path for item in found}
    found += [item for item in _files(base, head) if item.location.path not in told]
    return tuple(sorted(found, key=_rank))


def find_weakenings(base: GateSide, head: GateSide) -> tuple[Change, ...]:
    """What the base asks and the head does not, or asks otherwise.

    Raises:
        InputError: as of `compare_gates`.
    """
    return tuple(item for item in compare_gates(base, head) if item.weakens)


def _rank(item: Change) -> int:
    return 0 if item.weakens else 1 if item.direction == "stricter" else 2


def _weaker(base: GateSide, head: GateSide) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """What the head asks less of: of the config, then of agents, datasets and waivers."""
    others = (*weaker_agents(base, head), *weaker_datasets(base, head), *weaker_waivers(base.waivers, head.waivers))
    return tuple(weaker_settings(base.gate, head.gate)), others


def _files(base: GateSide, head: GateSide) -> Iterator[Change]:
    """The files of the head that the base has otherwise or not at all, and those of the base that are gone."""
    before, after = dict(_digests(base)), dict(_digests(head))
    for path in [*after, *(path for path in before if path not in after)]:
        old, new = before.get(path, ""), after.get(path, "")
        if old != new:
            yield Change("changed", "neutral", path, old, new, Location(path), "head" if new else "base")


def _digests(plan: GateSide) -> Iterator[tuple[str, str]]:
    yield plan.gate.path, plan.gate.digest
    for agent in plan.agents:
        yield from ((file.path, file.digest) for file in agent.files)
    for items in (plan.datasets, plan.policies, plan.waivers):
        yield from ((item.path, item.digest) for item in items)
