"""What of a response cache is pruned, and what a prune must not lose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runback_gate.replay.cache import ResponseCache, Stored
from runback_gate.replay.prune import DAY, to_remove
from runback_gate.step import Response
from tests.replay.cached import ANSWER, ASKED, REQUEST, age, age_marks, left, prune, use


def kept(stored: list[Stored], now: float, unused: float | None = None, max_bytes: int | None = None) -> list[str]:
    """The names of what stays."""
    gone = to_remove(stored, now, unused=unused, max_bytes=max_bytes)
    return [item.path.name for item in stored if item not in gone]


def test_what_is_pruned() -> None:
    """What nobody used for long, then what was used longest ago; requests go with their last answer."""
    now = 100 * DAY
    stored = [
        Stored(Path("a.0"), "a", 0, 100, now - 50 * DAY),
        Stored(Path("a.1"), "a", 1, 100, now - 10 * DAY),
        Stored(Path("a.request"), "a", None, 50, now - 50 * DAY),
        Stored(Path("b.0"), "b", 0, 100, now - 40 * DAY),
        Stored(Path("b.request"), "b", None, 50, now),
        Stored(Path("old.tmp"), "", None, 7, now - 2 * DAY),
        Stored(Path("new.tmp"), "", None, 7, now),
    ]
    everything = ["a.0", "a.1", "a.request", "b.0", "b.request", "new.tmp"]
    assert kept(stored, now) == everything
    assert kept(stored, now, unused=60 * DAY) == everything
    assert kept(stored, now, unused=45 * DAY) == ["a.1", "a.request", "b.0", "b.request", "new.tmp"]
    assert kept(stored, now, unused=30 * DAY) == ["a.1", "a.request", "new.tmp"]
    assert kept(stored, now, max_bytes=320) == ["a.1", "a.request", "b.0", "b.request", "new.tmp"]
    assert kept(stored, now, max_bytes=0) == ["new.tmp"]
    assert kept(stored, now, unused=45 * DAY, max_bytes=10**9) == ["a.1", "a.request", "b.0", "b.request", "new.tmp"]


def test_an_unused_answer_goes_alone(cache: ResponseCache) -> None:
    """Of one segment, the answers stay that a run used, and they stay as old as their last use."""
    for trial in range(4):
        cache.put(REQUEST, trial, ANSWER, ASKED)
    age(cache, 0)
    use(cache, 1, 2)
    age_marks(cache, 40 * DAY)
    use(cache, 2)
    age_marks(cache, 60 * DAY, first=40 * DAY)
    prune(cache, 69 * DAY)
    assert left(cache) == [1, 2]
    prune(cache, 71 * DAY)
    assert left(cache) == [2]
    prune(cache, 89 * DAY)
    assert left(cache) == [2]
    prune(cache, 91 * DAY)
    assert left(cache) == []
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize("call", ["open", "utime", "rename", "replace", "unlink"])
def test_no_mark_is_lost_to_a_prune(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whatever a run that marks and a prune do at once, an answer that was used stays as used as it is."""
    for trial in range(3):
        cache.put(REQUEST, trial, ANSWER)
    use(cache, 1)
    age(cache, 10 * DAY)
    original = getattr(os, call)
    done = list[str]()

    def interleaved(*arguments: Any, **more: Any) -> Any:
        if not done:
            done.append(call)
            use(cache, 1)
        return original(*arguments, **more)

    monkeypatch.setattr(os, call, interleaved)
    stored = list(cache.stored())
    cache.remove([item for item in stored if item.trial == 0], as_listed=True)
    monkeypatch.undo()
    assert done == [call]
    used = {item.trial: item.used for item in cache.stored() if item.trial is not None}
    assert used[1] > 11 * DAY
    assert used[2] == 10 * DAY


@pytest.mark.parametrize("change", ["written", "used"])
def test_a_file_that_is_new_is_not_pruned(cache: ResponseCache, change: str) -> None:
    """What was written or used after it was listed stays; who erases takes it all the same."""
    path = cache.write(REQUEST, 0, ANSWER)
    age(cache, DAY)
    listed = list(cache.stored())
    if change == "written":
        cache.write(REQUEST, 0, Response("anew"))
    else:
        use(cache, 0)
    cache.remove(listed, as_listed=True)
    assert left(cache) == [0]
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    cache.remove(listed)
    assert left(cache) == []


def test_a_newer_file_stays_while_the_old_one_is_looked_at(
    cache: ResponseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is written at the moment in which an old one is taken away is there afterwards."""
    cache.write(REQUEST, 0, ANSWER)
    listed = list(cache.stored())
    replace = os.replace

    def replaced(*arguments: Any) -> None:
        monkeypatch.setattr(os, "replace", replace)
        replace(*arguments)
        cache.write(REQUEST, 0, Response("anew"))

    monkeypatch.setattr(os, "replace", replaced)
    cache.remove(listed, as_listed=True)
    found = ResponseCache(cache.folder).get(REQUEST, 0)
    assert found is not None
    assert found[0].text == "anew"
