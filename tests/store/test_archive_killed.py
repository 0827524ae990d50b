"""Archives under whoever dies in the middle, and under several at once: nothing is lost, and nothing comes back."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.archive import erase_archived, list_archive, pack_runs, restore_run
from runback_gate.app.erase import Selection
from runback_gate.app.shards import shards_of
from runback_gate.errors import InputError, RunbackError
from runback_gate.store.archive.arrow import Storage, open_storage
from runback_gate.store.archive.check import check
from runback_gate.store.archive.claim import CLAIM
from runback_gate.store.archive.contents import read_contents
from runback_gate.store.archive.duck import Wanted
from tests.extras import needs
from tests.store.archives import AT, held, put, row
from tests.store.unpacked import WORD, objects

needs("pyarrow")
needs("duckdb")
pytestmark = [pytest.mark.integration, pytest.mark.slow]

OTHER = "<name:0a1b2c3d4e5f>"


def erase(root: str, word: str) -> Any:
    return erase_archived(root, Selection((word,), None), at=AT, reason="asked", dry_run=False)


def append(root: str, folder: str) -> Any:
    return pack_runs([folder], root, by=("day",), at=AT, note=lambda _text: None)


def dying(do: Callable[[str, str], Any], root: str, what: str, moment: int) -> None:
    """Do it, and be killed as the n-th file is to be written or removed: before it, or with half of it on the disk."""
    number = count(1)

    def wrapped(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(storage: Storage, path: str, *data: bytes) -> Any:
            if next(number) == (moment + 1) // 2:
                if data and moment % 2:
                    file = Path(storage.root) / path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    (file.parent / ".runback-1-0.tmp").write_bytes(data[0][: len(data[0]) // 2 + 40])
                os.kill(os.getpid(), signal.SIGKILL)
            return inner(storage, path, *data)

        return call

    Storage.write = wrapped(Storage.write)  # type: ignore[method-assign]
    Storage.remove = wrapped(Storage.remove)  # type: ignore[method-assign]
    do(root, what)


def killed(do: Callable[[str, str], Any], root: str, what: str, moment: int) -> bool:
    """Whether it was killed before it was done."""
    process = multiprocessing.get_context("spawn").Process(target=dying, args=(do, root, what, moment))
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Four runs in two parts; two of them name somebody, in one part each."""
    found = open_storage((tmp_path / "arc").as_posix())
    put(found, row("a", text=f"I am {WORD}"), row("b"))
    put(found, row("c", text=f"I am {WORD}"), row("d"))
    return found


@pytest.fixture
def more(tmp_path: Path) -> str:
    """A folder of two runs of two days, one of which names somebody."""
    folder = tmp_path / "more"
    folder.mkdir()
    for item in (row("e", text=f"I am {WORD}", day="2026-08-01"), row("f")):
        (folder / f"{item.run}.jsonl").write_bytes(item.data)
    return folder.as_posix()


def nowhere(storage: Storage, word: str = WORD) -> bool:
    """Whether no file of the archive holds a word, packed or unpacked."""
    return not any(word.encode() in data for _, data in objects(storage))


def test_an_append_that_is_killed_at_any_moment(storage: Storage, more: str) -> None:
    """It adds all or nothing; what it leaves is erased with the rest; then it can be done again."""
    before = held(storage)
    for moment in range(1, 20):
        dead = killed(append, storage.root, more, moment)
        now = held(storage)
        assert now.keys() == (before.keys() if dead else before.keys() | {"e", "f"})
        assert check(storage).faults == ()
        if not dead:
            break
    else:
        pytest.fail("it was never done")
    assert moment > 4
    erase(storage.root, WORD)
    assert nowhere(storage)
    assert check(storage).leftovers == 0


def test_what_a_killed_append_left_is_erased(storage: Storage, more: str) -> None:
    """Its parts are in no manifest, and hold what is erased: they go, and bringing them back is refused."""
    for moment in (1, 3, 4):
        assert killed(append, storage.root, more, moment)
    assert not nowhere(storage)
    found = erase(storage.root, WORD)
    assert (found.runs, nowhere(storage)) == (("a", "c"), True)
    assert held(storage).keys() == set("abcd")
    assert check(storage).faults == ()
    with pytest.raises(InputError, match="hold what an erasure removes"):
        append(storage.root, more)
    assert nowhere(storage)
    assert check(storage).faults == ()


def test_an_erasure_that_is_killed_at_any_moment(tmp_path: Path) -> None:
    """Each run has its old bytes or its new ones, all of them the same way; the next erasure goes on."""
    for moment in range(1, 30):
        storage = open_storage((tmp_path / f"arc-{moment}").as_posix())
        put(storage, row("a", text=f"I am {WORD}"), row("b"))
        put(storage, row("c", text=f"I am {WORD}"), row("d"))
        before = held(storage)
        dead = killed(erase, storage.root, WORD, moment)
        now, checked = held(storage), check(storage)
        assert checked.faults == ()
        assert now.keys() == before.keys()
        assert len({WORD.encode() in now[run] for run in "ac"}) == 1
        assert {run: now[run] for run in "bd"} == {run: before[run] for run in "bd"}
        if not dead:
            assert nowhere(storage)
            break
        if (Path(storage.root) / CLAIM).exists():
            with pytest.raises(InputError, match="another erasure is under way, or was killed"):
                erase(storage.root, WORD)
            storage.remove(CLAIM)
        gone = WORD.encode() not in now["a"]
        assert nowhere(storage) <= gone
        if gone and not checked.removed:
            with pytest.raises(InputError, match="no value matches"):
                erase(storage.root, WORD)
        else:
            erase(storage.root, WORD)
        assert nowhere(storage)
        assert check(storage).leftovers == check(storage).removed == 0
    else:
        pytest.fail("it was never done")
    assert moment > 8


@pytest.mark.parametrize("delay", [0.5, 0.9, 1.1, 1.3])
def test_killed_by_the_clock(storage: Storage, more: str, delay: float) -> None:
    """Wherever it was: the archive verifies, and what was there is there."""
    for do, what in ((append, more), (erase, WORD)):
        process = multiprocessing.get_context("spawn").Process(target=do, args=(storage.root, what))
        process.start()
        time.sleep(delay)
        process.kill()
        process.join()
        assert check(storage).faults == ()
        assert held(storage).keys() in (set("abcd"), set("abcdef"))
    storage.remove(CLAIM)
    try:
        erase(storage.root, WORD)
    except InputError as error:
        assert "no value matches" in str(error)
    assert nowhere(storage)


def together(*tasks: Callable[[], Any]) -> list[Future[Any]]:
    """Do them at once, and give what came of each."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        return [pool.submit(task) for task in tasks]


def test_two_erasures_at_once(tmp_path: Path) -> None:
    """One of them may be told to wait; then it is done, and neither undid the other."""
    for turn in range(5):
        storage = open_storage((tmp_path / f"arc-{turn}").as_posix())
        for name in "abc":
            put(storage, row(name, text=WORD), row(f"{name}2", text=OTHER))
        tasks = [partial(erase, storage.root, word) for word in (WORD, OTHER)]
        for task, done in zip(tasks, together(*tasks), strict=True):
            if error := done.exception():
                assert "another erasure is under way" in str(error)
                task()
        assert nowhere(storage)
        assert nowhere(storage, OTHER)
        assert held(storage).keys() == {"a", "a2", "b", "b2", "c", "c2"}
        assert (check(storage).faults, check(storage).removed) == ((), 0)


def test_appends_and_readers_during_an_erasure(tmp_path: Path) -> None:
    """Whatever was appended is there or was refused; a reader sees whole runs, or is told of the erasure."""
    for turn in range(4):
        storage = open_storage((tmp_path / f"arc-{turn}").as_posix())
        for name in "abc":
            put(storage, row(name, text=f"I am {WORD}"), row(f"{name}2"))
        over: list[bool] = []

        def appends(storage: Storage = storage) -> list[str]:
            added = []
            for number in range(8):
                try:
                    put(storage, row(f"new-{number}", text=WORD if number % 2 else "Hi"))
                    added.append(f"new-{number}")
                except RunbackError as error:
                    assert "not added" in str(error) or "cannot be written" in str(error)
            return added

        def reads(storage: Storage = storage, over: list[bool] = over, turn: int = turn) -> int:
            seen = 0
            while not over:
                assert {item.run for item in list_archive(storage.root, Wanted())} >= {"a", "b", "c2"}
                restore_run(storage.root, "a2", tmp_path / f"a2-{turn}.jsonl")
                try:
                    runs = {name for shard in shards_of(storage.root) for name, _ in shard.read()}
                    assert len(runs) >= 6
                except InputError as error:
                    assert "an erasure removed it meanwhile" in str(error)
                seen += 1
            return seen

        def erasing(storage: Storage = storage, over: list[bool] = over) -> None:
            try:
                erase(storage.root, WORD)
            finally:
                over.append(True)

        added, seen, _ = (done.result() for done in together(appends, reads, erasing))
        assert seen
        own = {"a", "b", "c", "a2", "b2", "c2"}
        assert own | set(added) <= held(storage).keys() <= own | {f"new-{number}" for number in range(8)}
        assert check(storage).faults == ()
        assert all(WORD.encode() not in held(storage)[name] for name in "abc")
        if any(WORD.encode() in data for data in held(storage).values()):
            erase(storage.root, WORD)
        assert [data for data in held(storage).values() if WORD.encode() in data] == []
        assert read_contents(storage).head == check(storage).head
