"""The `jsonSchema` check: what it says, and that no schema and no text runs away, fetches, or differs by run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runback_gate.cel.json_numbers import FORMATS
from runback_gate.cel.json_schema import DIALECT, MAX_TEXT, MAX_WORK, JsonSchemaProgram
from runback_gate.errors import ExpressionError

ORDER: dict[str, Any] = {
    "$schema": DIALECT,
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^A[0-9]+$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "uniqueItems": True, "minItems": 1},
    },
    "required": ["id"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}},
}


def verdict(schema: dict[str, Any], text: str) -> str:
    """`true`, `false` or `error`."""
    return JsonSchemaProgram(schema).decide(text).verdict


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": "A1"}', ""),
        ('{"id": "A1", "lines": [{"n": 1}, {"n": 2}]}', ""),
        ('{"id": "A1", "lines": [{"n": 1.0}]}', ""),
        ('{"id": "B1"}', "$.id: text does not match '^A[0-9]+$'"),
        ("{}", "$: 'id' is a required property"),
        ('{"id": "A1", "lines": [{"n": 0}]}', "$.lines[0].n: 0 is less than the minimum of 1"),
        ('{"id": "A1", "lines": [{"n": 1}, {"n": 1.0}]}', "$.lines: items are not unique"),
        ('{"id": "A1", "b": 1, "a": 2}', "$: additional properties are not allowed: 'a', 'b'"),
        ("[]", "$: [] is not of type 'object'"),
        ("", "the text is not JSON: not valid JSON: "),
        ("Sure! {}", "the text is not JSON: not valid JSON: "),
        ('{"id": "A1", "id": "A2"}', 'the text is not JSON: duplicate key "id"'),
    ],
)
def test_an_order(text: str, reason: str) -> None:
    """An answer that keeps the schema, and what is wrong with others, in one line."""
    program = JsonSchemaProgram(ORDER)
    assert program.decide(text).verdict == ("false" if reason else "true")
    assert program.reason(text).startswith(reason)
    assert "\n" not in program.reason(text)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "'objekt' is not valid under any of the given schemas"),
        ({"type": 5}, "5 is not valid under any of the given schemas"),
        ({"properties": []}, "[] is not of type 'object'"),
        ({"pattern": "("}, "invalid regular expression: missing )"),
        ({"pattern": "(?=a)"}, "invalid regular expression: "),
        ({"$defs": {"a": {"items": {"pattern": "a**"}}}, "type": "string"}, "invalid regular expression: "),
        ({"patternProperties": {"(a+)+$": {}}}, "patternProperties is not supported"),
        ({"items": {"patternProperties": {}}}, "patternProperties is not supported"),
        ({"allOf": [{"$schema": "http://json-schema.org/draft-07/schema#"}]}, "$schema may stand at the top only"),
    ],
)
def test_bad_schemas(schema: dict[str, Any], message: str) -> None:
    """What is no schema, and what is not supported, is said when it is compiled."""
    with pytest.raises(ExpressionError) as error:
        JsonSchemaProgram(schema)
    assert str(error.value).startswith(f"not a JSON Schema: {message}")


def test_other_drafts_are_refused() -> None:
    """A schema that says another draft would mean something else."""
    with pytest.raises(ExpressionError, match="not a JSON Schema of draft 2020-12"):
        JsonSchemaProgram({"$schema": "http://json-schema.org/draft-07/schema#"})


def test_additional_properties() -> None:
    """None, any, or those that keep a schema; what is no object has none."""
    named: dict[str, Any] = {"properties": {"a": {}}}
    texts = ['{"a": 1}', '{"a": 1, "b": 2}', '{"b": "x"}', "[1]"]
    assert [verdict({**named, "additionalProperties": False}, text) for text in texts] == [
        "true",
        "false",
        "false",
        "true",
    ]
    assert [verdict({**named, "additionalProperties": True}, text) for text in texts] == ["true"] * 4
    numbers = {**named, "additionalProperties": {"type": "integer"}}
    assert [verdict(numbers, text) for text in texts] == ["true", "true", "false", "true"]
    assert JsonSchemaProgram(numbers).reason(texts[2]) == "$.b: 'x' is not of type 'integer'"


def test_unique_items() -> None:
    """Numbers by value, booleans apart from them, lists and mappings by what they hold, in no order."""
    unique = [
        "[1, true, 0, false, null]",
        '[true, ["bool", 1], ["bool", true], [["bool", 1]]]',
        '[{"a": 1}, {"a": [1]}]',
    ]
    twice = ["[1, 2, 1.0]", '[{"a": 1, "b": [true]}, {"b": [true], "a": 1.0}]', "[[], []]"]
    assert [verdict({"uniqueItems": True}, text) for text in unique] == ["true"] * 3
    assert [verdict({"uniqueItems": True}, text) for text in twice] == ["false"] * 3


def test_hostile_patterns_return() -> None:
    """Patterns that take exponential time elsewhere take linear time here, and huge repeats none."""
    text = json.dumps("a" * 50_000 + "!")
    for pattern in ("(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"):
        assert verdict({"pattern": pattern}, text) == "false"
    assert verdict({"propertyNames": {"pattern": "^(a+)+$"}}, json.dumps({"a" * 5000 + "!": 1})) == "false"
    with pytest.raises(ExpressionError):
        JsonSchemaProgram({"pattern": "(a{1000}){1000}"})


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "https://example.com/schema.json"}, "Unresolvable: https://example.com/schema.json"),
        ({"$ref": "file:///etc/passwd"}, "Unresolvable: file:///etc/passwd"),
        ({"$id": "https://example.com/a", "$ref": "b"}, "Unresolvable: b"),
        ({"$ref": "#/$defs/nobody"}, "PointerToNowhere: '/$defs/nobody' does not exist"),
        ({"$ref": "#"}, "maximum recursion depth exceeded"),
        ({"properties": {"$schema": {}}, "$ref": "#/properties"}, ""),
        ({"const": {"pattern": 5}, "$ref": "#/const"}, ""),
        (
            {"contains": {"type": "integer"}, "minContains": 10**6, "items": {"type": "string"}},
            "the schema asks too much of one answer",
        ),
    ],
)
def test_what_cannot_be_applied_is_an_error(schema: dict[str, Any], reason: str) -> None:
    """Nothing is fetched, nothing loops, nothing in the library is a crash: there is no verdict then."""
    much = "contains" in schema
    program = JsonSchemaProgram(schema, allowance=10_000) if much else JsonSchemaProgram(schema)
    outcome = program.decide(json.dumps(["a"] * 2_000) if much else '"a"')
    assert outcome.verdict == "error"
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"the schema cannot be applied: {reason}")


@pytest.mark.slow
def test_references_that_double_stop() -> None:
    """Forty lines of schema would ask 2^40 questions."""
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(40)}
    outcome = JsonSchemaProgram({"$defs": {**steps, "s40": {}}, "$ref": "#/$defs/s0"}).decide("1")
    assert outcome.reason == "the schema cannot be applied: the schema asks too much of one answer"


@pytest.mark.slow
def test_the_budget_is_that_of_one_answer() -> None:
    """A program can be asked again and again."""
    program = JsonSchemaProgram({"items": {"type": "integer"}})
    text = json.dumps([1] * 30_000)
    assert [program.decide(text).verdict for _ in range(5)] == ["true"] * 5


def test_large_answers_cannot_be_judged() -> None:
    """A text beyond the limit is neither kept nor broken, whatever it is."""
    fits = json.dumps("é" * (MAX_TEXT // 2 - 1), ensure_ascii=False)
    assert verdict({"type": "string"}, fits) == "true"
    assert verdict({"type": "string"}, fits + " ") == "error"


def test_many_faults_are_one_line() -> None:
    """Thousands of faults in thousands of items: the first that tells most, cut."""
    program = JsonSchemaProgram({"items": {"allOf": [{"type": "integer"}] * 50}})
    reason = program.reason(json.dumps(["x" * 1000] * 200))
    assert reason.startswith("$[1]: 'xxx")
    assert len(reason) <= 300


@pytest.mark.integration
def test_the_reason_is_the_same_in_every_run() -> None:
    """It does not depend on the seed of Python's hashes."""
    code = (
        "from runback_gate.cel.json_schema import JsonSchemaProgram as P;"
        'print(P({\'additionalProperties\': {\'type\': \'integer\'}}).reason(\'{"d":"x","b":"y","c":"z","a":"w"}\'))'
    )
    said = set()
    for seed in ("1", "2", "3"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        said.add(done.stdout)
    assert said == {"$.d: 'x' is not of type 'integer'\n"}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.sampled_from([{}, {"type": "integer"}, {"type": ["string", "null"]}, {"pattern": "^a"}, {"uniqueItems": True}])
    | st.builds(lambda value: {"const": value}, JSON)
    | st.builds(lambda values: {"enum": values}, st.lists(JSON, min_size=1, max_size=2)),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "additionalProperties": inner,
            "unevaluatedProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "uniqueItems": st.booleans(),
        },
    ),
    max_leaves=5,
)


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)), JSON)
def test_it_says_what_json_schema_says(schema: dict[str, Any], value: object) -> None:
    """For what is supported, the verdict is that of the specification's own validator."""
    expected = Draft202012Validator(schema).is_valid(value)
    assert verdict(schema, json.dumps(value)) == ("true" if expected else "false")


CENTS = st.integers(-(10**12), 10**12)


@given(CENTS, st.sampled_from([0.01, 0.1, 0.05, 1e-7, 1.1, 7]))
def test_multiples_are_those_of_the_decimals(number: int, factor: float) -> None:
    """A number of times the factor is a multiple of it as people write both; a little more is none."""
    product = Decimal(repr(factor)) * number
    assert verdict({"multipleOf": factor}, f"{product:f}") == "true"
    assert verdict({"multipleOf": factor}, f"{product + Decimal('1e-9'):f}") == "false"


@given(st.decimals(-999, 999, places=3))
def test_bounds_and_values_are_those_of_the_decimals(number: Decimal) -> None:
    """Bounds, enum, const and equal items see the number that is written, to its last place."""
    schema: dict[str, Any]
    own, more = f"{number:f}", f"{number + Decimal('1e-25'):f}"
    value = float(number)
    for schema in ({"maximum": value}, {"const": value}, {"enum": ["x", value]}, {"exclusiveMaximum": value + 1}):
        assert verdict(schema, own) == "true"
    for schema in ({"maximum": value}, {"const": value}, {"enum": [value]}, {"exclusiveMaximum": value}):
        assert verdict(schema, more) == "false"
    assert verdict({"minimum": value}, more) == "true"
    assert verdict({"uniqueItems": True}, f"[{own}, {more}]") == "true"
    assert verdict({"uniqueItems": True}, f"[{own}, {own}0]") == "false"


@pytest.mark.parametrize("text", ["1e-4000", "0." + "1" * 401, "1" + "0" * 300 + "e-900"])
def test_numbers_that_are_too_exact_are_not_judged(text: str) -> None:
    """To compare them would take time without end."""
    assert verdict({"multipleOf": 0.01}, text) == "error"


FORMATTED = {
    "date": (["2026-02-28", "2024-02-29"], ["2026-02-29", "2026-2-1", "20260228", "not a date", "2026-W01-1"]),
    "time": (["10:00:00Z", "23:59:60.5+02:00"], ["24:00:00Z", "10:00:00", "10:00Z"]),
    "date-time": (["2026-02-28T10:00:00Z", "2026-02-28t10:00:00.1-05:00"], ["2026-02-28", "2026-02-30T10:00:00Z"]),
    "duration": (["P1Y2M3DT4H5M6S", "PT1S", "P2W"], ["P", "PT", "1Y", "P1D2H"]),
    "email": (["a.b@example.com"], ["a", "@b", "a@", "a b@c"]),
    "hostname": (["a.example.com", "x"], ["-a.b", "a..b", "a_b", ""]),
    "ipv4": (["127.0.0.1"], ["1.2.3", "256.0.0.1", "01.2.3.4"]),
    "ipv6": (["::1", "fe80::1:2"], ["1", ":::", "fe80::1%eth0"]),
    "uri": (["https://example.com/a?b#c", "urn:x:y"], ["/a", "a b:c", ""]),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_checked(name: str) -> None:
    """Each format that is taken tells good from bad; what is no text has none."""
    good, bad = FORMATTED[name]
    assert {verdict({"format": name}, json.dumps(text)) for text in good} == {"true"}
    bad = [*bad, *(text + "\n" for text in good)]
    assert {verdict({"format": name}, json.dumps(text)) for text in bad} == {"false"}
    assert verdict({"format": name}, "5") == "true"


@pytest.mark.parametrize(
    "schema", [{"format": "int32"}, {"properties": {"a": {"format": "regex"}}}, {"$defs": {"b": {"format": "Date"}}}]
)
def test_formats_that_nobody_checks_are_refused(schema: dict[str, Any]) -> None:
    """No format is passed over in silence."""
    with pytest.raises(ExpressionError, match=r"not a JSON Schema: the format '\w+' cannot be checked"):
        JsonSchemaProgram(schema)


def work(schema: dict[str, Any], text: str) -> int:
    """What a schema spends on a text; more than the limit is the limit."""
    program = JsonSchemaProgram(schema)
    program.decide(text)
    return MAX_WORK - max(program._left, 0)


LARGE: dict[str, Callable[[int], tuple[dict[str, Any], Any]]] = {
    "enum": lambda n: ({"items": {"enum": list(range(n))}}, [0] * n),
    "const": lambda n: ({"allOf": [{"const": [0] * n}] * n}, [0] * n),
    "properties": lambda n: ({"items": {"properties": {f"a{i}": {} for i in range(n)}}}, [{}] * n),
    "items": lambda n: ({"allOf": [{"items": {}}] * n}, [0] * n),
    "anyOf": lambda n: ({"anyOf": [{"type": "string"}] * n}, [0] * n),
    "pattern": lambda n: ({"allOf": [{"pattern": "b"}] * n}, "a" * n),
    "unevaluatedItems": lambda n: ({"unevaluatedItems": {}}, [0] * n),
    "unevaluatedProperties": lambda n: ({"unevaluatedProperties": {}}, {f"a{i}": 0 for i in range(n)}),
    "anchor": lambda n: (
        {"$defs": {f"a{i}": {"$anchor": f"b{i}"} for i in range(n)}, "items": {"$ref": "#b0"}},
        [0] * n,
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_work_is_counted_where_it_grows(name: str) -> None:
    """What grows with the square of schema and answer is paid for with the square; an enum is looked up at once."""
    small, large = (work(schema, json.dumps(value)) for schema, value in (LARGE[name](n) for n in (10, 40)))
    assert large < 5 * small if name == "enum" else large > 3.5 * small


@pytest.mark.parametrize("schema", [{"properties": {f"a{n}": {} for n in range(5_000)}}, {"type": ["string"] * 9}])
def test_large_schemas_are_refused(schema: dict[str, Any]) -> None:
    """Before the library looks at them."""
    with pytest.raises(ExpressionError, match=r"more than 5,000 entries|at most 7 words"):
        JsonSchemaProgram(schema)
