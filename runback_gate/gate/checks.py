"""The checks of a case as rules: what a dataset asks, compiled as policies are.

In: the checks of a case and an engine. Out: a `RuleSet` in which each check has an id of its own: its title, numbered
where two of one case have the same.

    rules = compile_checks(case.checks, CppEngine())
    judge([rules], step).findings
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.dataset.document import CaseCheck
from runback_gate.errors import ExpressionError
from runback_gate.policy.evaluate import BoundStep, Decider, ExpressionDecider, Rule, RuleSet, check_patterns
from runback_gate.policy.rubric import RubricDecider

if TYPE_CHECKING:
    from runback_gate.policy.json_schema import JsonSchemaProgram

_EXPLAINED = ("cel", "argument")
# Of the other checks the title and the answer say it all.


@dataclass(frozen=True, slots=True, eq=False)
class SchemaDecider:
    """A JSON Schema of the answer's text."""

    schema: dict[str, Any]
    program: JsonSchemaProgram

    @property
    def content(self) -> JsonValue:
        """The schema."""
        return {"jsonSchema": self.schema}

    def decide(self, step: BoundStep) -> Outcome:
        """Whether the text is JSON that keeps the schema."""
        return self.program.decide(step.text)

    def reason(self, step: BoundStep) -> str:
        """The fault that tells most."""
        return self.program.reason(step.text)

    def values(self, step: BoundStep) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """None: the reason says it."""
        return ()


def compile_checks(checks: Sequence[CaseCheck], engine: Engine) -> RuleSet:
    """Compile the checks of a case; a check blocks, and one that cannot be evaluated leaves the row undecided.

    Raises:
        ExpressionError: a `cel` check does not compile, a pattern is no RE2 pattern, or a schema is none.
    """
    seen: Counter[str] = Counter()
    rules = []
    for check in checks:
        seen[check.title] += 1
        title = check.title if seen[check.title] == 1 else f"{check.title} #{seen[check.title]}"
        try:
            decider = _decider(check, engine)
        except ExpressionError as error:
            message = f"{check.title}: {error.message}"
            raise ExpressionError(message, hint=error.hint, location=check.location) from error
        message = f"check does not hold: {title}"
        rules.append(Rule(title, "", "Deny", False, decider, message, None, check.location))
    return RuleSet((), (), (), tuple(rules))


def _decider(check: CaseCheck, engine: Engine) -> Decider:
    if check.rubric is not None:
        return RubricDecider(check.rubric)
    if check.expression is not None:
        check_patterns(check.expression)
        explained = check.expression if check.kind in _EXPLAINED else ""
        return ExpressionDecider(engine.compile(check.expression), check.expression, explained)
    # Imported here: few datasets use it, and every run would pay for the library.
    from runback_gate.policy.json_schema import JsonSchemaProgram  # noqa: PLC0415

    return SchemaDecider(check.schema or {}, JsonSchemaProgram(check.schema or {}))
