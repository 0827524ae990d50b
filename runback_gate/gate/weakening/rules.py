"""Policies that the head removed or rewrote.

In: the plans of base and head. Out: the weakenings of their policies. Rules are found by id wherever they stand, so a
file may be renamed, split or sorted anew. Expressions are compared word by word with their params and variables put in,
so layout, comments and names of variables mean nothing.

    tuple(weaker_rules(base, head))

A rule that reads otherwise is reported even if it should be stricter: no comparison of two texts shows that it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from runback_gate.cel.inline import inline
from runback_gate.cel.words import Words, words
from runback_gate.documents import Document, Pointer
from runback_gate.errors import ExpressionError
from runback_gate.gate.plan import Plan
from runback_gate.gate.weakening.model import (
    UNSET,
    Files,
    Weakening,
    brief,
    change,
    differences,
    json_text,
    listed,
    removed,
    unlisted,
)
from runback_gate.name_pattern import covers
from runback_gate.policy.document import ACTIONS, Expression, Policy

_MANY = 64


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


def weaker_rules(base: Plan, head: Plan) -> Iterator[Weakening]:
    """Policies, rules, matches and actions of the base that the head lacks or has otherwise."""
    homes = {rule.id: policy for policy in head.policies for rule in policy.validations}
    names = {policy.name for policy in head.policies}
    for policy in base.policies:
        ids = [rule.id for rule in policy.validations]
        if policy.name not in names and not any(rule in homes for rule in ids):
            message = f"the policy is gone, nothing judges {listed(ids)}"
            gates = (base.gate, head.gate)
            yield unlisted("policy-removed", policy.name, message, "policies", _document(policy), gates)
            continue
        for index, rule in enumerate(ids):
            if rule not in homes:
                message = f"the rule is gone: {brief(policy.validations[index].expression.source)}"
                pointer = ("spec", "validations", index)
                yield removed("validation-removed", rule, message, _document(policy), pointer)
        for home in {homes[rule].name: homes[rule] for rule in ids if rule in homes}.values():
            if home.digest != policy.digest:
                yield from _weaker_policy(policy, home)


def _document(policy: Policy) -> Document:
    return policy.validations[0].expression.document


def _weaker_policy(base: Policy, head: Policy) -> Iterator[Weakening]:
    files, name = Files(_document(base), _document(head)), base.name
    if ACTIONS.index(head.action) > ACTIONS.index(base.action):
        message = f"a breach does less: validationActions {change(base.action, head.action)}"
        yield files.weakening("action-lowered", name, message, ("spec", "validationActions"))
    if head.ignore_errors and not base.ignore_errors:
        message = "a rule that cannot be evaluated only warns: failurePolicy Fail → Ignore"
        yield files.weakening("failure-policy-ignore", name, message, ("spec", "failurePolicy"))
    lost = [old for old in base.agents or ("*",) if not any(covers(new, old) for new in head.agents or ("*",))]
    if lost:
        said = change(listed(base.agents, "all"), listed(head.agents, "all"))
        message = f"it concerns fewer agents: match.agents {said}"
        yield files.weakening("match-narrowed", name, message, ("spec", "match", "agents"))
    if head.tags and not (base.tags and set(base.tags) <= set(head.tags)):
        said = change(listed(base.tags, "all"), listed(head.tags, "all"))
        message = f"it concerns fewer cases: match.tags {said}"
        yield files.weakening("match-narrowed", name, message, ("spec", "match", "tags"))
    yield from _changed_text(files, base, head)


def _changed_text(files: Files, base: Policy, head: Policy) -> Iterator[Weakening]:
    """What is put into expressions that stayed as written, then the expressions that did not."""
    then, now = (_Texts(item.params, {each.name: each.source for each in item.variables}) for item in (base, head))
    rules = {rule.id: rule.expression for rule in head.validations}
    pairs = [(rule.expression, rules[rule.id]) for rule in base.validations if rule.id in rules]
    conditions = {words(item.source): item for item in head.conditions}
    pairs += [(item, conditions[words(item.source)]) for item in base.conditions if words(item.source) in conditions]
    changed = [(old, new) for old, new in pairs if then.words(old.source) != now.words(new.source)]
    kept = [old.source for old, new in changed if words(old.source) == words(new.source)]
    causes = tuple(_changed_ingredients(files, base.name, then, now, kept)) if kept else ()
    yield from causes
    yield from _changed_conditions(files, base, head, then, now)
    for old, new in changed:
        if not causes or words(old.source) != words(new.source):
            message = f"the expression is another: {change(old.source, new.source)}"
            yield files.weakening("expression-changed", new.name, message, new.pointer)


def _changed_ingredients(files: Files, name: str, then: _Texts, now: _Texts, kept: list[str]) -> Iterator[Weakening]:
    """Params and variables that differ, for rules that read as before and say something else.

    Those that the rules name; all where they name none, since a rule may also use `params` as a whole.
    """
    sources = [*kept, *then.variables.values(), *now.variables.values()]
    named = {word[1] for source in sources for word in words(source)}
    params = tuple(differences(then.params, now.params))
    for path, old, new in [item for item in params if item[0][0] in named] or params:
        message = f"a value in a rule is another: params.{'.'.join(path)} {change(old, new)}"
        yield files.weakening("params-changed", name, message, ("spec", "params", *path))
    places = [_variables(document) for document in (files.base, files.head)]
    for key, source in then.variables.items():
        other = now.variables.get(key)
        if key in named and (other is None or words(source) != words(other)):
            message = f"what rules read is another: variables.{key} {change(source, UNSET if other is None else other)}"
            here = places[1].get(key, ("spec", "variables", len(places[1])))
            yield files.weakening("variable-changed", name, message, here, places[0][key])


def _variables(document: Document) -> dict[str, Pointer]:
    """Where each variable of a policy stands."""
    value: Any = document.value
    entries = value["spec"].get("variables", [])
    return {entry["name"]: ("spec", "variables", index, "expression") for index, entry in enumerate(entries)}


def _changed_conditions(files: Files, base: Policy, head: Policy, then: _Texts, now: _Texts) -> Iterator[Weakening]:
    """All conditions must hold, so one more or another one may let a case out; one less lets more in."""
    known = {then.words(item.source) for item in base.conditions} | {words(item.source) for item in base.conditions}
    named: dict[str, Expression] = {item.name: item for item in base.conditions}
    # To put variables into thousands of conditions takes minutes; as written they are told apart at once.
    few = len(head.conditions) <= _MANY
    for item in head.conditions:
        if words(item.source) in known or (few and now.words(item.source) in known):
            continue
        if item.name in named:
            message = f"it concerns other answers: condition {change(named[item.name].source, item.source)}"
            yield files.weakening("match-condition-changed", base.name, message, item.pointer)
        else:
            message = f"it concerns fewer answers, only where {brief(item.source)}"
            yield files.weakening("match-condition-added", base.name, message, item.pointer[:-1])
