"""Documents to typed values, and the types to JSON Schemas.

In: a `Document` and a pydantic model. Out: the model's value, or one `DocumentError` at the place that is wrong; and
draft-07 schemas for editors.

    class PolicyDocument(Resource):
        kind: Literal["Policy"]
        spec: PolicySpec

    policy = validate(document, PolicyDocument)             # policies/refunds.yaml:12:5: unknown field 'expresion' (…)
    json_schema(PolicyDocument)["$id"]                      # https://runback.dev/schema/v1/policy.json

Values are taken as written: text is no number, 1.0 is no integer, and what is not known is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from runback_gate.canonical import JsonValue, plain_bytes
from runback_gate.documents import Document, Pointer, check_kind, nearest, quoted, suggestion
from runback_gate.errors import DocumentError, Location

__all__ = ["Metadata", "Model", "Resource", "check_kind", "json_schema", "nearest", "schema_id", "validate"]

M = TypeVar("M", bound=BaseModel)


class Model(BaseModel):
    """What people write. Unknown fields are errors, and a value does not change once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Metadata(Model):
    """What a document is called, and what else is known about it."""

    name: str = Field(min_length=1, max_length=256, description="Name, unique among documents of this kind.")
    labels: dict[str, str] = Field(default_factory=dict, description="Words to select by.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Notes for people and other tools.")


class Resource(Model):
    """A document: each states its format and its kind, and has a name."""

    apiVersion: Literal["runback.dev/v1"] = Field(description="The format.")  # noqa: N815
    kind: str = Field(description="What the document is.")
    metadata: Annotated[Metadata, Field(description="Name, labels, annotations.")]


_DIALECT = "http://json-schema.org/draft-07/schema#"

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
}
_FIELDS = ("missing", "extra_forbidden")
_UNQUOTED = ("true or false", "a number", "a whole number")
_BREACHES: dict[str, str] = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is shorter than {min_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "too_short": "holds fewer than {min_length} entries",
    "too_long": "holds more than {max_length} entries",
}


class _Error(NamedTuple):
    """One complaint of pydantic, resolved against the document."""

    kind: str
    pointer: Pointer
    """The value that it is about; of a missing field the value that lacks it."""
    last: str | int
    """The last part of its place: a missing field is not in the document."""
    unions: tuple[tuple[Pointer, str], ...]
    """The values on the way that may be one of several types, and the type of which this speaks."""
    context: dict[str, Any]


class _Problem(NamedTuple):
    location: Location
    message: str
    hint: str | None = None


def validate(document: Document, model: type[M]) -> M:
    """Read a document as a model.

    Raises:
        DocumentError: at the first place that is wrong: an unknown field (with the nearest known one), a missing field,
            a value of another type or outside its bounds, or what a validator of the model raised as ValueError.
    """
    try:
        # Through JSON, because there strict means what YAML authors expect: a list is a list, and 1.0 is no integer.
        return model.model_validate_json(plain_bytes(document.value), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        errors = _meant([_resolved(document.value, item) for item in details])
        first = min(_problems(document, model, errors), key=lambda found: _position(found.location))
        raise DocumentError(first.message, hint=first.hint, location=first.location) from error


def schema_id(kind: str) -> str:
    """Give the `$id` of the schema of a kind of file, which editors look up."""
    return f"https://runback.dev/schema/v1/{kind.lower()}.json"


def json_schema(model: type) -> dict[str, Any]:
    """Give the draft-07 JSON Schema of a model or dataclass, with `definitions`, its `$id`, and no field left open.

    The `$id` is made of the `kind` that the model states, or of its name.
    """
    schema = TypeAdapter(model).json_schema(ref_template="#/definitions/{model}")
    schema["definitions"] = schema.pop("$defs", {})
    schema = _draft7(schema)
    kind = schema.get("properties", {}).get("kind", {}).get("const") or model.__name__
    head = {"$schema": _DIALECT, "$id": schema_id(kind), "title": kind}
    return {**head, **schema}


def _position(location: Location) -> tuple[int, int]:
    return location.line or 0, location.column or 0


def _resolved(value: JsonValue, error: ErrorDetails) -> _Error:
    """Tell the parts of a place that are keys and indices from those that name a type."""
    loc = error["loc"]
    pointer: list[str | int] = []
    unions = []
    for part in loc[:-1] if error["type"] == "missing" or loc[-1:] == ("[key]",) else loc:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            pointer.append(part)
            value = value[part]  # type: ignore[index]
        else:
            unions.append((tuple(pointer), str(part)))
    return _Error(error["type"], tuple(pointer), loc[-1] if loc else "", tuple(unions), error.get("ctx", {}))


def _meant(errors: Iterable[_Error], level: int = 0) -> list[_Error]:
    """Where a value may be one of several types, keep what is said of those that its kind of value fits."""
    meant: list[_Error] = []
    unions: dict[Pointer, dict[str, list[_Error]]] = {}
    for error in errors:
        if len(error.unions) <= level:
            meant.append(error)
        else:
            place, name = error.unions[level]
            unions.setdefault(place, {}).setdefault(name, []).append(error)
    for place, types in unions.items():
        misfits = {name: _EXPECTED[said[0].kind] for name, said in types.items() if _is_misfit(said[0], place)}
        if len(misfits) < len(types):
            meant += _meant(_closest([said for name, said in types.items() if name not in misfits]), level + 1)
        else:
            expected = " or ".join(dict.fromkeys(misfits.values()))
            meant.append(_Error("union", place, "", (), {"expected": expected}))
    return meant


def _closest(types: Sequence[list[_Error]]) -> list[_Error]:
    """Give what is said of the types to which the fewest fields are unknown or missing."""
    least = min(sum(error.kind in _FIELDS for error in said) for said in types)
    closest = [said for said in types if sum(error.kind in _FIELDS for error in said) == least]
    errors = [error for said in closest for error in said]
    # Each of several types misses other fields; what is unknown to all of them says more.
    unknown = [error for error in errors if error.kind == "extra_forbidden"]
    return unknown if unknown and len(closest) > 1 else errors


def _is_misfit(error: _Error, place: Pointer) -> bool:
    return error.kind in _EXPECTED and error.pointer == place


def _problems(document: Document, model: type[BaseModel], errors: Sequence[_Error]) -> Iterator[_Problem]:
    misspelled: set[tuple[Pointer, str | int | None]] = set()
    for error in errors:
        if error.kind == "extra_forbidden":
            name, fields = str(error.last), _fields(model, error.pointer[:-1])
            misspelled.add((error.pointer[:-1], nearest(name, fields)))
            place = document.key_mark(error.pointer)
            hint = "it cannot be combined with the other fields" if name in fields else suggestion(name, fields)
            yield _Problem(place, f"unknown field {quoted(name)}", hint)
    for error in errors:
        # A field that is there but misspelled is not missing.
        if error.kind == "missing" and (error.pointer, error.last) not in misspelled:
            yield _Problem(document.mark(error.pointer), f"{_path((*error.pointer, error.last))} is missing")
        elif error.kind not in _FIELDS:
            yield _wrong(document, error)


def _wrong(document: Document, error: _Error) -> _Problem:
    """Describe a value that is there and not right."""
    place, path = document.mark(error.pointer), _path(error.pointer)
    if error.last == "[key]":
        return _Problem(document.key_mark(error.pointer), f"the key of {path} {_breach(error)}")
    if error.kind in ("value_error", "assertion_error"):
        return _Problem(place, f"{path}: {error.context['error']}")
    expected = _EXPECTED.get(error.kind) or error.context.get("expected")
    if not isinstance(expected, str):
        return _Problem(place, f"{path} {_breach(error)}")
    value: Any = document.value
    for part in error.pointer:
        value = value[part]
    hint = None
    if isinstance(value, str) and (words := re.findall(r"'([^']*)'", expected)):
        hint = suggestion(value, words)
    elif isinstance(value, str) and expected in _UNQUOTED:
        hint = "written without quotes, as in JSON"
    elif isinstance(value, (bool, int, float)) and "text" in expected:
        hint = "put it in quotes"
    expected = expected.replace("True", "true").replace("False", "false")
    return _Problem(place, f"{path}: expected {expected}, found {_found(value)}", hint)


def _breach(error: _Error) -> str:
    """Say in our words which bound was broken; an unknown kind of complaint by its name."""
    if error.kind in ("string_too_short", "too_short") and error.context["min_length"] == 1:
        return "must not be empty"
    template = _BREACHES.get(error.kind)
    return template.format_map(error.context) if template else f"is not valid here ({error.kind.replace('_', ' ')})"


def _found(value: JsonValue) -> str:
    if isinstance(value, str):
        return f"text {quoted(value)}" if value else "empty text"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return "nothing" if value is None else plain_bytes(value).decode()


def _path(pointer: Pointer) -> str:
    """Write a pointer as people do: `spec.cases[0].id`; the whole document is `the document`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_word(part)}" for part in pointer)
    return "".join(parts).removeprefix(".") or "the document"


def _word(key: str) -> str:
    return key if re.fullmatch(r"[\w-]{1,64}", key) else quoted(key)


def _fields(model: type[BaseModel], pointer: Pointer) -> set[str]:
    """Give the fields that a value at this place may have, whichever of its types it is."""
    models = {model}
    for part in pointer:
        inner = [field for item in models for name, field in item.model_fields.items() if (field.alias or name) == part]
        # An index, or a key of a mapping: the types are those that lie inside already.
        models = {found for field in inner for found in _models(field.annotation)} if inner else models
    return {field.alias or name for item in models for name, field in item.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _draft7(schema: Any) -> Any:
    """Rewrite what draft 2020-12 says in another way than draft-07, and close every object."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for key, part in schema.items():
        if key in ("properties", "definitions", "patternProperties"):
            out[key] = {name: _draft7(inner) for name, inner in part.items()}
        elif key in ("items", "additionalProperties", "propertyNames"):
            out[key] = _draft7(part)
        elif key in ("allOf", "anyOf", "oneOf"):
            out[key] = [_draft7(inner) for inner in part]
        elif key == "prefixItems":
            out |= {"items": [_draft7(inner) for inner in part], "additionalItems": False}
        elif key not in ("title", "discriminator"):
            out[key] = part
    if "properties" in out:
        out.setdefault("additionalProperties", False)
    # In draft-07 a reference hides everything beside it.
    return {"allOf": [{"$ref": out.pop("$ref")}], **out} if "$ref" in out and len(out) > 1 else out
