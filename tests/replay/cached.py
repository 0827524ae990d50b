"""A question and its answer in a response cache, a key that seals, and what becomes of a cache over days."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from runback_gate.canonical import digest
from runback_gate.replay.cache import ResponseCache
from runback_gate.replay.prune import DAY, to_remove
from runback_gate.step import Message, Request, Response, ToolCall, Usage, to_json

REQUEST = digest({"a": 1})
ANSWER = Response("hi", (ToolCall("1", "t", "{}"),), "stop", "m", Usage(1, None), 7, "0.01")

ASKED = Request("p/m", "Be kind.", (Message("user", "hi"), Message("user", "again")), (), {"seed": 7})
KEY = b"0123456789abcdef"


def name_of(request: Request) -> str:
    """The digest under which it is kept."""
    return digest(to_json(request))


def changed(**fields: object) -> Request:
    """The question with other fields."""
    return dataclasses.replace(ASKED, **fields)  # type: ignore[arg-type]


def segment_of(cache: ResponseCache) -> Path:
    """Its only segment."""
    (path,) = cache.folder.glob("*.jsonl")
    return path


def age(cache: ResponseCache, time: float) -> None:
    """Gives every file of the cache a time."""
    for path in cache.folder.rglob("*.*"):
        os.utime(path, (time, time))


def use(cache: ResponseCache, *trials: int) -> None:
    """A run that uses these answers."""
    run = ResponseCache(cache.folder, mark_used=True)
    assert all(run.get(REQUEST, trial) for trial in trials)
    run.close()


def left(cache: ResponseCache) -> list[int]:
    """The trials that a new process finds."""
    reader = ResponseCache(cache.folder)
    return [trial for trial in range(6) if reader.get(REQUEST, trial)]


def prune(cache: ResponseCache, now: float) -> None:
    """Removes what nobody used for 30 days."""
    stored = list(cache.stored())
    cache.remove(to_remove(stored, now, unused=30 * DAY), as_listed=True)


def age_marks(cache: ResponseCache, time: float, first: float | None = None) -> None:
    """Gives the marks that have no older time this one."""
    for path in cache.folder.glob("*.used"):
        if first is None or path.stat().st_mtime != first:
            os.utime(path, (time, time))
