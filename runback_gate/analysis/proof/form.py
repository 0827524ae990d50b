"""The two forms of a changed rule: one to prove from, and one that judges the steps that show a difference.

In: a policy as it was and as it is. Out: a `Form` of one of its rules, and a function that judges a step by both.

    before, after = form(base, "refunds.limit"), form(head, "refunds.limit")
    confirming(base, head, "refunds.limit", (CppEngine(), PyEngine()))
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from runback_gate.analysis.proof.example import Example, seen
from runback_gate.cel.engine import Engine
from runback_gate.cel.inline import inline
from runback_gate.cel.parser import Node
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.evaluate import BoundStep, RuleResult, StepUnderTest, compile_policy, results
from runback_gate.policy.finding import RuleOutcome


@dataclass(frozen=True, slots=True)
class Form:
    """A rule with the match conditions of its policy; params and variables are put in."""

    id: str
    conditions: tuple[Node, ...]
    rule: Node
    ignore_errors: bool = False
    """Whether the rule lets a step pass on which it cannot be evaluated."""


def form(policy: Policy, rule: str) -> Form:
    """A rule of a policy. Raises ExpressionError: an expression does not compile."""
    variables = {item.name: item.source for item in policy.variables}

    def tree(expression: Expression) -> Node:
        try:
            return inline(expression.source, policy.params, variables, flat=True).tree
        except ExpressionError:
            return inline(expression.source, policy.params, variables).tree

    found = next(item for item in policy.rules if item.id == rule)
    conditions = tuple(tree(item) for item in policy.conditions)
    return Form(rule, conditions, tree(found.expression), policy.ignore_errors)


class Judges:
    """Judges steps by both forms of a rule, on every engine."""

    def __init__(self, base: Policy, head: Policy, rule: str, engines: Sequence[Engine]) -> None:
        """Compile. Raises ExpressionError."""
        self.rule = rule
        self.ignoring = (base.ignore_errors, head.ignore_errors)
        self.engines = tuple(engines)
        # Which agents and cases a policy is about is no part of what its rules say.
        self.sides = [
            tuple(compile_policy(_alone(policy, rule), engine) for policy in (base, head)) for engine in self.engines
        ]

    def outcomes(self, step: Example) -> list[tuple[RuleResult, RuleResult]]:
        """What the old and the new form say, by engine."""
        data = seen(step)
        found = []
        for engine, sides in zip(self.engines, self.sides, strict=True):
            bound = StepUnderTest("", (), partial(BoundStep, engine, data))
            old, new = (results((side,), bound)[self.rule] for side in sides)
            found.append((old, new))
        return found

    def stops(self, outcome: RuleOutcome, side: int) -> bool:
        """Whether a form stops the step of which it says this: side 0 is the old one."""
        return outcome == "fail" or (outcome == "error" and not self.ignoring[side])

    def confirm(self, step: Example, direction: str) -> str:
        """`was false, is true`, where every engine says that the rule became looser, or stricter, on this step."""
        found = self.outcomes(step)
        wanted = (True, False) if direction == "looser" else (False, True)
        if any((self.stops(old.outcome, 0), self.stops(new.outcome, 1)) != wanted for old, new in found):
            return ""
        old, new = found[0]
        return f"was {_WORDS[old.outcome]}, is {_WORDS[new.outcome]} (both engines)"


def written(policy: Policy, step: Example) -> Example:
    """A step as a test of the policy writes it: of an agent and a case that the policy concerns.

    `step` is what expressions see of one (`example.seen`). Judge anew what this gives: rules may read what is changed.
    """
    found: dict[str, Any] = json.loads(json.dumps(step))
    agent, case = found["agent"], found["case"]
    if policy.agents and not any(matches_name(pattern, agent["name"]) for pattern in policy.agents):
        agent["name"] = policy.agents[0].replace("*", "").replace("?", "x")
    if policy.tags and not set(policy.tags) & set(case["tags"]):
        case["tags"] = [*case["tags"], policy.tags[0]]
    for call in (*found["response"]["tool_calls"], *found["baseline"].get("tool_calls", ())):
        if call["id"] == "":
            del call["id"]
    if not found["baseline"]:
        del found["baseline"]
    return found


_WORDS = {"pass": "true", "fail": "false", "error": "an error", "skip": "left out"}


def _alone(policy: Policy, rule: str) -> Policy:
    rules = tuple(replace(item, message_expression=None) for item in policy.rules if item.id == rule)
    return replace(policy, agents=(), tags=(), rules=rules)
