"""A step on which two rules differ, written down from a model of the solver.

In: a world and a model. Out: a step as a policy test writes it, or None for one that no policy test can hold.

    step = example(world, answer)       # {"response": {"tool_calls": [{"name": "pay", "arguments": {"amount": 101}}]}}
    seen(step)                          # what expressions see of it
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from runback_gate.analysis.proof.smt import Answer, Term
from runback_gate.analysis.proof.values import Kind, Unknown, World
from runback_gate.canonical import JsonValue
from runback_gate.policy.policy_test_document import ExampleStep, example_data

MAX_ELEMENTS = 300
"""Elements of a list that a step which is shown may have."""

Example = dict[str, JsonValue]
_ABSENT = object()
_NOTHING: dict[Kind, JsonValue] = {"bool": False, "int": 0, "double": 0.5, "string": ""}
_RECORDS: dict[str, dict[str, Any]] = {
    "ToolCall": {"name": "x", "arguments": {}},
    "PastCall": {"name": "x", "arguments": {}},
    "Message": {"role": "user", "content": "x"},
    "Tool": {"name": "x"},
}
"""What no record of its kind is without."""


class UnwritableError(Exception):
    """A value that is too large to be shown."""


def example(world: World, answer: Answer) -> Example | None:
    """The step of a model as a policy test writes it; None where no policy test can."""
    reader = _Reader(world, answer)
    try:
        found: Example = {
            "response": reader.record("response", "text", "tool_calls"),
            "request": reader.record("request"),
            "history": reader.history(),
            "agent": {"name": "agent", "labels": {}} | reader.record("agent"),
            "case": {"id": "example", "dataset": "examples"} | reader.record("case"),
        }
        if "baseline" in world.values:
            found["baseline"] = reader.record("baseline", "text", "tool_calls")
        seen(found)
    except (UnwritableError, ValidationError, ValueError):
        return None
    return {name: value for name, value in found.items() if value or name == "response"}


def seen(step: Example) -> dict[str, JsonValue]:
    """What expressions see of a step that a policy test could hold. Raises ValidationError."""
    return example_data(ExampleStep.model_validate(step))


class _Reader:
    def __init__(self, world: World, answer: Answer) -> None:
        self.world = world
        self.answer = answer
        self.text: Callable[[Term], str] = world.texts.reading(answer, world.strings)
        self.parsed: dict[str, str] = {}
        for path, source in world.parsed.items():
            value = self.value(world.values[path])
            # What cannot be parsed is any text that is no JSON.
            self.parsed[source.path] = "{" if value is _ABSENT else json.dumps(value, ensure_ascii=False)

    def record(self, root: str, *required: str) -> dict[str, Any]:
        """A root that is a record."""
        unknown = self.world.values.get(root)
        found = {} if unknown is None else self.value(unknown)
        empty: dict[str, Any] = {"text": "", "tool_calls": []}
        return {name: empty[name] for name in required} | (found if isinstance(found, dict) else {})

    def history(self) -> list[JsonValue]:
        """The calls before."""
        unknown = self.world.values.get("history")
        found = [] if unknown is None else self.value(unknown)
        return found if isinstance(found, list) else []

    def value(self, unknown: Unknown) -> Any:
        """A value of the step, `_ABSENT` where there is none."""
        kind = next((kind for kind in unknown.kinds if self.answer.value(unknown.is_(kind))), None)
        if kind is None:
            return _ABSENT
        if kind == "list":
            return self.elements(unknown)
        if kind == "map":
            return self.entries(unknown)
        if kind == "string" and unknown.path in self.parsed:
            return self.parsed[unknown.path]
        return None if kind == "null" else self.scalar(unknown, kind)

    def scalar(self, unknown: Unknown, kind: Kind) -> JsonValue:
        if kind not in unknown.terms:
            return "x" if unknown.type == "string" else _NOTHING[kind]
        term = unknown.terms[kind]
        if kind == "string":
            return self.text(term)
        value = self.answer.value(term)
        return float(value) if isinstance(value, Fraction) else value

    def elements(self, unknown: Unknown) -> list[JsonValue]:
        count = self.answer.value(unknown.terms["list"]) if "list" in unknown.terms else 0
        if not isinstance(count, int) or count > MAX_ELEMENTS:
            raise UnwritableError
        found = [self.value(item) for item in unknown.items[:count]]
        inner = unknown.type.removeprefix("list of ")
        filler = "x" if inner == "string" else _RECORDS.get(inner)
        return found + [filler] * (count - len(found))

    def entries(self, unknown: Unknown) -> dict[str, JsonValue]:
        found: dict[str, Any] = dict(_RECORDS.get(unknown.type, {}))
        for name, child in unknown.children.items():
            value = self.value(child)
            if value is not _ABSENT:
                found[name] = value
        for key, child in unknown.entries:
            value = self.value(child)
            if value is not _ABSENT:
                found.setdefault(self.read(key), value)
        keys = self.world.values.get(f"{unknown.path}<keys>")
        found |= {str(key): None for key in (self.elements(keys) if keys else ()) if key not in found}
        count = self.answer.value(unknown.terms["map"]) if "map" in unknown.terms else 0
        if not isinstance(count, int) or count > MAX_ELEMENTS:
            raise UnwritableError
        for number in range(count - len(found)):
            found[f"_{number}"] = None
        return found

    def read(self, key: Term) -> str:
        return self.world.texts.reading(self.answer, [key])(key)
