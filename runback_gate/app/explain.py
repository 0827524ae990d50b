"""`policy explain`: why a validation says what it says of one step.

In: policies, the id of a validation, and a step. Out: each expression that has a say, with the value of every part.

    for item in explain_step(files.policies, "refunds.limit", step):
        item.values, item.facts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runback_gate.app.policies import with_lint_messages
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.explain import SubValue, deciding, explain
from runback_gate.documents import suggestion
from runback_gate.errors import InputError
from runback_gate.policy.context import step_data
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.evaluate import compile_policy
from runback_gate.step import Step


@dataclass(frozen=True, slots=True)
class Explanation:
    """An expression and what each part of it was."""

    expression: Expression
    values: tuple[SubValue, ...]

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """The few parts and values that decided, where the whole is false."""
        return deciding(self.values)


def explain_step(policies: Sequence[Policy], rule: str, step: Step) -> tuple[Explanation, ...]:
    """The match conditions of the policy that has the validation `rule`, then the validation itself.

    Raises:
        InputError: no validation has this id, or its policy does not compile.
    """
    owner = next((item for item in policies if any(entry.id == rule for entry in item.validations)), None)
    if owner is None:
        ids = [entry.id for item in policies for entry in item.validations]
        raise InputError(f"no validation is named {rule!r}", hint=suggestion(rule, ids))
    engine = CppEngine()
    with with_lint_messages((owner,)):
        compile_policy(owner, engine)
    data = step_data(step)
    variables = {item.name: item.source for item in owner.variables}
    expressions = [*owner.conditions, next(entry.expression for entry in owner.validations if entry.id == rule)]
    return tuple(
        Explanation(item, explain(item.source, params=owner.params, variables=variables, engine=engine, data=data))
        for item in expressions
    )
