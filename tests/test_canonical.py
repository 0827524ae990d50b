"""The canonical form: one value, one byte string, and nothing else is canonical."""

from __future__ import annotations

import enum
import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import MAX_INTEGER, canonical_bytes, digest, digest_bytes, parse_canonical, plain_bytes
from runback_gate.errors import DocumentError
from runback_gate.standard_json import MAX_DEPTH
from tests.json_values import ANY, FLOAT_FREE, LARGE, LAW


def nested(depth: int, leaf: Any = 1) -> Any:
    """A leaf inside so many lists."""
    for _ in range(depth):
        leaf = [leaf]
    return leaf


class Word(enum.StrEnum):
    YES = "yes"


class Level(enum.IntEnum):
    HIGH = 3


class Half(float):
    """A double that prints as something else."""

    def __repr__(self) -> str:
        return "half"


@LAW
@given(FLOAT_FREE)
def test_float_free_values_have_the_bytes_of_rfc_8785(value: Any) -> None:
    """An independent implementation of RFC 8785 gives the same bytes."""
    assert rfc8785.dumps(value) == canonical_bytes(value)


@LAW
@given(ANY)
def test_reading_canonical_bytes_gives_the_value_back(value: Any) -> None:
    """Writing and reading is the identity, floats and large integers included."""
    assert value == parse_canonical(canonical_bytes(value))


@LAW
@given(LARGE)
def test_a_large_integer_stays_an_integer(value: int) -> None:
    """It is read back as the same int, and written plain outside of canonical bytes."""
    again = parse_canonical(canonical_bytes({"n": [value, "é"]}))
    assert again == {"n": [value, "é"]} == json.loads(plain_bytes({"n": [value, "é"]}))
    assert type(again["n"][0]) is int  # type: ignore[index]
    if abs(value) > MAX_INTEGER:
        assert canonical_bytes(value) == b'{"$integer":"%d"}' % value


@LAW
@given(ANY)
def test_canonical_bytes_hold_no_float_and_are_stable(value: Any) -> None:
    """No number in the bytes has a fraction, an exponent or more than 53 bits; a second round gives the same bytes."""

    def integer(text: str) -> int:
        assert abs(int(text)) <= MAX_INTEGER
        return int(text)

    data = canonical_bytes(value)
    json.loads(data, parse_float=lambda text: pytest.fail(f"float {text} in the output"), parse_int=integer)
    assert data == canonical_bytes(parse_canonical(data))


@LAW
@given(st.binary() | ANY.map(plain_bytes))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    """`parse_canonical` gives a value only for the exact bytes of that value."""
    try:
        value = parse_canonical(data)
    except DocumentError:
        return
    assert data == canonical_bytes(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"\ue000": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ue000":1}'),
        ((1, (2, 3)), "[1,[2,3]]"),
        ({"t": (0.5,)}, '{"t":[{"$decimal":"0.5"}]}'),
        (1.0, "1"),
        (-0.0, "0"),
        (1e300, '{"$decimal":"1e+300"}'),
        (float(2**53), '{"$decimal":"9007199254740992.0"}'),
        (float(2**53 - 1), "9007199254740991"),
        (1e-7, '{"$decimal":"1e-07"}'),
        (Half(0.5), '{"$decimal":"0.5"}'),
        ('\x00\x1f\b\f\n\r\t"\\\x7f\u2028/', '"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\\x7f\u2028/"'),
        ({Word.YES: Word.YES, "n": Level.HIGH}, '{"n":3,"yes":"yes"}'),
        ({"é": Level.HIGH, "a": True}, '{"a":true,"é":3}'),
        (MAX_INTEGER, "9007199254740991"),
        (-MAX_INTEGER, "-9007199254740991"),
        (MAX_INTEGER + 1, '{"$integer":"9007199254740992"}'),
        ({"b": 0.5, "a": (-(2**63),)}, '{"a":[{"$integer":"-9223372036854775808"}],"b":{"$decimal":"0.5"}}'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_has_one_form(value: Any, expected: str) -> None:
    """The bytes are fixed for ever: digests in datasets and signatures depend on them."""
    assert expected.encode() == canonical_bytes(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "NaN or an infinity has no canonical form"),
        ({"a": [0, math.inf]}, 'NaN or an infinity has no canonical form, at ["a"][1]'),
        ([2**1023], "an integer of more than 1023 bits has no canonical form, at [0]"),
        ({"a": -(2**1023)}, 'an integer of more than 1023 bits has no canonical form, at ["a"]'),
        ([1 << 20_000], "an integer of more than 1023 bits has no canonical form, at [0]"),
        ({"x": {"$integer": "1"}}, 'the reserved key $integer has no canonical form, at ["x"]'),
        ({"a": {"b": "\ud800"}}, 'text with a lone surrogate has no canonical form, at ["a"]["b"]'),
        ({"a": {"\udfff": 1}}, 'text with a lone surrogate has no canonical form, at ["a"]["\\udfff"]'),
        ({"x": [{1: 2}]}, 'a key of type int has no canonical form, at ["x"][0]'),
        ({"x": {"$decimal": "0.5"}}, 'the reserved key $decimal has no canonical form, at ["x"]'),
        ({"$decimal": 0.5, "é": 1}, "the reserved key $decimal has no canonical form"),
        ([b"bytes"], "a value of type bytes has no canonical form, at [0]"),
        ([{1, 2}], "a value of type set has no canonical form, at [0]"),
    ],
)
def test_what_has_no_canonical_form_is_named(value: Any, message: str) -> None:
    """The error says what it is and where it lies, in one line without lone surrogates."""
    with pytest.raises(DocumentError) as caught:
        canonical_bytes(value)
    assert message == caught.value.message
    str(caught.value).encode()


def test_depth_is_limited_on_both_ways() -> None:
    """128 levels are written and read, one more is an error and no crash, whatever the leaf."""
    for leaf in (1, 0.5, 2**53, "é", {"é": 0.5}):
        deepest = nested(MAX_DEPTH - isinstance(leaf, dict), leaf)
        assert deepest == parse_canonical(canonical_bytes(deepest))
        with pytest.raises(DocumentError, match="nesting deeper than 128 levels"):
            canonical_bytes([deepest])
    for levels in (MAX_DEPTH + 1, 1000, 200_000):
        for inner in (b"", b'{"$decimal":"0.5"}'):
            with pytest.raises(DocumentError):
                parse_canonical(b"[" * levels + inner + b"]" * levels)


def test_a_value_that_holds_itself_is_refused() -> None:
    """Neither a plain loop nor a multiplying one hangs, in lists and in containers that are no plain ones."""
    loop: list[Any] = []
    loop.append(loop)
    multiplying: list[Any] = []
    multiplying += [multiplying] * 700
    for value in (loop, multiplying):
        with pytest.raises(DocumentError):
            canonical_bytes(value)

    class Sly(dict[str, Any]):
        """A mapping that the survey does not look into."""

    sly = Sly()
    sly["é"] = (sly, sly)
    with pytest.raises(DocumentError, match="type Sly"):
        canonical_bytes([sly])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1\n",
        b"1.0",
        b"0.5",
        b"1e3",
        b"-0",
        b"NaN",
        b"9007199254740992",
        b"123456789012345678901234567890",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\ud800"',
        b"\xff",
        b"\xef\xbb\xbf1",
        b'{"\\u0024decimal":"0.5"}',
        b'{"$decimal":"1.0"}',
        b'{"$decimal":"0.50"}',
        b'{"$decimal":"nan"}',
        b'{"$decimal":"Infinity"}',
        b'{"$decimal":"1_0.5"}',
        b'{"$decimal":"half"}',
        b'{"$decimal":0.5}',
        b'{"$decimal":["0.5"]}',
        b'{"$decimal":"0.5","a":1}',
        b'{"$integer":"1"}',
        b'{"$integer":"-9007199254740991"}',
        b'{"$integer":"09007199254740992"}',
        b'{"$integer":"+9007199254740992"}',
        b'{"$integer":"9_007_199_254_740_992"}',
        b'{"$integer":" 9007199254740992"}',
        b'{"$integer":"9007199254740992.0"}',
        b'{"$integer":9007199254740992}',
        b'{"$integer":"%d"}' % 2**1023,
        b'{"$integer":"%b"}' % (b"9" * 5000),
        b'{"$integer":"9007199254740992","$decimal":"0.5"}',
        b'{"$decimal":"9007199254740992"}',
        b'[{"$decimal":"0.5"}, 1]',
    ],
)
def test_bytes_in_another_form_are_refused(data: bytes) -> None:
    """What reads as a value but is not its canonical form is no canonical JSON; the file is named."""
    with pytest.raises(DocumentError) as caught:
        parse_canonical(data, path="datasets/recordings/ab.json")
    assert str(caught.value.location) == "datasets/recordings/ab.json"


def test_the_reserved_key_may_be_text() -> None:
    """Only as keys are `$decimal` and `$integer` reserved; as text they are read and written like any other."""
    values: list[Any] = ["$decimal", ["$decimal", 0.5], "$integer", {"a": "$integer"}]
    for value in values:
        assert value == parse_canonical(canonical_bytes(value))


def test_digests_name_bytes_and_values() -> None:
    """A digest is the SHA-256 in lower-case hex behind its name."""
    expected = "sha256:" + hashlib.sha256(b'{"a":1}').hexdigest()
    assert expected == digest({"a": 1}) == digest({"a": 1.0}) == digest_bytes(b'{"a":1}')


@pytest.mark.parametrize(
    "text", ["1.5", "[1,2.0]", "[-1e5]", '{"a":[1E5]}', '{"a":{"b":-0.0}}', "[0.0]", '{"a":1e-7}', "-0"]
)
def test_a_bare_double_is_never_canonical(text: str) -> None:
    """However it stands: the short look at what is plain sees each of them."""
    with pytest.raises(DocumentError, match="not canonical JSON"):
        parse_canonical(text.encode())


@pytest.mark.parametrize("text", ['{"a":"sha256:5e3"}', '["1.5, 2.5"]', '{"n":9007199254740991,"t":"[1.5"}'])
def test_texts_with_digits_are_canonical(text: str) -> None:
    """What looks like a double within a text is none."""
    assert canonical_bytes(parse_canonical(text.encode())) == text.encode()


@pytest.mark.parametrize("around", [lambda inner: [inner], lambda inner: {"[": inner}], ids=["lists", "mappings"])
def test_depth_is_limited_among_many(around: Callable[[Any], Any]) -> None:
    """The last level that is allowed is read, the next is refused, whatever stands beside it."""
    deepest: Any = []
    for _ in range(MAX_DEPTH - 2):
        deepest = around(deepest)
    beside: list[Any] = [[] for _ in range(200)]
    assert parse_canonical(plain_bytes([*beside, deepest])) == [*beside, deepest]
    with pytest.raises(DocumentError, match="nesting deeper than 128 levels"):
        parse_canonical(plain_bytes([*beside, around(deepest)]))


@pytest.mark.parametrize("value", [2.0**63, -(2.0**63), 1e19, 1.5e300])
def test_a_large_double_shows_an_exponent(value: float) -> None:
    """By that a double is told that may have been an integer with more digits."""
    assert b"e" in plain_bytes(value)
