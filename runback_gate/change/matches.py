"""Which policy on base became which policy on head, by the ids of their rules.

In: the policies on both sides. Out: a `PolicyMatch` for each policy whose bytes are not on the other side too.

    match_policies(base, head)[0].rules     # (RuleMatch("refunds.limit", (policy, rule), (policy, rule)), …)

A rule belongs to where its id is, so a policy that was renamed, moved, split or merged is no change by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runback_gate.change.loosening import changed_rules
from runback_gate.change.model import Change
from runback_gate.change.policies import policy_changes, rule_added, rule_removed
from runback_gate.frozen import dataclass
from runback_gate.policy.document import AnyRule, JudgedRule, Policy, PolicyRule

Side = tuple[Policy, PolicyRule]
AnySide = tuple[Policy, AnyRule]


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule on both sides."""

    id: str
    base: Side | None
    head: Side | None


@dataclass(frozen=True, slots=True)
class JudgedMatch:
    """A rule on both sides that a judge model decides on one of them at least, so that no record shows what became of
    it."""

    id: str
    base: AnySide | None
    head: AnySide | None

    @property
    def changed(self) -> bool:
        """Whether both sides have it, and it may say something else."""
        if self.base is None or self.head is None:
            return False
        return self.id in changed_rules(self.base[0], self.head[0])


@dataclass(frozen=True, slots=True)
class PolicyMatch:
    """A policy on head and what it was, or a policy on base that was removed."""

    policy: Policy
    """The policy on head; on base when it was removed."""
    removed: bool
    previous: Policy | None
    """The policy on base that has its name, or that had another name which is gone; None for a new one."""
    owners: tuple[Policy, ...]
    """Every policy on base that has one of its rules."""
    rules: tuple[RuleMatch, ...]
    """Those that an expression decides wherever they are."""
    judged: tuple[JudgedMatch, ...] = ()

    @property
    def new(self) -> bool:
        """Whether nothing of it was on base."""
        return self.previous is None and not self.owners

    @property
    def sources(self) -> tuple[Policy, ...]:
        """Every policy on base that it may have a rule from, each once."""
        return _unique(item for item in (self.previous, *self.owners) if item is not None)

    def changes(self) -> tuple[Change, ...]:
        """What was changed in it, field by field; nothing for a policy that is new or gone as a whole.

        Of a policy on base that it merely has a rule from, what does neither loosen nor tighten is left out.
        """
        found: list[Change] = []
        if self.removed or self.new:
            return ()
        for owner in self.sources:
            changed = policy_changes(owner, self.policy)
            found += [change for change in changed if owner is self.previous or change.direction != "neutral"]
        rules: tuple[RuleMatch | JudgedMatch, ...] = (*self.rules, *self.judged)
        found += [rule_added(rule.head[1]) for rule in rules if rule.head and not rule.base]
        found += [rule_removed(rule.base[1]) for rule in rules if rule.base and not rule.head]
        return tuple(dict.fromkeys(found))


def match_policies(base: Sequence[Policy], head: Sequence[Policy]) -> tuple[PolicyMatch, ...]:
    """The policies that are not the same on both sides: those of head in their order, then those that were removed."""
    before, after = _sides(base), _sides(head)
    was_named, now_named = {item.name: item for item in base}, {item.name for item in head}
    unchanged = {item.digest for item in base} & {item.digest for item in head}
    pairs, followed = [], set()
    for policy in head:
        if policy.digest in unchanged:
            continue
        ids = [rule.id for rule in policy.every_rule]
        owners = _unique(before[rule][0] for rule in ids if rule in before)
        was = was_named.get(policy.name) or next((item for item in owners if item.name not in now_named), None)
        if was is not None:
            followed.add(was.name)
            ids += [rule.id for rule in was.every_rule if rule.id not in after]
        pairs.append(PolicyMatch(policy, False, was, owners, *_matched(ids, before, after)))
    for policy in base:
        lost = [rule.id for rule in policy.every_rule if rule.id not in after]
        if lost and policy.name not in now_named and policy.name not in followed:
            pairs.append(PolicyMatch(policy, True, policy, (policy,), *_matched(lost, before, after)))
    return tuple(pairs)


def _matched(
    ids: Iterable[str], base: Mapping[str, AnySide], head: Mapping[str, AnySide]
) -> tuple[tuple[RuleMatch, ...], tuple[JudgedMatch, ...]]:
    rules, judged = [], []
    for rule in ids:
        before, after = base.get(rule), head.get(rule)
        expressed = [_expressed(side) for side in (before, after)]
        if any(said is None for side, said in zip((before, after), expressed, strict=True) if side is not None):
            judged.append(JudgedMatch(rule, before, after))
        else:
            rules.append(RuleMatch(rule, *expressed))
    return tuple(rules), tuple(judged)


def _expressed(side: AnySide | None) -> Side | None:
    """A side on which an expression decides; else None."""
    return None if side is None or isinstance(side[1], JudgedRule) else (side[0], side[1])


def _sides(policies: Iterable[Policy]) -> dict[str, AnySide]:
    return {rule.id: (policy, rule) for policy in policies for rule in policy.every_rule}


def _unique(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    return tuple({item.name: item for item in policies}.values())
