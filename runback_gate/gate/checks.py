"""The checks of a case as rules: what a dataset asks, compiled as policies are.

In: the checks of a case, and what decides those of its dataset. Out: a `RuleSet` in which each check has an id of its
own: its title, numbered where two of one case have the same.

    rules = compile_checks(case.checks, Deciders(CppEngine()))
    judge([rules], step).findings
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runback_gate.canonical import JsonValue, exact_bytes
from runback_gate.cel.check import check_source
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.cel.limits import parse
from runback_gate.cel.projection import paths
from runback_gate.dataset.document import Case, CaseCheck
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass
from runback_gate.policy.evaluate import BoundStep, Decider, ExpressionDecider, Rule, RuleSet
from runback_gate.policy.rubric import RubricDecider

if TYPE_CHECKING:
    from runback_gate.cel.json_schema import JsonSchemaProgram

NO_CHECKS = RuleSet((), (), (), ())
_ANSWER_TEXT = frozenset(("response.text",))
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
        return self.program.decide(step.text, step.budget)

    def reason(self, step: BoundStep) -> str:
        """The fault that tells most."""
        return self.program.reason(step.text, step.explaining)

    def values(self, step: BoundStep) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """None: the reason says it."""
        return ()


class Deciders:
    """What decides the checks of a dataset, each compiled once: most cases are held to the same.

    What its JSON Schemas cost is bounded for all of them together.
    """

    def __init__(self, engine: Engine, schemas: int = 1) -> None:
        """`schemas`: how many checks of the dataset have one and share the work."""
        self.reads: frozenset[str] = frozenset()
        """What the checks read of a step, of those that were compiled."""
        self._engine = engine
        self._schemas = max(schemas, 1)
        self._expressions: dict[tuple[str, str], ExpressionDecider] = {}
        self._programs: dict[bytes, JsonSchemaProgram] = {}
        self._size = 0

    @classmethod
    def of(cls, cases: Iterable[Case], engine: Engine) -> Deciders:
        """Those of a dataset with these cases."""
        return cls(engine, sum(check.schema is not None for case in cases for check in case.checks))

    def decider(self, check: CaseCheck) -> Decider:
        """What decides a check.

        Raises:
            ExpressionError: a `cel` check does not compile, a pattern is no RE2 pattern, a schema is none, or all
                schemas of the dataset together are too large.
        """
        try:
            if check.expression is not None:
                return self._expression(check.expression, check.expression if check.kind in _EXPLAINED else "")
            self.reads |= _ANSWER_TEXT
            if check.rubric is not None:
                return RubricDecider(check.rubric)
            return SchemaDecider(check.schema or {}, self._program(check.schema or {}))
        except ExpressionError as error:
            message = f"{check.title}: {error.message}"
            raise ExpressionError(message, hint=error.hint, location=check.location) from error

    def _expression(self, text: str, explained: str) -> ExpressionDecider:
        found = self._expressions.get((text, explained))
        if found is None:
            check_source(text)
            found = ExpressionDecider(self._engine.compile(text), text, explained)
            self._expressions[text, explained] = found
            self.reads |= _read_by(text)
        return found

    def _program(self, schema: dict[str, Any]) -> JsonSchemaProgram:
        # Imported here: few datasets use it, and every run would pay for the library.
        from runback_gate.cel import json_schema  # noqa: PLC0415

        key = exact_bytes(schema)
        if key not in self._programs:
            program = json_schema.JsonSchemaProgram(schema, json_schema.MAX_WORK_OF_DATASET // self._schemas)
            self._size += program.size
            if self._size > json_schema.MAX_SCHEMA_ENTRIES:
                raise ExpressionError(
                    f"the schemas of this dataset have more than {json_schema.MAX_SCHEMA_ENTRIES:,} entries",
                    hint="split the dataset, or let its cases share a schema",
                )
            self._programs[key] = program
        return self._programs[key]


def compile_checks(checks: Sequence[CaseCheck], deciders: Deciders) -> RuleSet:
    """Compile the checks of a case; a check blocks, and one that cannot be evaluated leaves the row undecided.

    `deciders` are those of its dataset.

    Raises:
        ExpressionError: as `Deciders.decider`.
    """
    seen: Counter[str] = Counter()
    rules = []
    for check in checks:
        seen[check.title] += 1
        title = check.title if seen[check.title] == 1 else f"{check.title} #{seen[check.title]}"
        message = sys.intern(f"check does not hold: {title}")
        rules.append(Rule(title, "", "Deny", False, deciders.decider(check), message, None, check.location))
    return RuleSet((), (), (), tuple(rules), paths=deciders.reads)


@lru_cache(maxsize=1024)
def _read_by(expression: str) -> frozenset[str]:
    return paths(parse(expression))
