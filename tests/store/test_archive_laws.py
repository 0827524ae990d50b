"""Laws of archives, for any runs and any partition: what goes in comes out, and what is erased is nowhere."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.app.archive import erase_archived, restore_run
from runback_gate.app.erase import Selection
from runback_gate.capture.runs import read_run
from runback_gate.errors import InputError
from runback_gate.store.archive.arrow import Storage, open_storage
from runback_gate.store.archive.check import check
from runback_gate.store.archive.contents import read_contents
from runback_gate.store.archive.model import head
from runback_gate.store.archive.rows import Row, run_row
from tests.store.archives import AT, held, put, row
from tests.store.unpacked import WORD, objects

pytestmark = pytest.mark.slow

TEXTS = st.sampled_from(["", "Hi", f"I am {WORD}", f"{WORD} and {WORD}", "é" * 400, WORD])
"""What a customer says."""


@st.composite
def runs(draw: st.DrawFn) -> list[Row]:
    """Runs of some agents and days, with a pseudonym here and there."""
    names = draw(st.lists(st.text("ab-/é", min_size=1, max_size=4), unique=True, min_size=1, max_size=6))
    days, agents = st.sampled_from(["2026-07-01", "2026-07-02"]), st.sampled_from(["support", "a/..", ""])
    return [row(name, agent=draw(agents), day=draw(days), text=draw(TEXTS)) for name in names]


PARTITIONS = st.sampled_from([(), ("day",), ("agent",), ("day", "agent")])


def added(storage: Storage, rows: list[Row], cuts: int, by: tuple[str, ...]) -> None:
    """So many appends."""
    for start in range(cuts):
        if some := rows[start::cuts]:
            put(storage, *some, by=by)


@given(rows=runs(), cuts=st.integers(1, 3), by=PARTITIONS)
def test_what_goes_in_comes_out(rows: list[Row], cuts: int, by: tuple[str, ...]) -> None:
    """Byte for byte, each run by its id, and every digest holds."""
    with TemporaryDirectory() as name:
        storage = open_storage(f"{name}/arc")
        added(storage, rows, cuts, by)
        assert held(storage) == {item.run: item.data for item in rows}
        assert check(storage).faults == ()
        for number, item in enumerate(rows):
            out = Path(name) / f"{number}.jsonl"
            restored = restore_run(storage.root, item.run, out)
            assert (out.read_bytes(), restored.digest) == (item.data, item.digest)


@given(rows=runs(), cuts=st.integers(1, 3), by=PARTITIONS, pattern=st.booleans())
def test_what_is_erased_is_nowhere(rows: list[Row], cuts: int, by: tuple[str, ...], pattern: bool) -> None:
    """In no object, packed or unpacked; the other runs keep their bytes, and the head is that of the parts."""
    with TemporaryDirectory() as name:
        storage = open_storage(f"{name}/arc")
        added(storage, rows, cuts, by)
        holding = {item.run for item in rows if WORD.encode() in item.data}
        selection = Selection((), "email:3f9a1c") if pattern else Selection((WORD,), None)
        if not holding:
            before = storage.files("")
            with pytest.raises(InputError, match="no value matches"):
                erase_archived(storage.root, selection, at=AT, reason="asked", dry_run=False)
            assert storage.files("") == before
            return
        found = erase_archived(storage.root, selection, at=AT, reason="asked", dry_run=False)
        assert set(found.runs) == holding
        assert [path for path, data in objects(storage) if WORD.encode() in data] == []
        now = held(storage)
        assert {run: now[run] for run in now.keys() - holding} == {
            item.run: item.data for item in rows if item.run not in holding
        }
        assert all(b'"tombstone":{"at":"2026-07-28T12:00:00Z","reason":"asked"}' in now[run] for run in holding)
        contents, checked = read_contents(storage), check(storage)
        assert (checked.faults, checked.leftovers, checked.removed) == ((), 0, 0)
        assert found.head == checked.head == head(contents.parts.values())
        for run in holding:
            assert run_row(now[run], run).run == run
            assert read_run(now[run], run).id == run
