"""Facts about the functions of ours, as plain Python."""

from __future__ import annotations

import json
import unicodedata
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.functions import FUNCTIONS, MAX_COMPARED_DEPTH, MAX_JSON, calls, includes, mentions, parse_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=8,
)


def test_calls_by_name() -> None:
    """The tool calls with the name come in order; others, and what is no call, do not."""
    first, second = {"name": "refund", "id": "1"}, {"name": "refund", "id": "2"}
    response = cast("dict[str, JsonValue]", {"tool_calls": [first, {"name": "lookup"}, "refund", second, {}]})
    assert calls(response, "refund") == [first, second]
    assert calls(response, "Refund") == []
    assert calls({"tool_calls": []}, "refund") == []


@pytest.mark.parametrize("response", [{}, {"tool_calls": None}, {"tool_calls": {"name": "refund"}}])
def test_calls_of_nothing_known_is_an_error(response: dict[str, JsonValue]) -> None:
    """Without a list of calls it is unknown whether one was made: never an empty list."""
    with pytest.raises(ValueError, match=r"calls\(\): the first argument has no list `tool_calls`"):
        calls(response, "refund")


def test_json_text_is_read() -> None:
    """JSON text becomes its value."""
    assert parse_json('{"a": [1, 2.5, "é", null, true]}') == {"a": [1, 2.5, "é", None, True]}
    assert parse_json("9223372036854775807") == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "nul", "NaN", "-Infinity", "1e999", '{"a": 1, "a": 2}', '"\\ud800"', "9223372036854775808"),
        *('{"a\\u0000": 1}', '["a\\u0000b"]'),
        *('[{"a": -9223372036854775809}]', "[" * 5000, "9" * 5000, '"' + "a" * MAX_JSON + '"'),
    ],
)
def test_other_text_is_an_error(text: str) -> None:
    """What is not strict JSON, too deep, too large or out of range is a ValueError, not another exception."""
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text)


@given(JSON)
def test_what_was_written_is_read(value: JsonValue) -> None:
    """JSON text of any value gives the value back, and the value includes itself when it is a map."""
    read = parse_json(json.dumps(value))
    assert read == value
    if isinstance(read, dict):
        assert includes(read, read)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Ask a specialist.", "specialist"),
        ("Ask a SPECIALIST", "Specialist"),
        ("a human\n  agent will call", "human agent"),
        ("the cost is $250!", "$250"),
        ("Straße", "STRASSE"),
        ("ﬁne print", "fine print"),
        ("don\u2019t do it", "don't"),
        ("non\u2011refundable fare", "non-refundable"),
        ("re\u00adfund it", "refund"),
        ("cafe\u0301 au lait", "café"),
        ("我要退款吧", "退款"),
        ("환불을 원해요", "환불"),
        ("e-mail, please", "e-mail"),
        ("x", "x"),
    ],
)
def test_phrases_are_found(text: str, phrase: str) -> None:
    """Case, blanks, compatibility forms, invisible characters and typography do not hide a phrase."""
    assert mentions(text, phrase)
    assert mentions(text, ["nothing", phrase])


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("we refunded it", "refund"),
        ("prerefund", "refund"),
        ("refund_now", "refund"),
        ("$2500", "$250"),
        ("refund", "refund now"),
        ("", "a"),
        ("cafes", "café"),
        ("कि", "क"),
    ],
)
def test_words_are_whole(text: str, phrase: str) -> None:
    """A phrase inside a longer word is not mentioned."""
    assert not mentions(text, phrase)


def test_a_later_place_counts() -> None:
    """A place inside a word does not hide a later one that stands alone."""
    assert mentions("refunds, or a refund", "refund")


def test_phrases_must_be_phrases() -> None:
    """An empty phrase or something that is no text is an error, wherever it stands in the list."""
    for phrases in ("", " \n", ["a", ""], [1], ["a", None]):
        with pytest.raises(ValueError, match=r"mentions\(\)"):
            mentions("a", cast("str", phrases))
    assert not mentions("a", [])


@given(st.text(), st.text())
def test_mentions_is_blind_to_case_and_form(text: str, phrase: str) -> None:
    """Upper case and decomposed forms mention what the text mentions."""
    try:
        found = mentions(text, phrase)
    except ValueError:
        return
    assert mentions(text.casefold(), phrase) == found
    assert mentions(unicodedata.normalize("NFKC", text), phrase) == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": {"b": {"c": [1, "x"]}, "d": 1}}, {"a": {"b": {"c": [1.0, "x"]}}}),
        ({"a": None, "b": True}, {"a": None, "b": True}),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}),
    ],
)
def test_includes(value: JsonValue, expected: dict[str, JsonValue]) -> None:
    """A map with all that is expected, and more, includes it."""
    assert includes(value, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": False}, {"a": 0}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {"a": {}}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": [1]}, {"a": {"0": 1}}),
        ({"a": {}}, {"a": []}),
        ([], {}),
        ("a", {}),
        (1, {}),
        (1.5, {}),
        (True, {}),
        (None, {}),
    ],
)
def test_does_not_include(value: JsonValue, expected: dict[str, JsonValue]) -> None:
    """A missing key, another value, another type or no map at all does not include it."""
    assert not includes(value, expected)


def test_includes_has_a_depth() -> None:
    """Maps that are nested too deep to compare are an error."""
    deep: dict[str, JsonValue] = {}
    for _ in range(MAX_COMPARED_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(ValueError, match=r"includes\(\): nested deeper than 128 levels"):
        includes(deep, deep)


@given(JSON, st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_includes_is_monotonic(extra: JsonValue, value: dict[str, JsonValue]) -> None:
    """A map with one more key includes what it included before."""
    assert includes({**value, "a key of its own": extra}, value)


def test_the_table_documents_every_function() -> None:
    """Every function has a docstring, which is its reference, and overloads of one length."""
    for function in FUNCTIONS:
        assert function.implementation.__doc__
        assert len({len(kinds) for kinds in function.overloads}) == 1
    names = "calls parse_json mentions includes sum min max average distinct matchesSchema"
    assert [function.name for function in FUNCTIONS] == names.split()
