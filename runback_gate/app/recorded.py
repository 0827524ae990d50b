"""Recorded steps: one of a run, or all that a change of policies is tried on.

In: runs, or the folder of a gate. Out: their steps.

    recorded_step(run, 3)
    recorded_steps(Path(), day="2026-07-28", runs=None)     # the recordings of the gate's datasets, one by one
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from runback_gate.analysis.recorded import Recorded, RecordedRun, recorded
from runback_gate.errors import InputError
from runback_gate.gate.plan import load_plan
from runback_gate.gate.record import recorded_cases
from runback_gate.step import Run, Step
from runback_gate.store.folder import Note, find_run


def recorded_step(run: Run, index: int) -> Step:
    """One step of a run, counted from 0.

    Raises:
        InputError: the run has no such step.
    """
    if not 0 <= index < len(run.steps):
        last = len(run.steps) - 1
        hint = "it has none" if last < 0 else "its only step is 0" if last == 0 else f"its steps are 0 to {last}"
        raise InputError(f"run {run.id} has no step {index}", hint=hint)
    return run.steps[index]


def named_step(run: str, index: int | None, *, note: Note) -> Step | Run:
    """A step of a run that somebody named (a file, or an id in runs/), counted from 0, or the run itself.

    Raises:
        InputError: as `find_run` and `recorded_step`.
    """
    found = find_run(run, note=note)
    return found if index is None else recorded_step(found, index)


def recorded_steps(root: Path, *, day: str, runs: Iterable[Run] | None) -> Iterator[Recorded]:
    """The steps of the runs and each run itself; where none are given, what the cases of the gate in `root` recorded.

    `day` (YYYY-MM-DD) is the one that the waivers of the gate are held against when it is read.
    """
    if runs is None:
        yield from recorded_cases(load_plan(root, day=day))
    else:
        yield from steps_of(runs)


def steps_of(runs: Iterable[Run]) -> Iterator[Recorded]:
    """The steps of each run, then the run itself."""
    for run in runs:
        yield from recorded(run)
        yield RecordedRun(run)
