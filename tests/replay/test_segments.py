"""Segments of a response cache: what one process appends while another takes lines out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import canonical_bytes, digest
from runback_gate.replay.cache import ResponseCache, answer_entry
from runback_gate.sealed import open_entry, seal_entry
from runback_gate.step import Message, Request, Response, to_canonical, to_json

REQUEST = digest({"a": 1})
ANSWER = Response("hi")
ASKED = Request("openai/gpt-4o", "Be brief.", (Message("user", "Hi"),))


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    """An empty cache."""
    return ResponseCache(tmp_path / "responses")


def prune_at(monkeypatch: pytest.MonkeyPatch, call: str, cache: ResponseCache, *, before: bool) -> list[str]:
    """Has another process take out the first trial once, before or after a call of the one that appends."""
    stored = [item for item in cache.stored() if item.trial == 0]
    original, done = getattr(os, call), list[str]()

    def interleaved(*arguments: Any) -> Any:
        found = None if before else original(*arguments)
        if not done:
            done.append(call)
            monkeypatch.setattr(os, call, original)
            ResponseCache(cache.folder).remove(stored)
        return original(*arguments) if before else found

    monkeypatch.setattr(os, call, interleaved)
    return done


@pytest.mark.parametrize("call", ["open", "lseek", "write", "lstat", "close"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("answers", [1, 2])
def test_nothing_that_is_appended_is_lost_to_a_prune(
    cache: ResponseCache, monkeypatch: pytest.MonkeyPatch, call: str, before: bool, answers: int
) -> None:
    """Wherever in an append a segment is written anew, or goes as a whole, the answer is there afterwards."""
    for trial in range(answers):
        cache.put(REQUEST, trial, ANSWER)
    done = prune_at(monkeypatch, call, cache, before=before)
    cache.put(REQUEST, 2, ANSWER)
    monkeypatch.undo()
    assert done == [call]
    for reader in (cache, ResponseCache(cache.folder)):
        assert [reader.get(REQUEST, trial) is not None for trial in range(3)] == [False, answers == 2, True]


def test_a_segment_takes_nobody_elses_name(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written anew gets a name of its own, also where somebody takes the next one a moment before."""
    cache.put(REQUEST, 0, ANSWER)
    cache.put(REQUEST, 1, ANSWER)
    stored = list(cache.stored())
    taken = stored[0].path.with_name(f"{stored[0].path.stem}-1.jsonl")
    line = answer_entry(REQUEST, 7, ANSWER)
    original = os.open

    def opened(path: Any, flags: int, *more: Any) -> int:
        if Path(path) == taken and flags & os.O_EXCL and not taken.exists():
            taken.write_bytes(line + b"\n")
        return original(path, flags, *more)

    monkeypatch.setattr(os, "open", opened)
    cache.remove(stored[:1])
    monkeypatch.undo()
    assert [ResponseCache(cache.folder).get(REQUEST, trial) is not None for trial in (0, 1, 7)] == [False, True, True]


def test_a_request_is_stored_as_it_was_written(cache: ResponseCache) -> None:
    """Whoever knows its canonical bytes hands them on; they are what the cache would have written."""
    name = digest(to_json(ASKED))
    cache.put(name, 0, ANSWER, ASKED, to_canonical(ASKED))
    other = ResponseCache(cache.folder.with_name("other"))
    other.put(name, 0, ANSWER, ASKED)
    one, two = (next(folder.glob("*.jsonl")).read_bytes() for folder in (cache.folder, other.folder))
    assert one == two
    assert ResponseCache(cache.folder).request(name) == ASKED


@pytest.mark.parametrize("key", [None, b"k" * 32])
@pytest.mark.parametrize("body", [{"format": "f", "trial": 0}, {"a": 1, "z": 0.5}, {"b": {"$x": [None]}, "digests": 1}])
def test_an_entry_is_canonical_json(body: dict[str, Any], key: bytes | None) -> None:
    """Wherever digest and seal stand among its fields, its bytes are canonical, and it opens to the same body."""
    data = seal_entry(body, key)
    assert open_entry(data, key) == body
    assert open_entry(data, None) == body
    assert len(data) > len(canonical_bytes(body))
