"""Segments of a response cache: what one process appends while another takes lines out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import canonical_bytes, digest
from runback_gate.replay.cache import ResponseCache, answer_entry
from runback_gate.replay.marks import mark
from runback_gate.replay.prune import DAY, to_remove
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


def age_marks(cache: ResponseCache, time: float, first: float | None = None) -> None:
    """Gives the marks that have no older time this one."""
    for path in cache.folder.glob("*.used"):
        if first is None or path.stat().st_mtime != first:
            os.utime(path, (time, time))


def test_runs_of_the_same_answers_share_a_file_of_marks(cache: ResponseCache) -> None:
    """A gate that runs often with the same answers adds no file, and `prune` leaves one for each day."""
    for trial in range(4):
        cache.put(REQUEST, trial, ANSWER)
    for _ in range(3):
        use(cache, 0, 1)
    assert len(list(cache.folder.glob("*.used"))) == 1
    use(cache, 1, 2)
    age_marks(cache, 5 * DAY + 7)
    prune(cache, 6 * DAY)
    (path,) = cache.folder.glob("*.used")
    assert path.read_bytes().split() == [b"%b.%d" % (REQUEST[7:23].encode(), trial) for trial in range(3)]
    assert path.stat().st_mtime == 5 * DAY + 7
    before = path.name
    prune(cache, 6 * DAY)
    assert [item.name for item in cache.folder.glob("*.used")] == [before]


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


def test_a_cache_that_may_only_be_read_has_no_marks(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer counts all the same."""
    cache.put(REQUEST, 0, ANSWER)

    def refused(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *_: refused() if flags & os.O_CREAT else opened(path, flags))
    use(cache, 0)
    monkeypatch.undo()
    assert list(cache.folder.glob("*.used")) == []


def test_marks_are_read_as_far_as_they_are_marks(cache: ResponseCache) -> None:
    """Lines of others and links are nobody's mark; nothing behind a long line is read."""
    cache.put(REQUEST, 0, ANSWER)
    age(cache, DAY)
    line = mark(REQUEST, 0) + "\n"
    (cache.folder / f"{'0' * 16}.used").write_text("x\n" + "y" * 100 + "\n" + line)
    (cache.folder / "notes.used").write_text(line)
    (cache.folder / f"{'1' * 16}.used").symlink_to(cache.folder / "notes.used")
    assert [item.used for item in cache.stored()] == [DAY]
    (cache.folder / f"{'2' * 16}.used").write_text("x\n" + line)
    assert [item.used > DAY for item in cache.stored()] == [True]


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
