"""What a change of policies does: the same recorded steps under two sets of policies.

In: the policies on base and on head, an engine, recorded steps. Out: a `PolicyEffect` for each policy whose text is
another: one word for it, what was changed and where, and each step whose verdict flipped, with the reason.

    effects = compare_policies(base, head, CppEngine(), recorded(run))
    effects[0].word             # "looser"
    effects[0].flips[0].why     # "amount <= limit: 250 <= 100 false → 250 <= 500 true"

A rule is known by its id, wherever it lies. A policy whose file has the same bytes is not looked at, and of the
others no rule is evaluated twice that compiles to the same program. "Same" is what the record says, never a proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from runback_gate.analysis.flip import DifferenceFinder
from runback_gate.analysis.flip_words import explain_flip
from runback_gate.analysis.policy_effect import KINDS, FieldChange, Flip, Kind, PolicyEffect, RuleEffect, Word
from runback_gate.analysis.recorded import Recorded
from runback_gate.cel.engine import Engine
from runback_gate.change.matches import PolicyMatch, RuleMatch, match_policies
from runback_gate.change.model import Change
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import (
    NOT_CONCERNED,
    Rule,
    RuleResult,
    RuleSet,
    StepUnderTest,
    compile_policy,
    results,
    shared_result,
)
from runback_gate.policy.finding import RuleOutcome

MAX_FLIPS = 100
"""Flips that are kept for each rule and kind; all are counted."""

_ABSENT = NOT_CONCERNED
# What a rule says on the side that does not have it.


def compare_policies(
    base: Sequence[Policy],
    head: Sequence[Policy],
    engine: Engine,
    steps: Iterable[Recorded],
    *,
    limit: int = MAX_FLIPS,
) -> tuple[PolicyEffect, ...]:
    """What became of each policy that is not the same on both sides, head's in their order, then those that are gone.

    The steps, and runs for policies over runs, are taken one by one and not kept; without a difference none is taken.

    Raises:
        ExpressionError: an expression of one side breaks a limit or does not compile.
    """
    found = [_Comparison(match, engine, limit) for match in match_policies(base, head)]
    reads = frozenset[str]().union(*(item.reads for item in found))
    for step in steps if found else ():
        answer = _Asked(engine, step, reads)
        for comparison in found:
            comparison.take(answer)
    return tuple(comparison.effect() for comparison in found)


def add_effects(effects: Iterable[PolicyEffect], order: Callable[[Flip], Any], *, limit: int) -> PolicyEffect:
    """What became of one policy on all of several parts of the steps, as one comparison would say it of all of them.

    Args:
        effects: of the same policy; at least one.
        order: the place of a step among all, to sort by; flips of one place stay as they are.
        limit: as of `compare_policies`.
    """
    parts = list(effects)
    words = {word for item in parts for word in (("looser", "stricter") if item.word == "mixed" else (item.word,))}
    return replace(
        parts[0],
        word=_joined(words),
        validations=tuple(
            _added(items, order, limit) for items in zip(*(item.validations for item in parts), strict=True)
        ),
        steps=sum(item.steps for item in parts),
        same=sum(item.same for item in parts),
        matched=sum(item.matched for item in parts),
    )


def _added(parts: Sequence[RuleEffect], order: Callable[[Flip], Any], limit: int) -> RuleEffect:
    counts: Counter[Kind] = Counter()
    for item in parts:
        counts.update(dict(item.counts))
    kept: list[Flip] = []
    shown: Counter[Kind] = Counter()
    for flip in sorted((flip for item in parts for flip in item.flips), key=order):
        shown[flip.kind] += 1
        if shown[flip.kind] <= limit:
            kept.append(flip)
    numbers = tuple((kind, counts[kind]) for kind in KINDS if counts[kind])
    return replace(parts[0], counts=numbers, messages=sum(item.messages for item in parts), flips=tuple(kept))


def _joined(words: Collection[str]) -> Word:
    """One word for what several say of a policy."""
    whole: tuple[Word, ...] = ("removed", "new")
    for word in whole:
        if word in words:
            return word
    if {"looser", "stricter"} <= set(words) or "mixed" in words:
        return "mixed"
    ranked: tuple[Word, ...] = ("looser", "unknown", "stricter")
    return next((word for word in ranked if word in words), "same on record")


class _Asked:
    """A recorded step or run, and what explains a flip on it; both are made when first needed."""

    def __init__(self, engine: Engine, step: Recorded, reads: frozenset[str]) -> None:
        self.engine = engine
        self.step = step
        self.under_test = step.under_test(engine, reads)

    @cached_property
    def finder(self) -> DifferenceFinder:
        """What explains a flip on it."""
        return DifferenceFinder(self.engine, self.under_test.bound.data)


class _Comparison:
    """One policy on both sides, and what the steps so far said of it."""

    def __init__(self, policy_match: PolicyMatch, engine: Engine, limit: int) -> None:
        self.policy_match = policy_match
        self.limit = limit
        self.head = None if policy_match.removed else compile_policy(policy_match.policy, engine)
        self.sets = {item.name: compile_policy(item, engine) for item in policy_match.sources}
        whole = [*self.sets.values(), *([] if self.head is None else [self.head])]
        self.scopes = {rules.scope for rules in whole}
        self.reads = frozenset[str]().union(*(rules.reads for rules in whole if rules.scope == "run"))
        self.shared = {match.id for match in policy_match.rules if self._same(match)}
        self.base = [
            replace(rules, rules=tuple(rule for rule in rules.rules if self._asked(rule.id)))
            for rules in self.sets.values()
        ]
        self.counts: dict[str, Counter[Kind]] = {match.id: Counter() for match in policy_match.rules}
        self.flips: dict[str, list[Flip]] = {match.id: [] for match in policy_match.rules}
        self.messages: Counter[str] = Counter()
        self.directions: set[str] = set()
        self.steps = self.same = self.matched = 0

    def _asked(self, rule: str) -> bool:
        return rule in {match.id for match in self.policy_match.rules} and rule not in self.shared

    def _same(self, match: RuleMatch) -> bool:
        """Whether a rule is the same program with the same words on both sides, so that one answer is enough."""
        if match.base is None or match.head is None or self.head is None:
            return False
        old, new = (
            next((rules, rule) for rule in rules.rules if rule.id == match.id)
            for rules in (self.sets[match.base[0].name], self.head)
        )
        return fingerprint(*old) == fingerprint(*new)

    def take(self, answer: _Asked) -> None:
        """Judge one more step, or run, if that is what the policy is about."""
        if answer.under_test.scope not in self.scopes:
            return
        head = {} if self.head is None else results([self.head], answer.under_test)
        base = results(self.base, answer.under_test)
        self.steps += 1
        said = (base if self.head is None else head).values()
        self.matched += any(item.outcome != "skip" for item in said) or self._to_grade(answer.under_test)
        flipped = False
        for match in self.policy_match.rules:
            after = head.get(match.id, _ABSENT)
            before = after if match.id in self.shared else base.get(match.id, _ABSENT)
            kind = _kind(match, before.outcome, after.outcome)
            if kind is not None:
                flipped = True
                self._flip(match, kind, before, after, answer)
            elif before.outcome == after.outcome == "fail" and before.message != after.message:
                self.messages[match.id] += 1
        self.same += not flipped

    def _to_grade(self, step: StepUnderTest) -> bool:
        """Whether a judge model would have been asked about a step, or a condition of that cannot be evaluated."""
        if not self.policy_match.policy.judged:
            return False
        shared = shared_result(self.head or self.sets[self.policy_match.policy.name], step)
        return shared is None or shared.outcome != "skip"

    def _flip(self, match: RuleMatch, kind: Kind, before: RuleResult, after: RuleResult, answer: _Asked) -> None:
        counts = self.counts[match.id]
        counts[kind] += 1
        if match.base is not None and match.head is not None:
            was, now = _strength(before.outcome, match.base[0]), _strength(after.outcome, match.head[0])
            self.directions.add("stricter" if now > was else "looser")
        if counts[kind] > self.limit:
            return
        reason = explain_flip(match, before, after, answer.under_test, answer.finder)
        step = answer.step
        self.flips[match.id].append(
            Flip(
                validation=match.id,
                run=step.run,
                step=step.step,
                kind=kind,
                base=before.outcome,
                head=after.outcome,
                expression=reason.expression,
                why=reason.text,
                answer=step.answer,
            )
        )

    def effect(self) -> PolicyEffect:
        """What all steps said."""
        changes = _fields(self.policy_match.changes())
        policy = self.policy_match.policy
        return PolicyEffect(
            policy=policy.name,
            word=self._word(changes),
            changes=changes,
            validations=(
                *(self._rule(match) for match in self.policy_match.rules),
                *(RuleEffect(match.id, "judged", (), 0, ()) for match in self.policy_match.judged),
            ),
            steps=self.steps,
            same=self.same,
            matched=self.matched,
            path=policy.location.path,
            line=policy.location.line or 1,
            scope=policy.scope,
        )

    def _rule(self, match: RuleMatch) -> RuleEffect:
        state: Literal["kept", "new", "removed"] = "kept"
        if match.base is None or match.head is None:
            state = "new" if match.base is None else "removed"
        counts = self.counts[match.id]
        numbers = tuple((kind, counts[kind]) for kind in KINDS if counts[kind])
        return RuleEffect(match.id, state, numbers, self.messages[match.id], tuple(self.flips[match.id]))

    def _word(self, changes: Sequence[FieldChange]) -> Word:
        if self.policy_match.removed or self.policy_match.new:
            return "removed" if self.policy_match.removed else "new"
        unknown = {"unknown"} if any(match.changed for match in self.policy_match.judged) else set()
        return _joined(self.directions | unknown | {change.direction for change in changes})


def _fields(changes: Iterable[Change]) -> tuple[FieldChange, ...]:
    """The changes of a policy, each field once: one that concerns fewer agents and others is mixed."""
    found: dict[tuple[str, str, str], FieldChange] = {}
    for item in changes:
        direction: Literal["", "stricter", "looser"] = ""
        if item.direction in ("looser", "stricter"):
            direction = item.direction
        key, line = (item.field, item.before, item.after), item.location.line or 1
        new = FieldChange(*key, direction, item.side, item.location.path, line)
        known = found.setdefault(key, new)
        if {known.direction, direction} == {"looser", "stricter"}:
            found[key] = replace(known, direction="mixed")
    return tuple(found.values())


def fingerprint(rules: RuleSet, rule: Rule) -> tuple[object, ...]:
    """All that decides what a rule says and whom it concerns, its message included."""
    return rules.agents, rules.tags, rules.fingerprint(rule), rule.message, rule.message_program


def _kind(match: RuleMatch, before: RuleOutcome, after: RuleOutcome) -> Kind | None:
    """How a verdict flipped; that a rule which is new or gone holds on a step is no news."""
    known = match.base is not None and match.head is not None
    if before == after or not (known or {"fail", "error"} & {before, after}):
        return None
    if "error" in (before, after):
        return "now error" if after == "error" else "no longer error"
    if "fail" in (before, after):
        return "newly failing" if after == "fail" else "newly permitted"
    return "now skipped" if after == "skip" else "no longer skipped"


def _strength(said: RuleOutcome, policy: Policy) -> tuple[int, int]:
    """How much a verdict stands in the way: first by what it does to a row, then by what it says."""
    rank = ("skip", "pass", "error", "fail").index(said)
    if said in ("skip", "pass"):
        return 0, rank
    if policy.action != "Deny":
        return (2 if policy.action == "Warn" else 1), rank
    return (4 if said == "fail" else 2 if policy.ignore_errors else 3), rank
