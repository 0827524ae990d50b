"""The recorded steps that a change of policies is tried on.

In: runs, or the folder of a gate. Out: their steps, one by one.

    recorded_steps(Path(), day="2026-07-28", runs=None)     # the recordings of the gate's datasets
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from runback_gate.analysis.effect import Recorded, recorded
from runback_gate.gate.plan import load_plan
from runback_gate.gate.record import recorded_cases
from runback_gate.step import Run


def recorded_steps(root: Path, *, day: str, runs: Iterable[Run] | None) -> Iterator[Recorded]:
    """The steps of the runs, or where none are given the recordings of the cases of the gate in `root`.

    `day` (YYYY-MM-DD) is the one that the waivers of the gate are held against when it is read.
    """
    if runs is None:
        yield from recorded_cases(load_plan(root, day=day))
    else:
        for run in runs:
            yield from recorded(run)
