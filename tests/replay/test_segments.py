"""Segments of the response cache: what one process appends, line by line, while another reads or takes lines out."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, digest, digest_bytes
from runback_gate.errors import IntegrityError, WriteError
from runback_gate.replay.cache import ResponseCache, answer_entry
from runback_gate.replay.prune import to_remove
from runback_gate.step import Response, to_canonical, to_json
from tests.replay.cached import ANSWER, ASKED, KEY, REQUEST, name_of, segment_of


def test_answers_of_a_process_are_in_one_file(cache: ResponseCache) -> None:
    """A request once, each answer in the form of a file of its own; who opens the folder later finds them all."""
    for trial in range(3):
        assert cache.put(name_of(ASKED), trial, ANSWER, ASKED) == digest_bytes(
            answer_entry(name_of(ASKED), trial, ANSWER)
        )
    lines = segment_of(cache).read_bytes().splitlines()
    answers = [answer_entry(name_of(ASKED), trial, ANSWER) for trial in range(3)]
    assert lines == [canonical_bytes(to_json(ASKED)), *answers]
    for store in (cache, ResponseCache(cache.folder)):
        assert store.get(name_of(ASKED), 2) == (ANSWER, digest_bytes(answers[2]))
        assert store.request(name_of(ASKED)) == ASKED
        assert store.get(name_of(ASKED), 3) is None
        assert store.why_missed(ASKED) == "only other trials of it are cached"
    assert [(item.trial, item.is_request) for item in cache.stored()] == [(None, True), *((n, False) for n in range(3))]


def test_a_line_counts_once_it_is_whole(cache: ResponseCache) -> None:
    """Wherever whoever wrote it was killed, what was whole before stays, and the cut line is no answer."""
    cache.put(REQUEST, 0, ANSWER)
    first = segment_of(cache).stat().st_size
    cache.put(REQUEST, 1, ANSWER)
    path = segment_of(cache)
    data = path.read_bytes()
    for size in range(first, len(data)):
        path.write_bytes(data[:size])
        store = ResponseCache(cache.folder)
        assert store.get(REQUEST, 0) is not None
        assert store.get(REQUEST, 1) is None
    store = ResponseCache(cache.folder)
    store.put(REQUEST, 1, ANSWER)
    assert store.get(REQUEST, 1) is not None
    assert len(list(cache.folder.glob("*.jsonl"))) == 2


def test_what_another_process_appends_is_found(cache: ResponseCache) -> None:
    """Also in a segment that was read before, and while its last line is not whole yet."""
    other = ResponseCache(cache.folder)
    cache.put(REQUEST, 0, ANSWER)
    assert other.get(REQUEST, 0) is not None
    cache.put(REQUEST, 1, ANSWER)
    assert other.get(REQUEST, 1) is not None
    line = answer_entry(REQUEST, 2, ANSWER)
    with segment_of(cache).open("ab") as file:
        file.write(line[:50])
        file.flush()
        assert other.get(REQUEST, 2) is None
        file.write(line[50:] + b"\n")
    assert other.get(REQUEST, 2) is not None


@pytest.mark.parametrize("change", [(b'"hi"', b'"ho"'), (b'"trial":0', b'"trial":1'), (b'"text"', b'"test"')])
def test_a_changed_line_is_refused(cache: ResponseCache, change: tuple[bytes, bytes]) -> None:
    """It stops the run, and is named; with a key it is none."""
    cache.put(REQUEST, 0, ANSWER)
    path = segment_of(cache)
    path.write_bytes(path.read_bytes().replace(*change))
    trial = 1 if b"trial" in change[0] else 0
    with pytest.raises(IntegrityError, match="delete the line") as error:
        ResponseCache(cache.folder).get(REQUEST, trial)
    assert str(path) in str(error.value)
    sealed = ResponseCache(cache.folder, KEY)
    assert sealed.get(REQUEST, trial) is None
    assert sealed.why_missed(ASKED) == "the cache knows no request"
    assert len(sealed.unsealed) == 1


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_changed_byte_of_a_segment_counts(place: int, flip: int) -> None:
    """Whatever byte of a sealed line is changed, its answer is none any more, nor another's."""
    with TemporaryDirectory() as folder:
        cache = ResponseCache(Path(folder), KEY)
        cache.put(REQUEST, 0, ANSWER)
        data = bytearray(segment_of(cache).read_bytes())
        data[place % len(data)] ^= flip
        segment_of(cache).write_bytes(data)
        store = ResponseCache(Path(folder), KEY)
        assert [store.get(REQUEST, trial) for trial in range(10)] == [None] * 10


def test_what_is_asked_anew_stands_before_a_segment(cache: ResponseCache) -> None:
    """Whichever process says it, and whatever the names of segments; once it is removed, nothing older counts again."""
    cache.put(REQUEST, 0, ANSWER)
    later = ResponseCache(cache.folder)
    later.put(REQUEST, 0, Response("later"))
    for store in (cache, later, ResponseCache(cache.folder)):
        found = store.get(REQUEST, 0)
        assert found is not None
        assert found[0].text == "later"
    assert [item.counts for item in cache.stored()] == [True, False]
    cache.remove(to_remove(list(cache.stored()), 0.0, max_bytes=0))
    assert list(cache.stored()) == []
    assert ResponseCache(cache.folder).get(REQUEST, 0) is None


def test_lines_are_removed_while_others_append(cache: ResponseCache) -> None:
    """What stays is found where it lies now, and whoever appended goes on in another segment."""
    for trial in range(3):
        cache.put(REQUEST, trial, ANSWER)
    reader = ResponseCache(cache.folder)
    assert reader.get(REQUEST, 2) is not None
    pruner = ResponseCache(cache.folder)
    pruner.remove([item for item in pruner.stored() if item.trial == 0])
    assert [reader.get(REQUEST, trial) is not None for trial in range(3)] == [False, True, True]
    cache.put(REQUEST, 3, ANSWER)
    assert [item.trial for item in pruner.stored()] == [3, 1, 2]
    assert all(reader.get(REQUEST, trial) for trial in (1, 2, 3))
    pruner.remove(list(pruner.stored()) * 2)
    assert list(cache.folder.iterdir()) == []


def test_a_segment_is_a_file_of_the_folder(cache: ResponseCache, tmp_path: Path) -> None:
    """A link is none, nor is a file of another name; a folder that cannot be listed is an error."""
    cache.put(REQUEST, 0, ANSWER)
    path = segment_of(cache)
    path.rename(tmp_path / path.name)
    path.symlink_to(tmp_path / path.name)
    (cache.folder / "notes.jsonl").write_bytes(path.read_bytes())
    assert ResponseCache(cache.folder).get(REQUEST, 0) is None
    assert list(cache.stored()) == []
    # It may not be written through either.
    cache.put(REQUEST, 1, ANSWER)
    assert path.is_symlink()
    assert len((tmp_path / path.name).read_bytes().splitlines()) == 1


def test_a_full_disk_leaves_no_part_of_a_line(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it is taken back, and the answer does not count."""
    cache.put(REQUEST, 0, ANSWER)
    size = segment_of(cache).stat().st_size
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    with pytest.raises(WriteError, match="No space left"):
        cache.put(REQUEST, 1, ANSWER)
    assert segment_of(cache).stat().st_size == size
    assert cache.get(REQUEST, 1) is None


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
