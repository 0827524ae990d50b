"""The `jsonSchema` check: the one rule that CEL cannot say.

In: a JSON Schema from a dataset and the text of an answer. Out: an `Outcome`, true when the text is JSON that keeps the
schema.

    JsonSchemaProgram({"type": "object"}).decide('{"a": 1}').verdict        # "true"

Both may be hostile: patterns run on RE2, nothing is fetched, and the work for one answer has a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.cel.engine import Outcome, error_line
from runback_gate.cel.pattern import compile_pattern
from runback_gate.errors import ExpressionError, RunbackError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The only `$schema` that is taken."""
MAX_TEXT = 256 << 10
"""Bytes of an answer that is held against a schema."""
MAX_STEPS = 100_000
"""Keywords that may be applied to one answer; references can make them grow without end."""
MAX_FAULTS = 100
"""Faults among which the most telling one is looked for."""

_HINT = "draft 2020-12, RE2 patterns, no patternProperties"

Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class JsonSchemaProgram:
    """A compiled schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Raises ExpressionError when it is no JSON Schema, or one that is not supported."""
        self._left = 0
        if schema.get("$schema", DIALECT) != DIALECT:
            raise ExpressionError("not a JSON Schema of draft 2020-12", hint=f"$schema: {DIALECT}")
        own = {key: item for key, item in schema.items() if key != "$schema"}
        library: Any = Draft202012Validator  # its types are not complete
        try:
            # Without formats: the library would read patterns with its own engine to see whether they are some.
            library.check_schema(own, format_checker=None)
            for key, value in _entries(own):
                _check_entry(key, value)
        except (SchemaError, RecursionError, ValueError) as error:
            message = error.message if isinstance(error, SchemaError) else str(error)
            raise ExpressionError(f"not a JSON Schema: {error_line(message)}", hint=_HINT) from error
        keywords = {**library.VALIDATORS, **_KEYWORDS}
        extend: Any = validators.extend
        validator = extend(library, {name: self._counted(each) for name, each in keywords.items()})
        self._validator: Any = validator(own, registry=Registry())

    def decide(self, text: str) -> Outcome:
        """True when the text is JSON that keeps the schema; a reference that cannot be resolved is an error."""
        try:
            return Outcome(self._fault(text) is None)
        # A hostile schema reaches every corner of the library, and whatever it raises means that there is no verdict.
        except Exception as error:  # noqa: BLE001
            return Outcome(error=error_line(f"the schema cannot be applied: {error}"))

    def reason(self, text: str) -> str:
        """What is wrong with a text for which `decide` gave false, in one line."""
        return error_line(self._fault(text) or "")

    def _fault(self, text: str) -> str | None:
        if len(text.encode()) > MAX_TEXT:
            raise ValueError(f"the text is larger than {MAX_TEXT >> 10} KiB")
        try:
            value = parse_json(text, path="")
        except RunbackError as error:
            return f"the text is not JSON: {error.message}"
        self._left = MAX_STEPS
        fault = best_match(islice(self._validator.iter_errors(value), MAX_FAULTS))
        return None if fault is None else f"{fault.json_path}: {fault.message}"

    def _counted(self, keyword: Keyword) -> Keyword:
        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"more than {MAX_STEPS:,} keywords for one answer")
            yield from keyword(validator, value, instance, schema) or ()

        return counted


def _entries(schema: object) -> Iterator[tuple[str, object]]:
    """Every entry of every mapping: a reference can make a schema of any of them."""
    if isinstance(schema, dict):
        for key, item in schema.items():
            yield key, item
            yield from _entries(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _entries(item)


def _check_entry(key: str, value: object) -> None:
    if key == "pattern" and isinstance(value, str):
        compile_pattern(value)
    # The library would run them on its own engine, in time exponential to their length.
    if key == "patternProperties":
        raise ValueError("patternProperties is not supported")
    # It would change to the keywords of that draft.
    if key == "$schema" and isinstance(value, str):
        raise ValueError("$schema stands at the top only")


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compile_pattern(pattern).search(instance):
        yield ValidationError(f"text does not match {pattern!r}")


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As the library's, in the order of the keys: its own differs from run to run."""
    if not isinstance(instance, dict):
        return
    extras = sorted(instance.keys() - schema.get("properties", {}).keys())
    if isinstance(allowed, dict):
        for extra in extras:
            yield from validator.descend(instance[extra], allowed, path=extra)
    elif not allowed and extras:
        yield ValidationError(f"additional properties are not allowed: {', '.join(map(repr, extras))}")


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """As the library's, which takes the square of the time for items that have no order."""
    if unique and isinstance(instance, list) and len(set(map(_hashable, instance))) < len(instance):
        yield ValidationError("items are not unique")


def _hashable(value: JsonValue) -> object:
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    return ("bool", value) if isinstance(value, bool) else value


_KEYWORDS: dict[str, Keyword] = {
    "pattern": _pattern,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
