"""The response cache: content address, atomic entries, nothing believed that was touched."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, digest, digest_bytes, parse_canonical
from runback_gate.errors import InputError, IntegrityError, PathError, WriteError
from runback_gate.replay import nearest
from runback_gate.replay.cache import (
    KEY_VARIABLE,
    NoAnswers,
    ResponseCache,
    Stored,
    answer_entry,
    request_name,
    seal_key,
)
from runback_gate.replay.prune import DAY, to_remove
from runback_gate.step import Message, Request, Response, ToolCall, Usage, to_json

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


ASKED = Request("p/m", "Be kind.", (Message("user", "hi"), Message("user", "again")), (), {"seed": 7})
KEY = b"0123456789abcdef"


def name_of(request: Request) -> str:
    """The digest under which it is kept."""
    return digest(to_json(request))


def changed(**fields: object) -> Request:
    """The question with other fields."""
    return dataclasses.replace(ASKED, **fields)  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (changed(parameters={"seed": 8}), "differs at parameters.seed"),
        (changed(system="Be rude."), "differs at system"),
        (changed(messages=ASKED.messages[:1]), "differs at messages[1]"),
        (changed(model="p/n"), "differs at model"),
        (ASKED, "only other trials of it are cached"),
        (changed(messages=(Message("user", "what?"),)), "no cached request has this conversation"),
    ],
)
def test_a_miss_says_why(cache: ResponseCache, asked: Request, why: str) -> None:
    """The nearest request that is known, and the first place where it differs."""
    assert cache.why_missed(asked) == "the cache knows no request"
    for known in (ASKED, changed(messages=(Message("user", "else"),)), changed(model="q/q", system="x", parameters={})):
        cache.put(name_of(known), 0, ANSWER, known)
    assert cache.why_missed(asked).endswith(why)
    # The same, learnt from the disk.
    assert ResponseCache(cache.folder).why_missed(asked) == cache.why_missed(asked)


def test_a_miss_for_want_of_a_seal(cache: ResponseCache) -> None:
    """The reason is named, not another request."""
    cache.put(name_of(ASKED), 0, ANSWER, ASKED)
    sealed = ResponseCache(cache.folder, KEY)
    assert sealed.get(name_of(ASKED), 0) is None
    assert sealed.why_missed(ASKED) == f"its cached answer lacks the seal of {KEY_VARIABLE}"


def test_to_explain_is_bounded(cache: ResponseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests are known, only so many are looked at; one that was damaged or went away is passed over."""
    monkeypatch.setattr(nearest, "MAX_KNOWN", 2)
    asked = [changed(parameters={"seed": seed}) for seed in range(5)]
    for request in asked:
        cache.write(name_of(request), 0, ANSWER, request)
    (cache.folder / request_name(min(map(name_of, asked)))).write_bytes(b"{}")
    store = ResponseCache(cache.folder)
    assert "parameters" in store.why_missed(changed(parameters={}))
    for request in asked:
        (cache.folder / request_name(name_of(request))).unlink()
    assert store.why_missed(changed(parameters={})) == "no cached request has this conversation"


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


def segment_of(cache: ResponseCache) -> Path:
    """Its only segment."""
    (path,) = cache.folder.glob("*.jsonl")
    return path


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
