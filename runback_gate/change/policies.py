"""What was changed in a policy, field by field, and what of it loosens or tightens whatever the record says.

In: a policy, or a validation, on base and on head. Out: `Change`s with the place of each.

    policy_changes(base, head)      # (Change("params.limit", "100", "500", path="policies/refunds.yaml", line=9, …),)

A change has a direction of its own where no recorded step is needed to know it: Deny to Warn, a narrower match, a
validation less. What an expression or a param lets through is for the record to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runback_gate.documents import cut
from runback_gate.name_pattern import covers
from runback_gate.policy.document import ACTIONS, Expression, Policy, Validation

Direction = Literal["", "stricter", "looser", "mixed"]
Pointer = tuple[str | int, ...]

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Change:
    """A field that says something else."""

    what: str
    """`params.limit`, `validationActions`, `refunds.limit expression`."""
    base: str
    """Its value on base, at most 60 characters; empty where it is new."""
    head: str
    """Its value on head; empty where it was removed."""
    direction: Direction
    """What the change does whatever the record says; empty where only the record can tell."""
    side: Literal["base", "head"]
    """Whose file `path` is: head's, save for what was removed."""
    path: str
    line: int


def policy_changes(base: Policy, head: Policy) -> tuple[Change, ...]:
    """The changes of a policy save those of its validations."""
    pair = _Pair(base, head)
    found = [
        *pair.field("metadata.name", lambda item: item.name),
        *pair.field("validationActions", lambda item: item.action, _action_direction),
        *pair.field("failurePolicy", _failure, _failure_direction),
        *pair.field(
            "match.agents",
            lambda item: ", ".join(item.agents) or "all",
            lambda old, new: _match_direction(old.agents, new.agents, covers),
        ),
        *pair.field(
            "match.tags",
            lambda item: ", ".join(item.tags) or "all",
            lambda old, new: _match_direction(old.tags, new.tags),
        ),
        *pair.entries("params", _params(base), _params(head)),
        *pair.entries(
            "matchConditions",
            _expressions(base.conditions, head.conditions),
            _expressions(head.conditions, base.conditions),
            added="looser",
            removed="stricter",
        ),
        *pair.entries("variables", _expressions(base.variables), _expressions(head.variables)),
    ]
    return tuple(found)


def validation_changes(base: tuple[Policy, Validation] | None, head: tuple[Policy, Validation] | None) -> list[Change]:
    """The changes of one validation; that of a side that has none is the only one."""
    shown = head or base
    if shown is None:
        return []
    rule = shown[1]
    if base is None or head is None:
        place = rule.expression.location
        side: Literal["base", "head"] = "base" if head is None else "head"
        text = _text(rule.expression.source)
        was, now = ("", text) if base is None else (text, "")
        direction: Direction = "stricter" if base is None else "looser"
        return [Change(f"validation {rule.id}", was, now, direction, side, place.path, place.line or 1)]
    old, new = base[1], rule
    found = []
    if old.expression.source != new.expression.source:
        place = new.expression.location
        was, now = _text(old.expression.source), _text(new.expression.source)
        found.append(Change(f"{rule.id} expression", was, now, "", "head", place.path, place.line or 1))
    was, now = _message(*base), _message(*head)
    if was != now:
        place = (new.message_expression or new.expression).location
        found.append(Change(f"{rule.id} message", _text(was), _text(now), "", "head", place.path, place.line or 1))
    return found


def _message(policy: Policy, rule: Validation) -> str:
    return rule.message_expression.source if rule.message_expression else rule.message or policy.description


def _text(text: str) -> str:
    return cut(" ".join(text.split()), _SHOWN)


Entries = dict[str, tuple[Pointer, str]]
"""What stands under each name: where, and its text."""


@dataclass(frozen=True, slots=True)
class _Pair:
    base: Policy
    head: Policy

    def change(self, what: str, base: str, head: str, pointer: Pointer, direction: Direction, *, gone: bool) -> Change:
        policy = self.base if gone else self.head
        place = policy.validations[0].expression.document.key_mark(pointer)
        side: Literal["base", "head"] = "base" if gone else "head"
        return Change(what, _text(base), _text(head), direction, side, place.path, place.line or 1)

    def field(
        self,
        what: str,
        value: Callable[[Policy], str],
        direction: Callable[[Policy, Policy], Direction] = lambda *_: "",
    ) -> Iterator[Change]:
        """A field that every policy has, also where it is not written."""
        base, head = value(self.base), value(self.head)
        if base != head:
            pointer = tuple(what.split(".")) if what.startswith("metadata") else ("spec", *what.split("."))
            yield self.change(what, base, head, pointer, direction(self.base, self.head), gone=False)

    def entries(
        self, what: str, base: Entries, head: Entries, added: Direction = "", removed: Direction = ""
    ) -> Iterator[Change]:
        """Fields that a policy may have, by name."""
        for name, (pointer, text) in head.items():
            if name not in base:
                yield self.change(f"{what}.{name}", "", text, pointer, added, gone=False)
            elif base[name][1] != text:
                yield self.change(f"{what}.{name}", base[name][1], text, pointer, "", gone=False)
        for name, (pointer, text) in base.items():
            if name not in head:
                yield self.change(f"{what}.{name}", text, "", pointer, removed, gone=True)


def _params(policy: Policy) -> Entries:
    """The leaves of params by their dotted path."""

    def leaves(value: Any, path: str, pointer: Pointer) -> Iterator[tuple[str, tuple[Pointer, str]]]:
        if isinstance(value, dict) and (value or not path):
            for key, item in value.items():
                yield from leaves(item, f"{path}.{key}" if path else key, (*pointer, key))
        else:
            yield path, (pointer, json.dumps(value, ensure_ascii=False))

    return dict(leaves(policy.params, "", ("spec", "params")))


def _expressions(items: Sequence[Expression], other: Sequence[Expression] = ()) -> Entries:
    """Expressions by their name, without those that the other side has under whatever name."""
    known = {item.source for item in other}
    return {item.name: (item.pointer[:-1], item.source) for item in items if item.source not in known}


def _failure(policy: Policy) -> str:
    return "Ignore" if policy.ignore_errors else "Fail"


def _failure_direction(base: Policy, head: Policy) -> Direction:
    # What only warns is not stopped by an error either way.
    if "Deny" not in (base.action, head.action):
        return ""
    return "looser" if head.ignore_errors else "stricter"


def _action_direction(base: Policy, head: Policy) -> Direction:
    return "looser" if ACTIONS.index(head.action) > ACTIONS.index(base.action) else "stricter"


def _match_direction(
    base: Sequence[str], head: Sequence[str], covers: Callable[[str, str], bool] = str.__eq__
) -> Direction:
    """Whether a match list concerns fewer cases, more, or others; an empty one concerns all."""
    narrower = bool(head) and (not base or not all(any(covers(wide, one) for wide in head) for one in base))
    wider = bool(base) and (not head or not all(any(covers(wide, one) for wide in base) for one in head))
    return "mixed" if narrower and wider else "looser" if narrower else "stricter" if wider else ""
