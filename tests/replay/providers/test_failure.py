"""What it means that there is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.replay.providers.failure import failure, no_answer, retry_after
from runback_gate.replay.providers.key_guard import KeyGuard
from runback_gate.wire.faults import NotUnderstoodError
from tests.wire.answers import REFUSED


@given(st.integers(300, 599), st.binary(max_size=50), st.integers(200, 320), st.booleans())
def test_no_failure_shows_the_key(status: int, data: bytes, place: int, in_json: bool) -> None:
    """Not a part of it either, wherever it stands in the words of the provider, and whatever they are."""
    key = "KEYkeyKEYkeyKEYkey"
    words = "x" * place + key
    body = json.dumps({"error": {"message": words, "code": "c"}}).encode() if in_json else data + words.encode()
    error = failure("p", status, body, {}, guard=KeyGuard(key))
    assert "KEY" not in str(error)
    assert len(error.message) < 330


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "today"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds, or a date held against the server's own clock; anything else is not said."""
    assert retry_after(headers) == seconds


def test_only_some_failures_name_a_time() -> None:
    """A 400 is not asked again, so its Retry-After says nothing."""
    headers = {"retry-after": "7"}
    assert failure("p", 429, b"", headers).retry_after == 7.0
    assert failure("p", 503, b"", headers).retry_after == 7.0
    assert failure("p", 400, b"", headers).retry_after is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"error": {"code": "a", "type": "b", "message": "c"}}', "a: b: c"),
        (b'{"error": {"code": 5, "message": "c"}}', "5: c"),
        (b'{"message": "c"}', "c"),
        (b'{"error": {}}', '{"error": {}}'),
        (b"[1]", "[1]"),
        (b"plain\n\twords \xff", "plain words \ufffd"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_the_words_of_a_failure(data: bytes, words: str) -> None:
    """On one line, cut."""
    assert str(failure("p", 400, data, {})) == f"p: HTTP 400: {words}"


@pytest.mark.parametrize(("api", "value"), REFUSED)
def test_the_place_of_what_is_not_understood(api: Any, value: Any) -> None:
    """In every API: the kind is its own, and the JSON path goes with it."""
    with pytest.raises(NotUnderstoodError) as error:
        wire.format_of(api).read_answer(value)
    found = no_answer("local", error.value, guard=KeyGuard(None))
    assert (found.kind, found.place) == ("not understood", error.value.place)
    assert error.value.place.startswith("$")
