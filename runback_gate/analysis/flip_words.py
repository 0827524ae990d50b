"""Why a verdict flipped, in one line.

In: a rule on both sides, what each said of a step, and the step. Out: a `Reason`.

    explain_flip(match, RuleResult("fail", "rule", "refund above 100"), PASS, step, DifferenceFinder(engine, data))
    # Reason("c.arguments.amount <= params.limit", "amount <= limit: 250 <= 100 false → 250 <= 500 true")
"""

from __future__ import annotations

from runback_gate.analysis.flip import DifferenceFinder, Form, Reason
from runback_gate.change.matches import RuleMatch, Side
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.evaluate import NOT_EVALUATED, RuleResult, RuleSet, StepUnderTest


def explain_flip(
    match: RuleMatch, base: RuleResult, head: RuleResult, step: StepUnderTest, finder: DifferenceFinder
) -> Reason:
    """The sub-expression that flipped with its values, or what else made the difference."""
    for result in (base, head):
        # A condition that errs, and a step that cannot be judged at all, are no matter of the expression.
        if result.outcome == "error" and result.cause != "rule":
            return Reason("", result.message.removeprefix(NOT_EVALUATED))
    if match.base is None or match.head is None:
        return finder.between(*(None if side is None else _form(side) for side in (match.base, match.head)))
    if "skip" in (base.outcome, head.outcome):
        return _skipped(match.base[0], match.head[0], step, finder, on_base=base.outcome == "skip")
    return finder.between(_form(match.base), _form(match.head))


def _skipped(base: Policy, head: Policy, step: StepUnderTest, finder: DifferenceFinder, *, on_base: bool) -> Reason:
    """Why one side does not concern the step: its match lists, or the first of its conditions that is false."""
    skips, judges = (base, head) if on_base else (head, base)
    where = "base" if on_base else "head"
    if skips.scope != step.scope:
        return Reason("", f"the policy on {where} is about {skips.scope}s")
    if not RuleSet(skips.agents, skips.tags, (), ()).concerns(step.agent, step.tags):
        return Reason("", f"the policy on {where} is not for this agent or case: {_match(skips)}")
    false = (item for item in skips.conditions if finder.holds(_condition(skips, item)) is False)
    condition = next(false)
    known = next((item for item in judges.conditions if condition.name == item.name), None)
    form = _condition(skips, condition)
    if known is None:
        found, only = finder.between(form, None), f" (only on {where})"
    else:
        pair = (form, _condition(judges, known))
        found, only = finder.between(*(pair if on_base else pair[::-1])), ""
    return Reason(found.expression, f"match condition {condition.name}: {found.text}{only}")


def _match(policy: Policy) -> str:
    lists = (("agents", policy.agents), ("tags", policy.tags))
    return ", ".join(f"{name} {' '.join(items)}" for name, items in lists if items)


def _form(side: Side) -> Form:
    return _condition(side[0], side[1].expression)


def _condition(policy: Policy, expression: Expression) -> Form:
    return Form(expression.source, policy.params, {item.name: item.source for item in policy.variables})
