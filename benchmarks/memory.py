"""The memory of a process after a thousand judged steps and after many: does anything stay of what was judged?

In: a folder with `runs`, a gate and its `policies`. Out: JSON on standard output: megabytes of
resident memory after 1,000 steps and after all.

    python -m benchmarks.memory FOLDER --way backtest --steps 100000

`backtest` judges the runs again and again in one backtest; `pages` reads them for the pages of `serve`, whose files are
touched in between, and judges and explains as a gate does.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import resident
from runback_gate.app.backtest import backtest_runs
from runback_gate.app.policies import load_policy_files, named_policies
from runback_gate.app.workspace import Workspace
from runback_gate.step import Run
from runback_gate.store.folder import load_runs

FEW = 1_000


class Watch:
    """Counts steps; knows the memory when there were few, and now."""

    def __init__(self) -> None:
        self.steps = 0
        self.first = 0.0

    def add(self, steps: int) -> None:
        """Count steps that were judged."""
        self.steps += steps
        if not self.first and self.steps >= FEW:
            self.first = resident()


def backtest(root: Path, watch: Watch, steps: int) -> None:
    """One backtest over the same runs, again and again."""

    def runs() -> Iterator[Run]:
        while watch.steps < steps:
            for run in load_runs(root / "runs", note=lambda _text: None):
                yield run
                watch.add(len(run.steps))

    policies = load_policy_files([named_policies(str(root / "policies"))], with_tests=False).policies
    backtest_runs(policies, runs())


def pages(root: Path, watch: Watch, steps: int) -> None:
    """The list of runs, again and again, after their files were touched."""
    shown = Workspace(root, root / "runs")
    while watch.steps < steps:
        for number, path in enumerate(sorted((root / "runs").glob("*.jsonl"))):
            os.utime(path, ns=(watch.steps, watch.steps + number))
        watch.add(sum(0 if row.summary is None else row.summary.steps for row in shown.runs()))


WAYS = {"backtest": backtest, "pages": pages}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--way", choices=WAYS, required=True)
    parser.add_argument("--steps", type=int, required=True)
    options = parser.parse_args()
    found = Watch()
    WAYS[options.way](options.folder, found, options.steps)
    print(json.dumps({"steps": found.steps, "few": found.first, "many": resident()}))
