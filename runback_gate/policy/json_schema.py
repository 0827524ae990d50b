"""The `jsonSchema` check: the one rule that CEL cannot say.

In: a JSON Schema from a dataset and the text of an answer. Out: an `Outcome`, true when the text is JSON that keeps the
schema. Patterns run on RE2 and nothing is fetched, since both schema and text may be hostile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import re2
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.errors import ExpressionError, RunbackError
from runback_gate.policy.engine import Outcome, error_line


def _pattern(_validator: object, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not re2.search(pattern, instance):
        yield ValidationError(f"text does not match {pattern!r}")


def _no_pattern_properties(*_: object) -> Iterator[ValidationError]:
    yield ValidationError("patternProperties is not supported")


_Validator = extend(Draft202012Validator, {"pattern": _pattern, "patternProperties": _no_pattern_properties})


class JsonSchemaProgram:
    """A compiled schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            Draft202012Validator.check_schema(schema)
            for pattern in _patterns(schema):
                re2.compile(pattern)
        except (SchemaError, re2.error, RecursionError) as error:
            message = error.message if isinstance(error, SchemaError) else str(error)
            raise ExpressionError(
                f"not a JSON Schema: {error_line(message)}", hint="draft 2020-12, RE2 patterns"
            ) from error
        self._validator = _Validator(schema, registry=Registry())

    def decide(self, text: str) -> Outcome:
        """True when the text is JSON that keeps the schema; a reference that cannot be resolved is an error."""
        try:
            return Outcome(value=self._fault(text) is None)
        except (Unresolvable, RecursionError) as error:
            return Outcome(error=error_line(f"the schema cannot be applied: {error}"))

    def reason(self, text: str) -> str:
        """What is wrong with the text, in one line."""
        return error_line(self._fault(text) or "")

    def _fault(self, text: str) -> str | None:
        try:
            value: JsonValue = parse_json(text, path="")
        except RunbackError as error:
            return f"the text is not JSON: {error.message}"
        fault = best_match(self._validator.iter_errors(value))
        return None if fault is None else f"{fault.json_path}: {fault.message}"


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for item in schema.values():
            yield from _patterns(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _patterns(item)
