"""The `jsonSchema` check: the one rule that CEL cannot express.

In: a JSON Schema from a dataset and the text of an answer. Out: an `Outcome`, true when the text is JSON that keeps the
schema.

    JsonSchemaProgram({"type": "object"}).decide('{"a": 1}').verdict        # "true"

Both may be hostile: patterns run on RE2, nothing is fetched, and the work for one answer has a limit. Numbers are
compared as decimals (`json_numbers`). `format` is checked; a format that we cannot check is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry

from runback_gate.canonical import parse_json
from runback_gate.cel.engine import Outcome, error_line
from runback_gate.cel.json_numbers import FORMATS, exact, is_whole, read_exact
from runback_gate.cel.pattern import compile_pattern
from runback_gate.cel.work import MAX_WORK as BUDGET
from runback_gate.cel.work import Budget
from runback_gate.documents import cut, suggestion
from runback_gate.errors import ExpressionError, RunbackError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The only `$schema` that is taken."""
MAX_TEXT = 256 << 10
"""Bytes of an answer that is held against a schema."""
MAX_WORK = 10_000_000
"""Work for one answer, which references can make grow without end: 100 for each keyword that is applied and for each
fault, 1 for each part that it goes over."""
MAX_WORK_OF_DATASET = 30_000_000
"""Work of all checks of a dataset together, in equal shares: some five seconds."""
MAX_SCHEMA_ENTRIES = 5_000
"""Mappings, and entries of them, that a schema may hold, and all schemas of a dataset: the library takes about half a
millisecond for each."""
MAX_FAULTS = 100
"""Faults among which the most telling one is looked for."""

MAX_MESSAGE = 1000
"""Characters of what is said about one fault."""

_STEP = 100
_UNITS = BUDGET // MAX_WORK
"""Units of the budget of an answer that a unit of work here is."""
_SQUARE = ("unevaluatedItems", "unevaluatedProperties")
_BY_HASH = ("enum", "const")
_REFERENCES = ("$ref", "$dynamicRef")
_POINTER = re.compile(r"#(/|$)")
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_HINT = "draft 2020-12, RE2 patterns, no patternProperties"

Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class JsonSchemaProgram:
    """A compiled schema."""

    def __init__(self, schema: dict[str, Any], allowance: int = MAX_WORK) -> None:
        """`allowance`: the work that it may do for one answer, where it is less.

        Raises ExpressionError when it is no JSON Schema, or one that is not supported.
        """
        self._left = self.size = 0
        self._allowance = min(allowance, MAX_WORK)
        self._budget: Budget | None = None
        self._named = False
        self._enums: dict[int, frozenset[object]] = {}
        if schema.get("$schema", DIALECT) != DIALECT:
            raise ExpressionError("not a JSON Schema of draft 2020-12", hint=f"$schema: {DIALECT}")
        own = {key: item for key, item in schema.items() if key != "$schema"}
        library: Any = Draft202012Validator  # its types are not complete
        try:
            # Without formats: the library would read patterns with its own engine to see whether they are some.
            for mapping in _mappings(own):
                self.size += 1 + len(mapping)
                self._named = self._named or "$id" in mapping
                for key, value in mapping.items():
                    _check_entry(key, value)
                if self.size > MAX_SCHEMA_ENTRIES:
                    raise ValueError(f"more than {MAX_SCHEMA_ENTRIES:,} entries")
            library.check_schema(own, format_checker=None)
        except (SchemaError, RecursionError, ValueError) as error:
            message = error.message if isinstance(error, SchemaError) else str(error)
            raise ExpressionError(f"not a JSON Schema: {error_line(message)}", hint=_HINT) from error
        ours = {"enum": self._enum, "const": self._const, "uniqueItems": self._unique_items}
        keywords = {**library.VALIDATORS, **_KEYWORDS, **ours}
        extend: Any = validators.extend
        types = library.TYPE_CHECKER.redefine("integer", lambda _checker, value: is_whole(value))
        counted = {name: self._counted(name, each) for name, each in keywords.items()}
        self._validator: Any = extend(library, counted, type_checker=types)(exact(own), registry=Registry())

    def decide(self, text: str, budget: Budget | None = None) -> Outcome:
        """True when the text is JSON that keeps the schema; a reference that cannot be resolved is an error.

        The work is taken from `budget` as well, which all rules of an answer share.
        """
        try:
            return Outcome(self._fault(text, budget) is None)
        # A hostile schema reaches every corner of the library, and whatever it raises means that there is no verdict.
        except Exception as error:  # noqa: BLE001
            return Outcome(error=error_line(f"the schema cannot be applied: {error}"))

    def reason(self, text: str, budget: Budget | None = None) -> str:
        """What is wrong with a text for which `decide` gave false, in one line."""
        try:
            return error_line(self._fault(text, budget) or "")
        except ValueError:  # what its rules may cost was used up by saying so of others
            return ""

    def _fault(self, text: str, budget: Budget | None) -> str | None:
        if len(text.encode()) > MAX_TEXT:
            raise ValueError(f"the text is larger than {MAX_TEXT >> 10} KiB")
        try:
            parse_json(text, path="")
        except RunbackError as error:
            return f"the text is not JSON: {error.message}"
        self._left, self._budget = self._allowance, budget
        fault = best_match(islice(self._validator.iter_errors(read_exact(text)), MAX_FAULTS))
        return None if fault is None else f"{fault.json_path}: {fault.message}"

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ValueError("the schema asks too much of one answer")
        if self._budget is not None:
            self._budget.spend(_UNITS * amount)

    def _counted(self, name: str, keyword: Keyword) -> Keyword:
        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            own = 0 if name in _BY_HASH else _parts(value)
            self._spend(_STEP + own + _parts(instance) ** (2 if name in _SQUARE else 1))
            # The library looks through the whole schema for a name.
            if name in _REFERENCES and (self._named or not _POINTER.match(value)):
                self._spend(_STEP * self.size)
            for fault in keyword(validator, value, instance, schema) or ():
                # Faults hold the text of the answer; thousands of them are kept to find the most telling one.
                self._spend(_STEP + len(fault.message) // 16)
                fault.message = cut(fault.message, MAX_MESSAGE)
                yield fault

        return counted

    def _enum(self, _validator: Any, allowed: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        if id(allowed) not in self._enums:
            self._enums[id(allowed)] = frozenset(map(self._hashable, allowed))
        if self._hashable(instance) not in self._enums[id(allowed)]:
            yield ValidationError(f"{_shown(instance)} is not one of {_shown(allowed[:100])}")

    def _const(self, _validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        if self._hashable(instance) != self._hashable(wanted):
            yield ValidationError(f"{_shown(wanted)} was expected")

    def _unique_items(self, _validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        """As the library's, which takes the square of the time for items that have no order."""
        if unique and isinstance(instance, list) and len(set(map(self._hashable, instance))) < len(instance):
            yield ValidationError("items are not unique")

    def _hashable(self, value: Any) -> object:
        """What is equal where JSON values are: numbers by value, a boolean only to itself."""
        self._spend(1)
        if isinstance(value, dict):
            return frozenset((key, self._hashable(item)) for key, item in value.items())
        if isinstance(value, list):
            return ("list", *map(self._hashable, value))
        return ("bool", value) if isinstance(value, bool) else value


def _parts(value: object) -> int:
    """How many parts a keyword goes over, at most."""
    if isinstance(value, (dict, list)):
        return len(value)
    return len(value) // 16 if isinstance(value, str) else 0


def _shown(value: object) -> str:
    return cut(repr(value), MAX_MESSAGE)


def _mappings(schema: object) -> Iterator[dict[str, Any]]:
    """Every mapping: a reference can make a schema of any of them."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _check_entry(key: str, value: object) -> None:
    if key == "pattern" and isinstance(value, str):
        compile_pattern(value)
    # The library would run them on its own engine, in time exponential to their length.
    if key == "patternProperties":
        raise ValueError("patternProperties is not supported")
    if key == "format" and isinstance(value, str) and value not in FORMATS:
        hint = suggestion(value, FORMATS)
        raise ValueError(f"the format {cut(value, 40)!r} cannot be checked" + (f", {hint}" if hint else ""))
    # The library prints the whole list for each of its items.
    if key == "type" and isinstance(value, list) and len(value) > len(_TYPES):
        raise ValueError(f"a type is at most {len(_TYPES)} words")
    # It would change to the keywords of that draft.
    if key == "$schema" and isinstance(value, str):
        raise ValueError("$schema may stand at the top only")


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


def _multiple_of(_validator: Any, factor: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    number = isinstance(instance, (int, Decimal)) and not isinstance(instance, bool)
    if number and Fraction(instance) % Fraction(factor):
        yield ValidationError(f"{instance!r} is not a multiple of {factor!r}")


def _format(_validator: Any, name: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if name not in FORMATS:
        raise ValueError(f"the format {name!r} cannot be checked")
    if isinstance(instance, str) and not FORMATS[name](instance):
        yield ValidationError(f"{_shown(instance)} is no {name}")


_KEYWORDS: dict[str, Keyword] = {
    "pattern": _pattern,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "format": _format,
}
