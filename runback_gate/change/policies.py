"""Changes in policies, field by field, each with its direction and its place.

In: a policy on base and on head, or two whole gates. Out: `Change`s. Expressions are compared word by word with their
params and variables put in, so layout, comments and names of variables ask for nothing else.

    policy_changes(base, head)[0].field         # "params.limit"
    tuple(changed_policies(base_gate, head_gate))

A rule that reads otherwise is of unknown direction even if it should be stricter: no comparison of two texts shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from runback_gate.change.loosening import Key, Loosening, changed_rules, judge_texts, judged_pairs, loosenings
from runback_gate.change.model import (
    UNSET,
    Change,
    Direction,
    Side,
    brief,
    differences,
    holds,
    json_text,
    listed,
    loosened,
    opposite,
    unlisted,
)
from runback_gate.change.proof import Proof
from runback_gate.change.sides import GateSide
from runback_gate.documents import Pointer
from runback_gate.frozen import dataclass
from runback_gate.policy.document import AnyRule, JudgedRule, Policy

NONE: Mapping[str, Proof] = MappingProxyType({})
"""No proofs."""
_PROVABLE = frozenset(
    ("expression-changed", "params-changed", "variable-changed", "match-condition-added", "match-condition-changed")
)
"""Changes of what a rule says; who is judged, and what a breach counts for, is no part of a proof."""


@dataclass(frozen=True, slots=True)
class _Field:
    text: str
    """What it says; where the file leaves it out, what that means."""
    pointer: Pointer


Fields = dict[Key, _Field]


def changed_policies(base: GateSide, head: GateSide, proofs: Mapping[str, Proof] = NONE) -> Iterator[Change]:
    """Policies, rules and fields in which two gates differ, those of the base first; `proofs` by id of the rule.

    Rules are found by id wherever they stand, so a file may be renamed, split or sorted anew.
    """
    homes = {rule.id: policy for policy in head.policies for rule in policy.every_rule}
    origins = {rule.id for policy in base.policies for rule in policy.every_rule}
    names = [{policy.name for policy in side.policies} for side in (base, head)]
    for policy in base.policies:
        ids = [rule.id for rule in policy.every_rule]
        if policy.name not in names[1] and not any(rule in homes for rule in ids):
            message = f"the policy was removed, so nothing judges {listed(ids)}"
            gates = (base.gate, head.gate)
            yield unlisted("policy-removed", policy.name, message, "policies", policy.document, gates)
            continue
        yield from (rule_removed(rule) for rule in policy.every_rule if rule.id not in homes)
        for home in {homes[rule].name: homes[rule] for rule in ids if rule in homes}.values():
            yield from policy_changes(policy, home, proofs)
    for policy in head.policies:
        fresh = [rule for rule in policy.every_rule if rule.id not in origins]
        if policy.name not in names[0] and len(fresh) == len(policy.every_rule):
            place = policy.document.key_mark(("metadata", "name"))
            yield Change("policy-added", "stricter", policy.name, "", policy.name, place, "head")
        else:
            yield from map(rule_added, fresh)


def rule_removed(rule: AnyRule) -> Change:
    """What a rule leaves that only the base has."""
    text, place = brief(rule.text), rule.document.key_mark(rule.pointer)
    field, message = f"rule {rule.id}", f"the rule was removed: {text}"
    return Change("validation-removed", "looser", rule.id, text, "", place, "base", field, message)


def rule_added(rule: AnyRule) -> Change:
    """What a rule brings that only the head has."""
    text, place = brief(rule.text), rule.document.key_mark(rule.pointer)
    return Change("validation-added", "stricter", rule.id, "", text, place, "head", f"rule {rule.id}")


def policy_changes(base: Policy, head: Policy, proofs: Mapping[str, Proof] = NONE) -> tuple[Change, ...]:
    """The fields in which two policies differ: what loosens or may, what tightens, what does neither.

    Rules that only one of the two has are left out: they may stand elsewhere. A change of which a proof says, for
    every length, that it lets nothing pass that was stopped, loosens nothing.
    """
    if base.digest == head.digest:
        return ()
    pair = _Pair(base, head, *_fields(base, head))
    found, told, unknown = [], set(), set()
    for item in loosenings(base, head):
        direction, message = loosened(item.kind), item.message
        if proved := _proved(item, base, head, proofs):
            direction, message = proved[0], f"{message}; {proved[1]}"
        found.append(pair.change(item.kind, direction, item.key, item.subject, message))
        told.add(item.key)
        if loosened(item.kind) == "unknown":
            unknown.add(item.key)
    for item in loosenings(head, base):
        if item.key not in unknown:
            found.append(pair.change(opposite(item.kind), "stricter", item.key, item.subject))
            told.add(item.key)
    found += [pair.change("changed", "neutral", key, base.name) for key in pair.reworded() if key not in told]
    return tuple(found)


def _proved(item: Loosening, base: Policy, head: Policy, proofs: Mapping[str, Proof]) -> tuple[Direction, str] | None:
    """What proofs make of a change, and their words; None where nothing was proved of it.

    It is free where all rules that it touches are. Of those that are not, the first is told.
    """
    if item.kind not in _PROVABLE or not proofs:
        return None
    one = item.kind == "expression-changed" and item.key[0] == "validations"
    rules = (item.key[1],) if one else changed_rules(base, head)
    found = [proofs[rule] for rule in rules if rule in proofs]
    red = [proof for proof in found if not proof.frees]
    if red:
        told = next((proof for proof in red if proof.loosens), red[0])
        return loosened(item.kind), told.words if one else f"{told.rule} {told.words}"
    if not found or len(found) < len(rules):
        return None
    stricter = [proof for proof in found if proof.verdict == "stricter"]
    return ("stricter" if stricter else "neutral"), (stricter or found)[0].words


@dataclass(frozen=True, slots=True)
class _Pair:
    base: Policy
    head: Policy
    then: Fields
    now: Fields

    def change(self, kind: str, direction: Direction, key: Key, subject: str, message: str = "") -> Change:
        """The change of a field, placed in the head's file unless only the base's has it."""
        before, after = self.then.get(key), self.now.get(key)
        documents = self.base.document, self.head.document
        on_base = before is not None and holds(documents[0], before.pointer)
        if after is None or (on_base and not holds(documents[1], after.pointer)):
            side, field = self.base, before
        else:
            side, field = self.head, after
        assert field is not None  # noqa: S101  a key is that of a field on one side at least
        place = side.document.key_mark(field.pointer)
        texts = [brief(item.text) if item else "" for item in (before, after)]
        name = f"{key[1]} {key[2]}" if key[0] == "validations" else ".".join(key)
        where: Side = "base" if side is self.base else "head"
        return Change(kind, direction, subject, texts[0], texts[1], place, where, name, message)

    def reworded(self) -> Iterator[Key]:
        """The fields that read otherwise; a condition under another name reads as it did."""
        for key in dict.fromkeys((*self.now, *self.then)):
            before, after = self.then.get(key), self.now.get(key)
            alone = before if after is None else after if before is None else None
            if alone is not None:
                others = self.now if after is None else self.then
                if key[0] == "matchConditions" and any(_same_condition(name, it, alone) for name, it in others.items()):
                    continue
                yield key
            elif before is not None and after is not None and before.text != after.text:
                yield key


def _same_condition(key: Key, field: _Field, other: _Field) -> bool:
    return key[0] == "matchConditions" and field.text == other.text


def _fields(base: Policy, head: Policy) -> tuple[Fields, Fields]:
    """All that two policies say, by what it is; of params what differs, of rules those that both have."""
    shared = {rule.id for rule in base.rules} & {rule.id for rule in head.rules}
    then, now = _said(base, shared), _said(head, shared)
    for pair in judged_pairs(base, head):
        for fields, rule, text in zip((then, now), pair, judge_texts(*pair), strict=True):
            word = "judge" if isinstance(rule, JudgedRule) else "expression"
            fields["validations", rule.id, "judge"] = _Field(text, (*rule.pointer, word))
            fields["validations", rule.id, "message"] = _Field(rule.message, (*rule.pointer, "message"))
    for path, old, new in differences(base.params, head.params):
        for fields, value in ((then, old), (now, new)):
            if value is not UNSET:
                fields["params", *path] = _Field(json_text(value), ("spec", "params", *path))
    return then, now


def _said(policy: Policy, shared: set[str]) -> Fields:
    spec = {
        ("validationActions",): policy.action,
        ("failurePolicy",): "Ignore" if policy.ignore_errors else "Fail",
        ("scope",): policy.scope,
        ("match", "agents"): ", ".join(policy.agents) or "all",
        ("match", "tags"): ", ".join(policy.tags) or "all",
    }
    fields: Fields = {("metadata", "name"): _Field(policy.name, ("metadata", "name"))}
    fields |= {key: _Field(text, ("spec", *key)) for key, text in spec.items()}
    for group, items in (("matchConditions", policy.conditions), ("variables", policy.variables)):
        fields |= {(group, item.name): _Field(item.source, item.pointer) for item in items}
    for rule in policy.rules:
        if rule.id in shared:
            written = rule.message_expression
            text = written.source if written else rule.message or policy.description
            pointer = written.pointer if written else (*rule.expression.pointer[:-1], "message")
            fields["validations", rule.id, "expression"] = _Field(rule.expression.source, rule.expression.pointer)
            fields["validations", rule.id, "message"] = _Field(text, pointer)
    return fields
