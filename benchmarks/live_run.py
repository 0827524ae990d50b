"""The promises about a whole `run --live`: time beside the ideal, CPU a case, memory of a large one.

In: a folder to work in. Out: `Figure`s; see `benchmarks.promises`.

    whole_run(Path("/some/empty/folder"))
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks.live import CASES, DELAY, IDEAL, IN_FLIGHT, served
from benchmarks.measure import Cost, measure
from benchmarks.pace import at_reference
from benchmarks.promises import COMMAND, POLICIES, ROOT, WAITING, Figure, Peer
from benchmarks.workload_live import point_at

MANY = 10_000
ROUNDS = 5
"""More than elsewhere: a difference of two runs varies by more than either."""
SAID = "Hello."
"""What the server answers to every question."""
RECORDED = "the same answers on recorded evidence"


def whole_run(folder: Path) -> list[Figure]:
    """1,000 cases that must all be asked, with policies, report and cache, beside the same answers, recorded.

    Both judge the same answers, which no case allows: what is added is asking, and no work on red rows. They run in
    turn, so that both meet the same machine.
    """
    _workload(folder, CASES)
    (folder / "recorded").mkdir()
    _workload(folder / "recorded", CASES, "--said", SAID)
    judging = [COMMAND, "run", "--report", "report", "-q"]
    green = measure(judging, folder, runs=2)
    rounds = []
    with served(DELAY) as url:
        point_at(folder, url)
        for number in range(ROUNDS + 1):
            recorded = measure(judging, folder / "recorded", runs=0, exit_codes=(1,)).cpu
            cost = _run(folder, CASES, f"answers-{number}")
            wall = at_reference(cost.wall, cost.pace, IDEAL)
            rounds.append((recorded, cost.cpu - recorded, wall - recorded, cost.pace, cost.share))
    # The first round fills the caches of files.
    recorded, added, beyond, pace, share = map(statistics.median, zip(*rounds[1:], strict=True))
    name = f"run --live of {CASES:,} cases, {IN_FLIGHT} in flight"
    peers = (
        Peer(RECORDED, recorded * 1000 / CASES),
        Peer("the recorded answers, which pass", green.cpu * 1000 / CASES),
    )
    row = f"{name}: wall beyond {RECORDED[:8]} work, of ideal"
    return [
        Figure(row, WAITING, beyond / IDEAL, 1.15, (), pace).unless_loaded(share),
        Figure(f"{name}: CPU a case, added", "CPU ms", added * 1000 / CASES, 0.5, peers, pace),
    ]


def large_run(folder: Path) -> list[Figure]:
    """10,000 cases that must all be asked: memory does not grow with what they say."""
    _workload(folder, MANY)
    with served(0.0) as url:
        point_at(folder, url)
        cost = _run(folder, MANY, "answers")
    return [Figure(f"run --live of {MANY:,} cases: memory", "MB", cost.rss, 150)]


def _workload(folder: Path, cases: int, *more: str) -> None:
    words = ["-m", "benchmarks.workload", str(folder), "--cases", str(cases), "--policies", str(POLICIES), *more]
    measure([_python(), *words], ROOT, runs=0)


def _python() -> str:
    return str(Path(COMMAND).with_name("python"))


def _run(folder: Path, cases: int, cache: str) -> Cost:
    """One run with an empty cache; no answer is what the checks want, so it is red; each row must be there and live."""
    options = ["--live", "--cache", cache, "--in-flight", str(IN_FLIGHT), "--report", "report", "-q"]
    cost = measure([COMMAND, "run", *options], folder, runs=0, exit_codes=(1,))
    totals = json.loads((folder / "report" / "report.json").read_bytes())["totals"]
    if (totals["rows"], totals["live"]) != (cases, cases):
        raise RuntimeError(f"the run did not ask what it was to ask: {totals}")
    return cost
