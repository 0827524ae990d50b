"""Schema: documents become typed values or one error at the right place, and the types become JSON Schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError
from runback_gate.schema import Model, Resource, check_kind, json_schema, nearest, schema_id, validate

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class File(Model):
    """A file."""

    file: str = Field(min_length=1)


class Link(Model):
    """A link."""

    url: str
    title: str = ""


class Item(Model):
    """An item, with every kind of bound."""

    id: Annotated[str, Field(min_length=1, max_length=5, pattern="^[a-z]+$")]
    count: int = Field(1, ge=1, le=10)
    share: float = Field(0.5, gt=0, lt=1)
    open: bool = False
    word: Literal["alpha", "beta"] = "alpha"
    always: Literal[True] = True
    color: Color = Color.RED
    pair: tuple[int, str] = (1, "a")
    short: str | None = Field(None, min_length=3)
    tags: list[str] = Field(default_factory=list, min_length=1, max_length=2)
    two: tuple[str, ...] = Field(("a", "b"), min_length=2)
    nothing: None = None

    @field_validator("id")
    @classmethod
    def _no_bad_words(cls, text: str) -> str:
        if text == "bad":
            raise ValueError("bad is a bad word")
        assert text != "worse", "worse is no better"
        return text


class Spec(Model):
    """What the document says."""

    items: list[Item] = Field(default_factory=list)
    by_name: dict[Annotated[str, Field(pattern="^[a-z]+$")], Item] = Field(default_factory=dict, alias="byName")
    source: str | File | Link | None = Field(None, description="Text, a file, or a link.")
    list_or_file: File | list[dict[str, Any]] | None = None
    number: int | float | str | None = None
    free: dict[str, Any] = Field(default_factory=dict)
    deep: int | list[int | Link] | None = None
    data: bytes = b""

    @model_validator(mode="after")
    def _not_both(self) -> Spec:
        if self.items and self.by_name:
            raise ValueError("items or byName, not both")
        return self


class Thing(Resource):
    """A thing."""

    kind: Literal["Thing"]
    spec: Spec


HEAD = "apiVersion: runback.dev/v1\nkind: Thing\nmetadata: {name: a}\n"


def refused(text: str) -> str:
    """The error that a text gives, as it is shown."""
    with pytest.raises(DocumentError) as caught:
        validate(parse_document(text, "a.yaml"), Thing)
    return str(caught.value)


def test_a_document_becomes_a_value() -> None:
    """Aliases and defaults count, lists become tuples where the type says so, and nothing can be changed."""
    text = HEAD + "spec: {byName: {x: {id: abc, two: [a, b, c], color: blue}}, number: 1.5, free: {a: [1, null]}}"
    thing = validate(parse_document(text, "a.yaml"), Thing)
    item = thing.spec.by_name["x"]
    assert (item.id, item.two, item.color, item.count) == ("abc", ("a", "b", "c"), Color.BLUE, 1)
    assert (thing.metadata.name, thing.spec.number, thing.spec.free) == ("a", 1.5, {"a": [1, None]})
    with pytest.raises(ValidationError):
        thing.kind = "Other"  # type: ignore[assignment, misc]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{itens: []}", "4:8: unknown field 'itens' (did you mean 'items'?)"),
        ("{items: [{id: a, tgas: [x]}]}", "4:24: unknown field 'tgas' (did you mean 'tags'?)"),
        ("{byName: {x: {idd: a}}}", "4:21: unknown field 'idd' (did you mean 'id'?)"),
        ("{by_name: {}}", "4:8: unknown field 'by_name' (did you mean 'byName'?)"),
        (
            "{zebra: 1}",
            "4:8: unknown field 'zebra' (known: byName, data, deep, free, items, list_or_file, number, source)",
        ),
        ("{items: [{zebra: 1}]}", "4:16: spec.items[0].id is missing"),
        ("{items: [{}, {}]}", "4:16: spec.items[0].id is missing"),
        ("{items: {}}", "4:15: spec.items: expected a list, found a mapping"),
        ("{items: [a]}", "4:16: spec.items[0]: expected a mapping, found text 'a'"),
        ("{items: [{id: 1}]}", "4:21: spec.items[0].id: expected text, found 1 (put it in quotes)"),
        (
            "{items: [{id: y, open: 'yes'}]}",
            "4:30: spec.items[0].open: expected true or false, found text 'yes' (written",
        ),
        (
            "{items: [{id: a, count: '1'}]}",
            "4:31: spec.items[0].count: expected a whole number, found text '1' (written",
        ),
        ("{items: [{id: a, count: 1.0}]}", "4:31: spec.items[0].count: expected a whole number, found 1.0"),
        ("{items: [{id: a, count: true}]}", "4:31: spec.items[0].count: expected a whole number, found true"),
        ("{items: [{id: a, count: 0}]}", "4:31: spec.items[0].count must be at least 1"),
        ("{items: [{id: a, count: 11}]}", "4:31: spec.items[0].count must be at most 10"),
        ("{items: [{id: a, share: 0}]}", "4:31: spec.items[0].share must be more than 0"),
        ("{items: [{id: a, share: 1}]}", "4:31: spec.items[0].share must be less than 1"),
        ("{items: [{id: a, share: x}]}", "4:31: spec.items[0].share: expected a number, found text 'x' (written"),
        ("{items: [{id: ''}]}", "4:21: spec.items[0].id must not be empty"),
        ("{items: [{id: abcdef}]}", "4:21: spec.items[0].id is longer than 5 characters"),
        ("{items: [{id: A}]}", "4:21: spec.items[0].id does not have the form ^[a-z]+$"),
        ("{items: [{id: a, short: ab}]}", "4:31: spec.items[0].short is shorter than 3 characters"),
        ("{items: [{id: a, tags: []}]}", "4:30: spec.items[0].tags must not be empty"),
        ("{items: [{id: a, tags: [a, b, c]}]}", "4:30: spec.items[0].tags holds more than 2 entries"),
        ("{items: [{id: a, two: [a]}]}", "4:29: spec.items[0].two holds fewer than 2 entries"),
        (
            "{items: [{id: a, word: betta}]}",
            "4:30: spec.items[0].word: expected 'alpha' or 'beta', found text 'betta' (did you",
        ),
        ("{items: [{id: a, word: 1}]}", "4:30: spec.items[0].word: expected 'alpha' or 'beta', found 1"),
        ("{items: [{id: a, always: false}]}", "4:32: spec.items[0].always: expected true, found false"),
        (
            "{items: [{id: a, color: rad}]}",
            "4:31: spec.items[0].color: expected 'red' or 'blue', found text 'rad' (did you mean 'red'?)",
        ),
        ("{items: [{id: a, nothing: 1}]}", "4:33: spec.items[0].nothing: expected nothing, found 1"),
        ("{items: [{id: a, pair: [1]}]}", "4:30: spec.items[0].pair[1] is missing"),
        ("{items: [{id: a, open: null}]}", "4:30: spec.items[0].open: expected true or false, found nothing"),
        ("{items: [{id: bad}]}", "4:21: spec.items[0].id: bad is a bad word"),
        ("{items: [{id: worse}]}", "4:21: spec.items[0].id: worse is no better"),
        ("{items: [{id: a}], byName: {x: {id: a}}}", "4:7: spec: items or byName, not both"),
        ("{byName: {X: {id: a}}}", "4:17: the key of spec.byName.X does not have the form ^[a-z]+$"),
        ("{byName: {'a b': {id: 1}}}", "4:17: the key of spec.byName.'a b' does not have the form ^[a-z]+$"),
        ("{source: 1}", "4:16: spec.source: expected text or a mapping, found 1 (put it in quotes)"),
        ("{source: [1]}", "4:16: spec.source: expected text or a mapping, found a list"),
        ("{source: {file: 1}}", "4:23: spec.source.file: expected text, found 1 (put it in quotes)"),
        ("{source: {fil: x}}", "4:17: unknown field 'fil' (did you mean 'file'?)"),
        ("{source: {file: x, url: x}}", "4:17: unknown field 'file' (it cannot be combined with the other fields)"),
        ("{source: {url: x, titel: x}}", "4:25: unknown field 'titel' (did you mean 'title'?)"),
        ("{source: {title: x}}", "4:16: spec.source.url is missing"),
        ("{source: {}}", "4:16: spec.source.file is missing"),
        ("{list_or_file: [1]}", "4:23: spec.list_or_file[0]: expected a mapping, found 1"),
        ("{list_or_file: x}", "4:22: spec.list_or_file: expected a mapping or a list, found text 'x'"),
        ("{number: []}", "4:16: spec.number: expected a whole number or a number or text, found a list"),
        ("{free: [1]}", "4:14: spec.free: expected a mapping, found a list"),
        ("{deep: [1, x]}", "4:18: spec.deep[1]: expected a whole number or a mapping, found text 'x'"),
        ("{deep: [1, {url: x}, {url: 1}]}", "4:34: spec.deep[2].url: expected text, found 1"),
        ("{data: 1}", "4:14: spec.data is not valid here (bytes type)"),
        ("", "4:6: spec: expected a mapping, found nothing"),
        ("''", "4:7: spec: expected a mapping, found empty text"),
    ],
)
def test_one_error_stands_at_the_first_wrong_place(spec: str, expected: str) -> None:
    """It says in our words what was expected and what was found."""
    found = refused(f"{HEAD}spec: {spec}\n")
    assert found.startswith(f"a.yaml:{expected}"), found
    assert "http" not in found


def test_errors_in_the_head_of_a_document() -> None:
    """A missing, misspelled or wrong field of the resource itself is found, the first in the file first."""
    assert refused("{}") == "a.yaml:1:1: apiVersion is missing"
    assert refused("a: 1").startswith("a.yaml:1:1: unknown field 'a' (known: apiVersion, kind, metadata, spec)")
    assert refused("[1]") == "a.yaml:1:1: the document: expected a mapping, found a list"
    assert refused("apiVersion: runback.dev/v1\nkind: Thing\nspec: {}") == "a.yaml:1:1: metadata is missing"
    assert refused(f"{HEAD}spce: {{}}") == "a.yaml:4:1: unknown field 'spce' (did you mean 'spec'?)"
    assert (
        refused(HEAD.replace("name: a", "nmae: a") + "spec: {}")
        == "a.yaml:3:12: unknown field 'nmae' (did you mean 'name'?)"
    )
    assert refused(HEAD.replace("name: a", "name: a, labels: {a: 1}") + "spec: {}").startswith(
        "a.yaml:3:33: metadata.labels.a: expected text, found 1"
    )


def test_a_deep_or_hostile_name_is_shown_short() -> None:
    """Names of fields come from the file: cut, and escaped where they cannot be printed."""
    assert "unknown field 'xxxx" in refused(f"{HEAD}spec: {{{'x' * 900}: 1}}")
    assert len(refused(f"{HEAD}spec: {{{'x' * 900}: 1}}")) < 250
    assert r"unknown field '\x1b[31m'" in refused(f'{HEAD}spec: {{"\\e[31m": 1}}')
    assert r"byName.'\x1b'" in refused(f'{HEAD}spec: {{byName: {{"\\e": {{id: 1}}}}}}')


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 20)
    | st.floats(-2, 2)
    | st.sampled_from(["a", "", "alpha", "bad", "zz"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Item.model_fields, "items", "byName", "source", "file", "number", "zebra"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@LAW
@given(JSON)
def test_any_document_is_a_value_or_an_error_with_a_place(spec: Any) -> None:
    """Whatever a document says, it is what the model allows, or there is one error, and the schema agrees."""
    document = parse_document(
        json.dumps({"apiVersion": "runback.dev/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}), "a"
    )
    try:
        validate(document, Thing)
    except DocumentError as error:
        said = error
    else:
        jsonschema.Draft7Validator(json_schema(Thing)).validate(document.value)
        said = DocumentError("none", location=document.mark(()))
    assert said.location is not None
    assert said.location.line is not None


def test_the_schema_is_draft_07() -> None:
    """It is valid, closed, versioned, and free of what draft-07 does not know."""
    schema = json_schema(Thing)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"] == schema_id("Thing") == "https://runback.dev/schema/v1/thing.json"
    assert (schema["title"], schema["description"]) == ("Thing", "A thing.")
    text = json.dumps(schema)
    for word in ("$defs", "prefixItems", "discriminator"):
        assert f'"{word}"' not in text
    item = schema["definitions"]["Item"]
    assert item["additionalProperties"] is False
    assert item["properties"]["pair"]["items"] == [{"type": "integer"}, {"type": "string"}]
    assert item["properties"]["pair"]["additionalItems"] is False
    # The field `title` stays, the keyword that repeats the names of fields goes.
    assert "title" in schema["definitions"]["Link"]["properties"]
    assert "title" not in item
    assert schema["properties"]["metadata"]["allOf"] == [{"$ref": "#/definitions/Metadata"}]
    assert schema["properties"]["metadata"]["description"]


def test_the_schema_of_a_recursive_union_and_an_open_model() -> None:
    """Variants keep their types, a discriminator is left out, and a model that says nothing is closed."""

    class Leaf(BaseModel):
        type: Literal["leaf"]

    class Branch(BaseModel):
        model_config = ConfigDict(title="branch")
        type: Literal["branch"]
        inner: list[Annotated[Leaf | Branch, Field(discriminator="type")]]

    Branch.model_rebuild(_types_namespace={"Leaf": Leaf, "Branch": Branch})
    schema = json_schema(Branch)
    jsonschema.Draft7Validator.check_schema(schema)
    check = jsonschema.Draft7Validator(schema)
    assert check.is_valid({"type": "branch", "inner": [{"type": "leaf"}, {"type": "branch", "inner": []}]})
    assert not check.is_valid({"type": "branch", "inner": [{"type": "leaf", "more": 1}]})
    assert not check.is_valid({"type": "twig", "inner": []})


def test_the_schema_of_a_dataclass() -> None:
    """What the program writes has a schema as well, named after its class."""

    @dataclass(frozen=True)
    class Row:
        """A row."""

        name: str
        cells: tuple[int, ...] = ()

    schema = json_schema(Row)
    assert schema["$id"] == "https://runback.dev/schema/v1/row.json"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]


def test_names_of_documents_are_at_hand() -> None:
    """Who validates documents finds the check of their kind and the hint for names here too."""
    assert check_kind(parse_document(HEAD, "a.yaml"), ("Thing",)) == nearest("thing", ["Thing"])
