"""Marks of use in the response cache: shared by runs, read as far as they are marks."""

from __future__ import annotations

import os

import pytest

from runback_gate.replay.cache import ResponseCache
from runback_gate.replay.marks import mark
from runback_gate.replay.prune import DAY
from tests.replay.cached import ANSWER, REQUEST, age, age_marks, prune, use


def test_use_is_marked_where_it_can_be(cache: ResponseCache) -> None:
    """The time of the file is that of its last use, for a run that keeps the cache."""
    path = cache.write(REQUEST, 0, ANSWER)
    os.utime(path, (1000, 1000))
    assert cache.get(REQUEST, 0) is not None
    assert next(cache.stored()).used == 1000
    assert ResponseCache(cache.folder, mark_used=True).get(REQUEST, 0) is not None
    assert next(cache.stored()).used > 1000
    cache.remove(list(cache.stored()) * 2)
    assert list(cache.stored()) == []


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
