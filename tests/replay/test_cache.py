"""The response cache: content address, atomic entries, nothing believed that was touched."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from runback_gate.canonical import canonical_bytes, digest
from runback_gate.errors import IntegrityError, PathError
from runback_gate.replay.cache import NoAnswers, ResponseCache, answer_entry, request_name
from runback_gate.step import Response, to_json
from tests.replay.cached import ANSWER, ASKED, REQUEST, changed, name_of


def test_nobody_answers() -> None:
    """Without a cache there is no earlier answer to anything."""
    assert NoAnswers().get(REQUEST, 0) is None  # type: ignore[func-returns-value]


def test_what_is_put_is_got(cache: ResponseCache) -> None:
    """An answer comes back whole, for its request and its trial only."""
    path = cache.write(REQUEST, 1, ANSWER)
    found = cache.get(REQUEST, 1)
    assert found is not None
    assert found[0] == ANSWER
    assert path.relative_to(cache.folder).as_posix() == f"{REQUEST[7:9]}/{REQUEST[7:]}.1.json"
    assert cache.get(REQUEST, 0) is None
    assert cache.get(digest({"a": 2}), 1) is None


def test_every_cut_is_found(cache: ResponseCache) -> None:
    """A file that ends early, wherever, is an error and never an answer."""
    path = cache.write(REQUEST, 0, ANSWER)
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
    cache.write(REQUEST, 0, ANSWER).write_bytes(data)
    with pytest.raises(IntegrityError):
        cache.get(REQUEST, 0)


def test_the_request_lies_beside_its_answers(cache: ResponseCache) -> None:
    """Once, however many trials; and it is read back only as what its name says."""
    for trial in range(3):
        cache.write(name_of(ASKED), trial, ANSWER, ASKED)
    assert cache.request(name_of(ASKED)) == ASKED
    assert [(item.trial, item.is_request) for item in cache.stored()] == [
        (0, False),
        (1, False),
        (2, False),
        (None, True),
    ]
    path = cache.folder / request_name(name_of(ASKED))
    path.write_bytes(canonical_bytes(to_json(changed(system="Be rude."))))
    assert cache.request(name_of(ASKED)) is None


def put_many(folder: Path, text: str) -> None:
    """Write the same answers again and again."""
    cache = ResponseCache(folder)
    for _ in range(40):
        for trial in range(5):
            cache.put(name_of(ASKED), trial, Response(text * 1000), ASKED)
            found = cache.get(name_of(ASKED), trial)
            assert found is not None
            assert found[0].text in ("a" * 1000, "b" * 1000)


@pytest.mark.integration
def test_several_processes_write_the_same(cache: ResponseCache) -> None:
    """No reader ever meets half an entry, and nothing is left over."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=put_many, args=(cache.folder, text)) for text in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sum(item.counts for item in cache.stored()) == 6


def test_only_its_own_files_are_listed(cache: ResponseCache) -> None:
    """Foreign files and links are nobody's business; a folder that is missing holds nothing."""
    assert list(cache.stored()) == []
    path = cache.write(REQUEST, 0, ANSWER)
    (cache.folder / "README").write_text("x")
    (path.parent / "notes.json").write_text("x")
    (cache.folder / "ab").symlink_to(path.parent)
    (cache.folder / "ac").write_text("x")
    temporary = path.parent / ".runback-123-0.tmp"
    temporary.write_text("x")
    found = {item.path.name: (item.request, item.trial) for item in cache.stored()}
    assert found == {path.name: (REQUEST[7:], 0), temporary.name: ("", None)}


def test_nothing_is_written_through_a_link(cache: ResponseCache, tmp_path: Path) -> None:
    """A change could bring a folder of the cache that leads elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    cache.folder.mkdir()
    (cache.folder / REQUEST[7:9]).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathError):
        cache.write(REQUEST, 0, ANSWER)
    assert list((tmp_path / "elsewhere").iterdir()) == []
