"""Promises about many steps: memory that stays flat.

In: a folder to work in. Out: `Figure`s; nothing where the airline's transcripts are not at hand.

    memory(Path("/some/empty/folder"))
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.promises import AIRLINE, COMMAND, EXAMPLES, Figure, Peer, airline_runs, run_module

MANY = 100_000
GROWTH = 50
"""MB that the memory may have grown between 1,000 steps and `MANY`."""


def memory(folder: Path) -> list[Figure]:
    """What stays of steps that were judged, in a backtest and in the pages of `serve`, which judge as a gate does."""
    if not AIRLINE.is_dir():
        return []
    airline_runs(folder)
    measure([COMMAND, "init"], folder, runs=0)
    shutil.rmtree(folder / "policies")
    shutil.copytree(EXAMPLES, folder / "policies")
    figures = []
    for way, name in (("backtest", "a backtest"), ("pages", "pages of serve")):
        found = json.loads(run_module("benchmarks.memory", str(folder), "--way", way, "--steps", str(MANY)))
        grown = max(found["many"] - found["few"], 0)
        beside = (Peer("after 1,000", found["few"]),)
        figures.append(Figure(f"{MANY:,} steps, memory grown, {name}", "MB", grown, GROWTH, beside))
    return figures
