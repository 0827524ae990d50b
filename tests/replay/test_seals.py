"""Entries of the response cache and their seals: with a key, only what was sealed with it counts."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, parse_canonical
from runback_gate.errors import InputError
from runback_gate.replay.cache import KEY_VARIABLE, ResponseCache, answer_entry, seal_key
from runback_gate.sealed import open_entry, seal_entry
from tests.replay.cached import ANSWER, KEY, REQUEST


def test_a_seal_shows_who_wrote(cache: ResponseCache) -> None:
    """With a key, only what was sealed with it counts: not what anybody wrote, cut, or sealed with another key."""
    sealed = ResponseCache(cache.folder, KEY)
    other = ResponseCache(cache.folder, KEY[::-1])
    path = sealed.write(REQUEST, 0, ANSWER)
    assert sealed.get(REQUEST, 0) == cache.get(REQUEST, 0)
    assert other.get(REQUEST, 0) is None
    for planted in (
        answer_entry(REQUEST, 0, ANSWER),
        answer_entry(REQUEST, 0, ANSWER, KEY[::-1]),
        path.read_bytes()[:-1],
        path.read_bytes().replace(b'"hi"', b'"ho"'),
        b"{}",
    ):
        path.write_bytes(planted)
        assert sealed.get(REQUEST, 0) is None
        assert sealed.unsealed == {path.relative_to(cache.folder).as_posix()}
    sealed.write(REQUEST, 0, ANSWER)
    assert sealed.unsealed == set()


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_changed_byte_counts(place: int, flip: int) -> None:
    """Whatever byte of a sealed entry is changed, it is no answer any more."""
    data = bytearray(answer_entry(REQUEST, 0, ANSWER, KEY))
    data[place % len(data)] ^= flip
    with TemporaryDirectory() as folder:
        cache = ResponseCache(Path(folder), KEY)
        cache.write(REQUEST, 0, ANSWER).write_bytes(data)
        assert cache.get(REQUEST, 0) is None


def test_a_seal_is_of_the_whole_entry(cache: ResponseCache) -> None:
    """The seal of one answer does not seal another, nor another trial."""
    path = ResponseCache(cache.folder, KEY).write(REQUEST, 0, ANSWER)
    entry = parse_canonical(path.read_bytes())
    forged = parse_canonical(answer_entry(REQUEST, 1, ANSWER))
    assert isinstance(entry, dict)
    assert isinstance(forged, dict)
    path.with_name(path.name.replace(".0.", ".1.")).write_bytes(canonical_bytes({**forged, "seal": entry["seal"]}))
    assert ResponseCache(cache.folder, KEY).get(REQUEST, 1) is None


def test_keys_of_seals() -> None:
    """From the environment; a short one is refused, since it could be guessed."""
    assert seal_key({}) is None
    assert seal_key({KEY_VARIABLE: ""}) is None
    assert seal_key({KEY_VARIABLE: "0123456789abcdef"}) == KEY
    with pytest.raises(InputError, match="shorter than 16 characters"):
        seal_key({KEY_VARIABLE: "secret"})


@pytest.mark.parametrize("key", [None, b"k" * 32])
@pytest.mark.parametrize("body", [{"format": "f", "trial": 0}, {"a": 1, "z": 0.5}, {"b": {"$x": [None]}, "digests": 1}])
def test_an_entry_is_canonical_json(body: dict[str, Any], key: bytes | None) -> None:
    """Wherever digest and seal stand among its fields, its bytes are canonical, and it opens to the same body."""
    data = seal_entry(body, key)
    assert open_entry(data, key) == body
    assert open_entry(data, None) == body
    assert len(data) > len(canonical_bytes(body))
