"""JSON of others is read strictly: nothing that two readers read apart, no key and no digit lost, within limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import parse_json, plain_bytes
from runback_gate.errors import DocumentError, Location
from runback_gate.standard_json import UNIQUE, RefusedError
from tests.json_values import ANY, LAW


@LAW
@given(st.binary() | ANY.map(plain_bytes) | st.text().map(lambda text: json.dumps(text).encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """`parse_json` gives what the lenient reader of the standard library gives, or a DocumentError with a place."""
    try:
        value = parse_json(data, path="in.json")
    except DocumentError as error:
        place = error.location or Location("nowhere")
        assert place.path == "in.json"
        return
    assert json.loads(data) == value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"a": 1,\n "a": 2}', 'in.json:2:2: duplicate key "a" (keep one of them)'),
        ('{"a": 1,\n "é": {"b": "x\\"", "\\u0062" : 2}}', 'in.json:2:20: duplicate key "\\u0062" (keep one of them)'),
        ('[{"a": 1}, {"a": {"a": 1}, "b": ["a", "a"]}, NaN]', "in.json:1:46: not valid JSON"),
        ("[1,\n 2,]", "in.json:2:"),
        ('[{"a": 1}, {"a": {"a": 1}, "b": ["a", "a"], "c": 1, "c": 1}]', 'in.json:1:53: duplicate key "c"'),
        ('{"a":[{"b":1,"c":{},"b":1}]}', 'in.json:1:21: duplicate key "b"'),
        ("[1e999]", "in.json:1:2: not valid JSON"),
        ('["é", "\\ud800"]', "in.json:1:8: not valid JSON"),
        ("\ufeff[]", "in.json:1:1: not valid JSON"),
        ("", "in.json:1:1: not valid JSON"),
        ("[1] 2", "in.json:1:5: not valid JSON"),
        (b'{"a": 1,\n "\xc3\xa9\xff": 2}', "in.json:2:4: not UTF-8"),
        ("[\n" * 129 + "]" * 129, "in.json:129:1: nesting deeper than 128 levels (flatten it)"),
        ('{"a":' * 129 + "1" + "}" * 129, "in.json:1:641: nesting deeper than 128 levels (flatten it)"),
        ("[" * 1010 + "]" * 1010, "in.json:1:129: nesting deeper than 128 levels (flatten it)"),
        ("[" * 200_000, "in.json:1:10"),
        ("\ud800", "in.json:1:1: not valid JSON"),
    ],
)
def test_foreign_json_is_read_strictly(data: bytes | str, expected: str) -> None:
    """Whatever two readers could read apart is refused, at its line and column in characters."""
    with pytest.raises(DocumentError) as caught:
        parse_json(data, path="in.json")
    assert str(caught.value).startswith(expected), str(caught.value)


_SPACE = st.sampled_from(["", " ", "\n", "\t "])
_KEY = st.sampled_from(['"a"', '""', '" "', '"\\u0022"', '"\\""', '"\\u003a:"', '"b\\\\"'])
_NUMBER = st.sampled_from(
    [
        "0",
        "-0",
        "0.0",
        "1e5",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
    ]
)


def _texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(_KEY, _SPACE, _SPACE, inner).map(lambda pair: f"{pair[0]}{pair[1]}:{pair[2]}{pair[3]}")
    mappings = st.lists(pairs, max_size=3).map(lambda found: "{" + " ,".join(found) + "}")
    return mappings | st.lists(inner, max_size=3).map(lambda found: "[" + ", ".join(found) + "]")


@given(st.recursive(_KEY | _NUMBER, _texts, max_leaves=8))
def test_no_key_and_no_digit_is_lost(text: str) -> None:
    """However a text is spaced and escaped, it is read as the standard library reads it, or has a key twice."""
    try:
        expected = UNIQUE.decode(text)
    except RefusedError:
        with pytest.raises(DocumentError, match="duplicate key"):
            parse_json(text, path="in.json")
        return
    assert repr(parse_json(text.encode(), path="in.json")) == repr(expected)


@pytest.mark.slow
def test_foreign_json_that_is_very_wide_is_refused_as_such() -> None:
    """A list of millions is named as too large, not as too deep."""
    with pytest.raises(DocumentError, match=r"in\.json: more than 4,194,304 values on one level \(split it\)"):
        parse_json("[" + "0," * (1 << 22) + "0]", path="in.json")


def test_foreign_json_keeps_digits_and_key_order() -> None:
    """Integers beyond 64 bits stay exact, and the order of keys is the written one."""
    value = parse_json(
        b'\n{"b": 123456789012345678901234567890, "a": [0.1, -0, 1E2, "\\ud83d\\ude00"]}\n', path="in.json"
    )
    assert value == {"b": 123456789012345678901234567890, "a": [0.1, 0, 100.0, "\U0001f600"]}
    assert isinstance(value, dict)
    assert list(value) == ["b", "a"]


def test_foreign_json_is_limited_in_bytes() -> None:
    """The limit counts UTF-8 bytes, also of text that is short in characters."""
    assert parse_json("[1]", path="in.json", max_bytes=3) == [1]
    for data in (b"[1] ", "[1] ", '"é"'):
        with pytest.raises(DocumentError, match=r"in\.json: larger than 3 bytes"):
            parse_json(data, path="in.json", max_bytes=3)
