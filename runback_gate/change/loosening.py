"""Fields of a policy that ask for less than before, or may.

In: a policy, and the one that it is compared with. Out: a `Loosening` for each such field. Read from
base to head it finds what loosens, from head to base what tightens.

    tuple(loosenings(base, head))       # (Loosening("params-changed", ("params", "limit"), "refunds", "…"),)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from runback_gate.cel.inline import inline
from runback_gate.cel.words import Words, words
from runback_gate.change.model import UNSET, Kind, brief, changed, differences, json_text, listed
from runback_gate.errors import ExpressionError
from runback_gate.name_pattern import covers
from runback_gate.policy.document import AnyRule, Expression, JudgedRule, Policy
from runback_gate.policy.finding import ACTIONS

Key = tuple[str, ...]
"""Which field: `("params", "limit")`, `("validations", "refunds.limit", "expression")`."""

_MANY = 64


class Loosening(NamedTuple):
    """A field that asks for less, or may."""

    kind: Kind
    key: Key
    subject: str
    message: str
    """One sentence with both values."""


class _Texts(NamedTuple):
    """What the expressions of a policy are made of."""

    params: Mapping[str, Any]
    variables: Mapping[str, str]

    def words(self, source: str) -> Words:
        """An expression with params and variables put in; where that fails, everything it could have been made of."""
        try:
            # Sorted, because a map that is put in whole means the same in any order.
            return words(inline(source, json.loads(json_text(self.params)), self.variables, flat=True).text)
        except ExpressionError:
            return (("malformed", source), ("params", json_text(self.params)), *self.variables.items())


def changed_rules(base: Policy, head: Policy) -> tuple[str, ...]:
    """The rules of both policies that decide otherwise, as far as a comparison of words can tell."""
    then, now = (_Texts(item.params, {each.name: each.source for each in item.variables}) for item in (base, head))
    many = max(len(base.conditions), len(head.conditions)) > _MANY
    said = [
        {words(item.source) if many else texts.words(item.source) for item in side.conditions}
        for side, texts in ((base, then), (head, now))
    ]
    whole = said[0] != said[1] or many or base.ignore_errors != head.ignore_errors
    rules = {rule.id: rule.expression.source for rule in head.rules}
    return (
        *(
            rule.id
            for rule in base.rules
            if rule.id in rules and (whole or then.words(rule.expression.source) != now.words(rules[rule.id]))
        ),
        *(old.id for old, new in judged_pairs(base, head) if whole or _judge_changes(old, new)),
    )


def judged_pairs(base: Policy, head: Policy) -> Iterator[tuple[AnyRule, AnyRule]]:
    """The rules of both policies that a judge model decides on one side at least, as base and as head have them."""
    rules = {rule.id: rule for rule in head.every_rule}
    for rule in base.every_rule:
        other = rules.get(rule.id)
        if other is not None and (isinstance(rule, JudgedRule) or isinstance(other, JudgedRule)):
            yield rule, other


def judge_texts(old: AnyRule, new: AnyRule) -> tuple[str, str]:
    """What decides such a rule on both sides; of two rubrics what differs."""
    if isinstance(old, JudgedRule) and isinstance(new, JudgedRule):
        found = tuple(differences(old.rubric.model_dump(mode="json"), new.rubric.model_dump(mode="json")))
        return tuple(json_text({".".join(path): sides[at] for path, *sides in found}) for at in (0, 1))  # type: ignore[return-value]
    return _decider_text(old), _decider_text(new)


def _decider_text(rule: AnyRule) -> str:
    return f"judge: {rule.text}" if isinstance(rule, JudgedRule) else rule.text


def _judge_changes(old: AnyRule, new: AnyRule) -> tuple[str, ...]:
    """In which fields two rubrics differ, in words; or that one of the two is none."""
    if isinstance(old, JudgedRule) and isinstance(new, JudgedRule):
        found = differences(old.rubric.model_dump(mode="json"), new.rubric.model_dump(mode="json"))
        return tuple(changed(f"judge.{'.'.join(path)}", before, after) for path, before, after in found)
    return (changed("what decides", _decider_text(old), _decider_text(new)),)


def loosenings(base: Policy, head: Policy) -> Iterator[Loosening]:
    """What the head asks for less, or may; rules that only one of them has are left out."""
    name = base.name
    if ACTIONS.index(head.action) > ACTIONS.index(base.action):
        message = changed("validationActions", base.action, head.action, "a breach counts for less")
        yield Loosening("action-lowered", ("validationActions",), name, message)
    # What only warns is not stopped by an error either way.
    if head.ignore_errors and not base.ignore_errors and "Deny" in (base.action, head.action):
        message = changed("failurePolicy", "Fail", "Ignore", "a rule that cannot be evaluated only warns")
        yield Loosening("failure-policy-ignore", ("failurePolicy",), name, message)
    if head.scope != base.scope:
        message = changed(
            "scope", base.scope, head.scope, f"the policy judges {head.scope}s, and no {base.scope} any more"
        )
        yield Loosening("scope-changed", ("scope",), name, message)
    if not all(any(covers(new, old) for new in head.agents or ("*",)) for old in base.agents or ("*",)):
        agents = listed(base.agents, "all"), listed(head.agents, "all")
        message = changed("match.agents", *agents, "fewer agents are judged")
        yield Loosening("match-narrowed", ("match", "agents"), name, message)
    if head.tags and not (base.tags and set(base.tags) <= set(head.tags)):
        message = changed("match.tags", listed(base.tags, "all"), listed(head.tags, "all"), "fewer cases are judged")
        yield Loosening("match-narrowed", ("match", "tags"), name, message)
    yield from _changed_text(base, head)
    for old, new in judged_pairs(base, head):
        if changes := _judge_changes(old, new):
            yield Loosening("judge-changed", ("validations", old.id, "judge"), old.id, "; ".join(changes))


def _changed_text(base: Policy, head: Policy) -> Iterator[Loosening]:
    """What is put into expressions that stayed as written, then the expressions that did not."""
    then, now = (_Texts(item.params, {each.name: each.source for each in item.variables}) for item in (base, head))
    rules = {rule.id: rule.expression for rule in head.rules}
    pairs: list[tuple[Key, Expression, Expression]] = [
        (("validations", rule.id, "expression"), rule.expression, rules[rule.id])
        for rule in base.rules
        if rule.id in rules
    ]
    conditions = {words(item.source): item for item in head.conditions}
    for item in base.conditions:
        twin = conditions.get(words(item.source))
        if twin is not None:
            pairs.append((("matchConditions", twin.name), item, twin))
    differing = [pair for pair in pairs if then.words(pair[1].source) != now.words(pair[2].source)]
    kept = [old.source for _, old, new in differing if words(old.source) == words(new.source)]
    causes = tuple(_changed_ingredients(base.name, then, now, kept)) if kept else ()
    yield from causes
    yield from _changed_conditions(base, head, then, now)
    for key, old, new in differing:
        if not causes or words(old.source) != words(new.source):
            message = changed("the expression", old.source, new.source)
            yield Loosening("expression-changed", key, new.name, message)


def _changed_ingredients(name: str, then: _Texts, now: _Texts, kept: list[str]) -> Iterator[Loosening]:
    """Params and variables that differ, for rules that read as before and say something else.

    Those that the rules name; all where they name none, since a rule may also use `params` as a whole.
    """
    sources = [*kept, *then.variables.values(), *now.variables.values()]
    named = {word[1] for source in sources for word in words(source)}
    params = tuple(differences(then.params, now.params))
    for path, old, new in [item for item in params if item[0][0] in named] or params:
        message = changed(f"params.{'.'.join(path)}", old, new)
        yield Loosening("params-changed", ("params", *path), name, message)
    for key, source in then.variables.items():
        other = now.variables.get(key)
        if key in named and (other is None or words(source) != words(other)):
            message = changed(f"variables.{key}", source, UNSET if other is None else other)
            yield Loosening("variable-changed", ("variables", key), name, message)


def _changed_conditions(base: Policy, head: Policy, then: _Texts, now: _Texts) -> Iterator[Loosening]:
    """All conditions must hold, so one more or another one may let a case out; one less lets more in."""
    known = {then.words(item.source) for item in base.conditions} | {words(item.source) for item in base.conditions}
    named: dict[str, Expression] = {item.name: item for item in base.conditions}
    # To put variables into thousands of conditions takes minutes; as written they are told apart at once.
    few = len(head.conditions) <= _MANY
    for item in head.conditions:
        if words(item.source) in known or (few and now.words(item.source) in known):
            continue
        key = ("matchConditions", item.name)
        if item.name in named:
            message = changed(f"match condition {item.name}", named[item.name].source, item.source)
            yield Loosening("match-condition-changed", key, base.name, message)
        else:
            message = f"match condition {item.name} was added, so fewer answers are judged: {brief(item.source)}"
            yield Loosening("match-condition-added", key, base.name, message)
