"""`policy explain`: why a rule says what it says of one step, or of one run.

In: policies, the id of a rule, and a step or a run. Out: each expression that has a say, with the value of every part.

    for item in explain_step(files.policies, "refunds.limit", step):
        item.values, item.facts
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from runback_gate.app.rules import compile_rule
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.explain import SubValue, deciding, explain
from runback_gate.cel.work import Budget
from runback_gate.documents import cut
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.policy.context import step_data
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.evaluate import RuleSet
from runback_gate.policy.run_context import run_data
from runback_gate.report.model import Report
from runback_gate.report.story import Stories, find_row
from runback_gate.report.text import line
from runback_gate.step import Run, Step


@dataclass(frozen=True, slots=True)
class Explanation:
    """An expression and what each part of it was."""

    expression: Expression
    values: tuple[SubValue, ...]

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """The few parts and values that decided, where the whole is false."""
        return deciding(self.values)


def explain_step(policies: Sequence[Policy], rule: str, step: Step | Run) -> tuple[Explanation, ...]:
    """The match conditions of the policy that has the rule `rule`, then the rule itself.

    Raises:
        InputError: no rule has this id, its policy does not compile, or it is about runs where this is a step, or about
            steps where this is a run.
    """
    engine = CppEngine()
    owner, compiled = compile_rule(policies, rule, engine)
    data = _data(rule, step, compiled)
    variables = {item.name: item.source for item in owner.variables}
    expressions = [*owner.conditions, next(entry.expression for entry in owner.rules if entry.id == rule)]
    known: dict[str, Any] = {"params": owner.params, "variables": variables, "engine": engine, "data": data}
    budget = Budget()
    return tuple(Explanation(item, explain(item.source, **known, budget=budget)) for item in expressions)


def _data(rule: str, step: Step | Run, compiled: RuleSet) -> dict[str, JsonValue]:
    """What the rule sees."""
    if (compiled.scope == "run") != isinstance(step, Run):
        hint = "leave out STEP" if compiled.scope == "run" else "name a STEP as well"
        raise InputError(f"rule {rule!r} is about {compiled.scope}s", hint=hint)
    if isinstance(step, Step):
        return step_data(step)
    try:
        return run_data(step, compiled.reads)
    except ValueError as error:
        raise InputError(str(error)) from error


def answered_step(report: Report, case: str) -> Step:
    """The step that the row of a case was judged by.

    Raises:
        InputError: there is no such row, or it has no answer.
    """
    return Stories(report).step(find_row(report, case))


def explained_json(explained: Sequence[Explanation]) -> list[dict[str, Any]]:
    """An object for each expression, with the value or the error of each part."""
    return [
        {
            "name": item.expression.name,
            "place": str(item.expression.location),
            "values": [_value_json(value) for value in item.values],
        }
        for item in explained
    ]


def _value_json(item: SubValue) -> dict[str, Any]:
    outcome = {"value": item.value} if item.error is None else {"error": item.error}
    note = {"note": item.note} if item.note else {}
    return {"expression": item.source, "depth": item.depth, **outcome, **note}


def explained_lines(explained: Sequence[Explanation], width: int) -> Iterator[str]:
    """Each expression, then a line for each part of it: indented by its depth, cut to `width` columns."""
    for item in explained:
        yield line(f"{item.expression.name}  {item.expression.location}")
        last = ""
        for value in item.values:
            note, last = "" if value.note == last else f" [{value.note}]" if value.note else "", value.note
            yield _value_line(value, note, width)
        if facts := item.facts:
            yield "  decided by  " + "   ".join(line(f"{source} = {value}") for source, value in facts)
        yield ""


def _value_line(item: SubValue, note: str, width: int) -> str:
    shown = f"error: {item.error}" if item.error is not None else json.dumps(item.value, ensure_ascii=False)
    room = max(width - 2 * item.depth - 2, 40)
    source = cut(" ".join(item.source.split()), room // 2)
    return "  " + "  " * item.depth + line(cut(f"{source}  =  {shown}", room - len(note)) + note)
