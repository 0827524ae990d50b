"""Redaction of JSON values: what is replaced, what stays, and that twice is once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import InputError, RunbackError
from runback_gate.redact import Redactor, load_rules, parse_key
from runback_gate.redact.pseudonym import PSEUDONYM, pseudonym

KEY = b"k" * 32
STRICT = Redactor("strict", key=KEY)
STANDARD = Redactor("standard", key=KEY)
DRAWN = "q7Zx8Qv2Lr7Tn4Kp1W3s"

PIECES = [rule.example for rule in load_rules("strict")] + [
    "<email:0123456789ab>",
    "<secret:0123456789ab>",
    "password: ",
    "api_key=",
    '"token": "',
    "Bearer ",
    DRAWN,
    " ",
    "\n",
    '"',
    "\\n",
    "@",
    "x",
    "4111",
    "://",
]
texts = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
names = st.one_of(texts, st.sampled_from(["password", "apiKey", "token", "name", "value", "key", "id", "stringValue"]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(names, inner, max_size=4),
        inner.map(lambda value: json.dumps(value)),
    ),
    max_leaves=8,
)


@given(values)
def test_twice_is_once(value: Any) -> None:
    """What was redacted has nothing left to redact: the second time changes no byte and counts nothing."""
    once, _ = STRICT.redact(value)
    assert STRICT.redact(once) == (once, {})


@given(st.lists(st.dictionaries(names, st.one_of(values, st.lists(values, max_size=3)), max_size=3), max_size=3))
def test_bodies_that_repeat_each_other_are_redacted_as_any_other(bodies: list[Any]) -> None:
    """A redactor that remembers the messages of a conversation gives what a new one gives, errors included."""
    known = Redactor("strict", key=KEY)
    for body in (*bodies, {"messages": bodies}, *bodies, {"messages": bodies}):
        try:
            expected = Redactor("strict", key=KEY).redact(body)
        except RunbackError as error:
            with pytest.raises(RunbackError, match=str(error)):
                known.redact_again(body)
        else:
            found = known.redact_again(body)
            assert (json.dumps(found[0]), found[1]) == (json.dumps(expected[0]), expected[1])


def test_entries_that_are_equal_for_python_alone_are_not_taken_for_each_other() -> None:
    """1, true and 1.0 are equal in Python and three values in JSON."""
    redactor = Redactor("standard", key=KEY)
    for value in (1, True, 1.0):
        assert repr(redactor.redact_again({"messages": [{"n": value}]})[0]) == f"{{'messages': [{{'n': {value!r}}}]}}"


def test_an_entry_that_was_given_before_is_known_by_its_object() -> None:
    """What it became, and what was found in it, is the same each time, beside others in between."""
    redactor = Redactor("standard", key=KEY)
    entry: Any = {"role": "user", "content": "mail jane@example.org"}
    first = redactor.redact_again({"messages": [entry]})
    again = redactor.redact_again({"messages": [{"role": "user", "content": "no mail"}, entry], "n": 1})
    assert again[0]["messages"][1] is first[0]["messages"][0]  # type: ignore[index, call-overload]
    assert again[1] == first[1] == {"email": 1}


@given(values)
def test_the_memo_and_the_prefilter_change_nothing(value: Any) -> None:
    """A redactor that knows the texts already gives what a new one gives."""
    assert STRICT.redact(value) == STRICT.redact(value) == Redactor("strict", key=KEY).redact(value)


KEPT = [
    "Refund order 4003214567890 of 2026-11-27T10:15:00Z, 129.90 EUR",
    "call_9f8e7d6c5b4a3f2e1d0c9b8a chatcmpl-9xKq2LmN8pRs4TuV6wXy toolu_01A09q90qw90lq917835lq9",
    "123e4567-e89b-12d3-a456-426614174000",
    "1732702500 1732702500123 1732702500123456",
    "the token limit is 4096 and the key idea is simple",
    "max_tokens=2048, primary_key: customer_id, sort_key = created_at",
    "git@github.com:runback/gate.git at 0.1.2.3 beside ::1 and 127.0.0.1",
    "password: must have eight characters",
    "gpt-4o-2024-08-06 claude-sonnet-4-5-20250929 text-embedding-3-large",
    'os.environ["API_KEY"] password=${DB_PASSWORD} token: <your-token> key=YOUR_KEY_HERE',
]


@pytest.mark.parametrize("text", KEPT)
def test_what_no_rule_promises_stays(text: str) -> None:
    """Ids, times, amounts, model names, prose about secrets and references to them are kept at every level."""
    assert STRICT.text(text) == (text, {})


@pytest.mark.parametrize("value", [True, False, None, 0, 12, -7, 3.5, 1732702500123, 2**70, [], {}, ""])
def test_plain_values_stay(value: Any) -> None:
    """Booleans, amounts, epochs and empty values are kept, also below a name of a secret where they cannot be one."""
    assert STRICT.redact({"value": value}) == ({"value": value}, {})
    assert STRICT.redact({"max_tokens": value, "total_tokens": value}) == (
        {"max_tokens": value, "total_tokens": value},
        {},
    )


@pytest.mark.parametrize(
    "name", ["password", "passwd", "PASSWORD", "dbPassword", "client_secret", "clientSecret", "x-api-key", "apiKey"]
)
@pytest.mark.parametrize("value", ["hunter2", "correct horse battery staple", 123456, "Bearer abc"])
def test_a_name_of_a_secret_hides_what_it_holds(name: str, value: Any) -> None:
    """Below such a name a text of any form and a number are replaced."""
    forms: list[dict[str, Any]] = [
        {name: value},
        {"name": name, "value": value},
        {"key": name, "value": {"stringValue": value}},
    ]
    for wrapped in forms:
        redacted, counts = STANDARD.redact(wrapped)
        assert counts == {"secret": 1}
        assert str(value) not in json.dumps(redacted)


def test_equal_values_have_equal_pseudonyms_under_one_key() -> None:
    """Diffs and equality rules go on working; another key, or another rule, gives another pseudonym."""
    text, counts = STANDARD.text("from a@example.org to a@example.org")
    first, second = PSEUDONYM.findall(text)
    assert first == second == pseudonym(KEY, "email", "a@example.org")
    assert counts == {"email": 2}
    assert first != pseudonym(b"x" * 32, "email", "a@example.org")
    assert first[6:] != pseudonym(KEY, "phone", "a@example.org")[6:]


def test_keys_numbers_and_json_in_texts_are_searched() -> None:
    """Keys of mappings, numbers that are cards, and JSON in a text; JSON in which nothing is found keeps its bytes."""
    redacted, counts = STANDARD.redact({"a@example.org": 4111111111111111, "args": '{ "to":"a@example.org", "n":1}'})
    assert counts == {"email": 2, "card": 1}
    assert "example.org" not in json.dumps(redacted)
    assert "411111" not in json.dumps(redacted)
    kept = '{ "n":1,  "m":[ true ] }'
    assert STANDARD.text(kept) == (kept, {})


def test_what_is_nested_too_deep_is_refused() -> None:
    """Nothing half redacted is returned: the caller withholds the value."""
    value: Any = "x"
    for _ in range(200):
        value = [value]
    with pytest.raises(RunbackError, match="nesting"):
        STANDARD.redact(value)


def test_a_short_key_is_refused() -> None:
    """A key that could be found by trying gives no pseudonyms."""
    assert parse_key("0123456789abcdef") == b"0123456789abcdef"
    with pytest.raises(InputError, match="fewer than 16"):
        parse_key("secret")
