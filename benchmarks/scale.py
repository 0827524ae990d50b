"""Promises about many steps: what one costs, what several processes and a cluster add, memory that stays flat.

In: a folder to work in. Out: `Figure`s.

    memory(Path("/some/empty/folder"))
"""

from __future__ import annotations

import json
import shutil
import statistics
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import family_cpu, measure
from benchmarks.promises import COMMAND, EXAMPLES, FLOOR, Figure, Peer, airline_runs, read_floor, run_module

MANY = 100_000
ROUNDS = 2
"""Runs in one process and in two, in turn; each takes so long that it meets every pace."""
RULES = 8
GROWTH = 50
"""MB that the memory may have grown between 1,000 steps and `MANY`."""


def memory(folder: Path) -> list[Figure]:
    """What stays of steps that were judged, in a backtest and in the pages of `serve`, which judge as a gate does."""
    airline_runs(folder)
    measure([COMMAND, "init"], folder, runs=0)
    shutil.rmtree(folder / "policies")
    shutil.copytree(EXAMPLES, folder / "policies")
    figures = []
    for way, name in (("backtest", "a backtest"), ("pages", "pages of serve")):
        found = json.loads(run_module("benchmarks.memory", str(folder), "--way", way, "--steps", str(MANY)).output)
        grown = max(found["many"] - found["few"], 0)
        beside = (Peer("after 1,000", found["few"]),)
        figures.append(Figure(f"{MANY:,} steps, memory grown, {name}", "MB", grown, GROWTH, beside))
    return figures


def backtests(folder: Path) -> list[Figure]:
    """Many steps under `RULES` rules in one process, in two, and on a cluster of Ray where that is installed.

    Their output must be the same, byte for byte.
    """
    airline_runs(folder)
    run_module("benchmarks.steps", str(folder / "runs"), str(folder / "many"), "--steps", str(MANY))
    (folder / "gate").mkdir()
    run_module("benchmarks.workload", str(folder / "gate"), "--cases", "1", "--policies", str(RULES))
    command = [COMMAND, "backtest", "--policies", "gate/policies", "--runs", "many", "--json", "--quiet"]
    turns = [
        [measure([*command, "--jobs", jobs], folder, runs=0, spread=jobs == "2") for jobs in "12"]
        for _ in range(ROUNDS)
    ]
    one, two = (statistics.fmean(cost.cpu for cost in costs) for costs in zip(*turns, strict=True))
    pace = statistics.fmean(turn[0].pace for turn in turns)
    floor = read_floor(folder, "many", runs=1)
    outputs = {cost.output for turn in turns for cost in turn}
    steps = json.loads(turns[0][0].output)["steps"]
    beside = (Peer(FLOOR, 1e3 * floor.cpu / steps),)
    figures = [
        Figure(f"a step of 24 KB, {RULES} rules", "CPU ms", 1e3 * one / steps, 0.15, beside, pace),
        Figure(f"{MANY:,} steps, two processes for one", "x", two / one, 1.2),
    ]
    if find_spec("ray"):
        cluster = family_cpu([*command, "--on", "ray"], folder)
        outputs.add(cluster.output)
        figures.append(Figure(f"{MANY:,} steps, Ray for one", "x", cluster.cpu / one, 1.6))
    if len(outputs) != 1:
        raise RuntimeError("the output depends on who judges")
    return figures
