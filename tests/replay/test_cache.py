"""The response cache: content address, atomic entries, nothing believed that was touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.canonical import digest
from runback_gate.errors import IntegrityError
from runback_gate.replay.cache import NoAnswers, ResponseCache, answer_entry
from runback_gate.step import Response, ToolCall, Usage

REQUEST = digest({"a": 1})
ANSWER = Response("hi", (ToolCall("1", "t", "{}"),), "stop", "m", Usage(1, None), 7, "0.01")


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    """An empty cache."""
    return ResponseCache(tmp_path / "responses")


def test_nobody_answers() -> None:
    """Without a cache there is no earlier answer to anything."""
    assert NoAnswers().get(REQUEST, 0) is None  # type: ignore[func-returns-value]


def test_what_is_put_is_got(cache: ResponseCache) -> None:
    """An answer comes back whole, for its request and its trial only."""
    path = cache.put(REQUEST, 1, ANSWER)
    found = cache.get(REQUEST, 1)
    assert found is not None
    assert found[0] == ANSWER
    assert path.relative_to(cache.folder).as_posix() == f"{REQUEST[7:9]}/{REQUEST[7:]}.1.json"
    assert cache.get(REQUEST, 0) is None
    assert cache.get(digest({"a": 2}), 1) is None


def test_every_cut_is_found(cache: ResponseCache) -> None:
    """A file that ends early, wherever, is an error and never an answer."""
    path = cache.put(REQUEST, 0, ANSWER)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(IntegrityError) as error:
            cache.get(REQUEST, 0)
        assert str(path) in str(error.value)
        assert "delete the file" in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        answer_entry(digest({"a": 2}), 0, ANSWER),
        answer_entry(REQUEST, 1, ANSWER),
        answer_entry(REQUEST, 0, ANSWER).replace(b'"hi"', b'"ho"'),
        b"[]",
        b"1",
        b"{}",
    ],
)
def test_foreign_and_changed_entries_are_refused(cache: ResponseCache, data: bytes) -> None:
    """Another request's entry, another trial's, a changed word, another shape."""
    cache.put(REQUEST, 0, ANSWER).write_bytes(data)
    with pytest.raises(IntegrityError):
        cache.get(REQUEST, 0)
