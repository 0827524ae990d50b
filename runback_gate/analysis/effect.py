"""What a change of policies does: the same recorded steps under two sets of policies.

In: the policies on base and on head, an engine, recorded steps. Out: a `PolicyEffect` for each policy whose text is
another: one word for it, what was changed and where, and each step whose verdict flipped, with the reason.

    effects = compare_policies(base, head, CppEngine(), recorded(run))
    effects[0].word             # "looser"
    effects[0].flips[0].why     # "amount <= limit: 250 <= 100 false → 250 <= 500 true"

A rule is known by its id, wherever it lies. A policy whose file has the same bytes is not looked at, and of the
others no rule is evaluated that is the same program on both sides. "Same" is what the record says, never a proof.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from runback_gate.analysis.flip import DifferenceFinder
from runback_gate.analysis.flip_words import explain_flip
from runback_gate.analysis.policy_effect import KINDS, FieldChange, Flip, Kind, PolicyEffect, RuleEffect, Word
from runback_gate.analysis.recorded import Recorded, RecordedRun
from runback_gate.cel.engine import Engine
from runback_gate.cel.projection import needs
from runback_gate.change.matches import PolicyMatch, RuleMatch, match_policies
from runback_gate.change.model import Change
from runback_gate.frozen import dataclass
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import Layout
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import (
    NOT_CONCERNED,
    Rule,
    RuleResult,
    RuleSet,
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
    return Comparison(changed_policies(base, head), engine, limit=limit).effects(steps)


@dataclass(frozen=True, slots=True)
class ChangedPolicy:
    """A policy that is not the same on both sides."""

    match: PolicyMatch
    unjudged: PolicyEffect
    """What is said of it before any step is judged."""


def changed_policies(base: Sequence[Policy], head: Sequence[Policy]) -> tuple[ChangedPolicy, ...]:
    """The policies that are not the same on both sides, head's in their order, then those that are gone."""
    return tuple(ChangedPolicy(match, _unjudged(match)) for match in match_policies(base, head))


class Comparison:
    """Changed policies of two sides, compiled once to judge any parts of the record."""

    def __init__(self, changed: Iterable[ChangedPolicy], engine: Engine, *, limit: int = MAX_FLIPS) -> None:
        """As `compare_policies`, which also says what it raises."""
        self._policies = [_Compiled(item, engine) for item in changed]
        self._engine = engine
        self._limit = limit
        asked = [rules for item in self._policies for rules in item.sets]
        self._batches = Batches(engine, asked)
        self._reads = frozenset[str]().union(*(rules.reads for rules in asked))
        self._needs = needs(frozenset[str]().union(*(rules.paths for rules in asked)))

    def effects(self, steps: Iterable[Recorded]) -> tuple[PolicyEffect, ...]:
        """What became of each policy on these steps and runs; without a policy none is taken."""
        found = [_Counted(policy, self._limit) for policy in self._policies]
        layout = Layout(self._needs)
        for step in steps if found else ():
            answer = _Asked(self._engine, step, layout, self._reads, self._batches)
            for counted in found:
                counted.take(answer)
        return tuple(counted.effect() for counted in found)


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

    def __init__(self, engine: Engine, step: Recorded, layout: Layout, reads: frozenset[str], batches: Batches) -> None:
        self.engine = engine
        self.step = step
        self.under_test = (
            step.under_test(engine, reads) if isinstance(step, RecordedRun) else step.projected(engine, layout, batches)
        )

    @cached_property
    def finder(self) -> DifferenceFinder:
        """What explains a flip on it."""
        return DifferenceFinder(self.engine, self.under_test.bound.whole())


class _Compiled:
    """One policy on both sides. Of its rules those are judged that are not the same on both."""

    def __init__(self, changed: ChangedPolicy, engine: Engine) -> None:
        self.match, self.unjudged = changed.match, changed.unjudged
        head = None if self.match.removed else compile_policy(self.match.policy, engine)
        base = {item.name: compile_policy(item, engine) for item in self.match.sources}
        self.whole = base[self.match.policy.name] if head is None else head
        """Whom the policy concerns, whether it is on head or gone."""
        self.rules = tuple(match for match in self.match.rules if not _same(match, base, head))
        asked = {match.id for match in self.rules}
        self.base = [rules.only([rule for rule in rules.rules if rule.id in asked]) for rules in base.values()]
        self.head = [] if head is None else [head.only([rule for rule in head.rules if rule.id in asked])]
        self.sets = (*self.base, *self.head)
        self.scopes = {rules.scope for rules in self.sets}


def _same(match: RuleMatch, base: Mapping[str, RuleSet], head: RuleSet | None) -> bool:
    """Whether a rule is the same program with the same words on both sides, so that no step tells them apart."""
    if match.base is None or match.head is None or head is None:
        return False
    old, new = (
        next((rules, rule) for rule in rules.rules if rule.id == match.id) for rules in (base[match.base[0].name], head)
    )
    return fingerprint(*old) == fingerprint(*new)


class _Counted:
    """One policy on both sides, and what the steps of a part so far said of it."""

    def __init__(self, policy: _Compiled, limit: int) -> None:
        self.policy = policy
        self.limit = limit
        self.counts: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
        self.flips: defaultdict[str, list[Flip]] = defaultdict(list)
        self.messages: Counter[str] = Counter()
        self.directions: set[Word] = set()
        self.steps = self.same = self.matched = 0

    def take(self, answer: _Asked) -> None:
        """Judge one more step, or run, if that is what the policy is about."""
        if answer.under_test.scope not in self.policy.scopes:
            return
        self.steps += 1
        shared = shared_result(self.policy.whole, answer.under_test)
        self.matched += shared is None or shared.outcome != "skip"
        head = results(self.policy.head, answer.under_test)
        base = results(self.policy.base, answer.under_test)
        flipped = False
        for match in self.policy.rules:
            before, after = base.get(match.id, _ABSENT), head.get(match.id, _ABSENT)
            kind = _kind(match, before.outcome, after.outcome)
            if kind is not None:
                flipped = True
                self._flip(match, kind, before, after, answer)
            elif before.outcome == after.outcome == "fail" and before.message != after.message:
                self.messages[match.id] += 1
        self.same += not flipped

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
        unjudged = self.policy.unjudged
        return replace(
            unjudged,
            word=_joined({unjudged.word, *self.directions}),
            validations=tuple(map(self._rule, unjudged.validations)),
            steps=self.steps,
            same=self.same,
            matched=self.matched,
        )

    def _rule(self, unjudged: RuleEffect) -> RuleEffect:
        rule, counts = unjudged.id, self.counts[unjudged.id]
        numbers = tuple((kind, counts[kind]) for kind in KINDS if counts[kind])
        return replace(unjudged, counts=numbers, messages=self.messages[rule], flips=tuple(self.flips[rule]))


def _unjudged(match: PolicyMatch) -> PolicyEffect:
    """What is said of a policy before any step is judged."""
    policy, changes = match.policy, _fields(match.changes())
    rules = (RuleEffect(rule.id, _state(rule), (), 0, ()) for rule in match.rules)
    judged = (RuleEffect(rule.id, "judged", (), 0, ()) for rule in match.judged)
    return PolicyEffect(
        policy=policy.name,
        word=_word(match, changes),
        changes=changes,
        validations=(*rules, *judged),
        steps=0,
        same=0,
        matched=0,
        path=policy.location.path,
        line=policy.location.line or 1,
        scope=policy.scope,
    )


def _state(match: RuleMatch) -> Literal["kept", "new", "removed"]:
    return "new" if match.base is None else "removed" if match.head is None else "kept"


def _word(match: PolicyMatch, changes: Sequence[FieldChange]) -> Word:
    if match.removed or match.new:
        return "removed" if match.removed else "new"
    unknown = {"unknown"} if any(rule.changed for rule in match.judged) else set()
    return _joined(unknown | {change.direction for change in changes})


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
