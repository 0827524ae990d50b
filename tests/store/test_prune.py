"""Runs that are kept, by age and by size."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.store.prune import DAY, WRITING, StoredRun, to_remove

NOW = 1_800_000_000.0
STORED = st.lists(
    st.builds(
        StoredRun,
        st.integers(0, 99).map(lambda number: Path(f"{number}.jsonl")),
        st.integers(0, 1000),
        st.floats(NOW - 90 * DAY, NOW),
    ),
    unique_by=lambda run: run.path,
)


@given(runs=STORED, older=st.none() | st.floats(0, 90 * DAY), max_bytes=st.none() | st.integers(0, 9000))
def test_limits(runs: list[StoredRun], older: float | None, max_bytes: int | None) -> None:
    """What is too old goes, then the oldest until the rest fits; what may still be written stays in any case."""
    gone = to_remove(runs, NOW, older=older, max_bytes=max_bytes)
    kept = [run for run in runs if run not in gone]
    assert all(NOW - run.written > WRITING for run in gone)
    done = [run for run in kept if NOW - run.written > WRITING]
    assert older is None or all(NOW - run.written <= older for run in done)
    assert max_bytes is None or not done or sum(run.size for run in kept) <= max_bytes
    if max_bytes is None:
        assert older is not None or not gone
    for run in gone if older is None else ():
        assert all(other.written >= run.written for other in done)
