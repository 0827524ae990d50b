"""Why a verdict flipped, in one line.

In: a validation on both sides, what each said of a step, and the data of the step. Out: a `Reason`.

    why(track, ("fail", "refund above 100"), ("pass", ""), answer)
    # Reason("c.arguments.amount <= params.limit", "amount <= limit: 250 <= 100 false → 250 <= 500 true")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runback_gate.analysis.flip import Flip, Form, Reason
from runback_gate.change.matches import Side, Track
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.evaluate import RuleSet

State = tuple[str, str]
"""pass, fail, error or skip; and the message of a failure or an error."""

_OWN = "cannot be evaluated: "
# How the message of an expression that errs begins.


class Answer(Protocol):
    """What is asked about."""

    @property
    def agent(self) -> str:
        """The name of the agent that answered."""

    @property
    def tags(self) -> Sequence[str]:
        """The tags of the case."""

    @property
    def reader(self) -> Flip:
        """What explains expressions for it."""


def why(track: Track, base: State, head: State, answer: Answer) -> Reason:
    """The sub-expression that flipped with its values, or what else made the difference."""
    for said, message in (base, head):
        # A condition that errs, and a step that cannot be judged at all, are no matter of the expression.
        own = message.startswith(_OWN) and not message.startswith(f"{_OWN}match condition ")
        if said == "error" and not own:
            return Reason("", message.removeprefix(_OWN))
    if track.base is None or track.head is None:
        return answer.reader.between(*(None if side is None else _form(side) for side in (track.base, track.head)))
    if "skip" in (base[0], head[0]):
        return _skipped(track.base[0], track.head[0], answer, on_base=base[0] == "skip")
    return answer.reader.between(_form(track.base), _form(track.head))


def _skipped(base: Policy, head: Policy, answer: Answer, *, on_base: bool) -> Reason:
    """Why one side does not concern the step: its match lists, or the first of its conditions that is false."""
    skips, judges = (base, head) if on_base else (head, base)
    where = "base" if on_base else "head"
    if not RuleSet(skips.agents, skips.tags, (), ()).concerns(answer.agent, answer.tags):
        return Reason("", f"the policy on {where} is not for this agent or case: {_match(skips)}")
    false = (item for item in skips.conditions if answer.reader.holds(_condition(skips, item)) is False)
    condition = next(false)
    known = next((item for item in judges.conditions if condition.name == item.name), None)
    form = _condition(skips, condition)
    if known is None:
        found, only = answer.reader.between(form, None), f" (only on {where})"
    else:
        pair = (form, _condition(judges, known))
        found, only = answer.reader.between(*(pair if on_base else pair[::-1])), ""
    return Reason(found.expression, f"match condition {condition.name}: {found.text}{only}")


def _match(policy: Policy) -> str:
    lists = (("agents", policy.agents), ("tags", policy.tags))
    return ", ".join(f"{name} {' '.join(items)}" for name, items in lists if items)


def _form(side: Side) -> Form:
    return _condition(side[0], side[1].expression)


def _condition(policy: Policy, expression: Expression) -> Form:
    return Form(expression.source, policy.params, {item.name: item.source for item in policy.variables})
