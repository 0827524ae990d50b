"""How often trials redden a healthy agent, and how often they find a broken one.

In: a seed. Out: figures of simulated gates; plain 3 of 3 is the peer.

    python -m benchmarks trials
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

from benchmarks.promises import Figure, Peer
from runback_gate.dataset.trials import SequentialTrials
from runback_gate.gate.sequential import SequentialTest, sequential_test

GATES = 10_000
CASES = 50
ASKED = SequentialTrials(holds=0.95, regress=0.65, alpha=0.01)


def outcome(test: SequentialTest, rate: float, random: Random) -> tuple[str, int]:
    """What a case with a true pass rate comes to (`red`, `green`, empty for undecided), and after how many trials."""
    failed = 0
    for trials, (red, green) in enumerate(test.bounds[: test.max_trials], 1):
        failed += random.random() >= rate
        if failed >= red:
            return "red", trials
        if failed <= green:
            return "green", trials
    return "", test.max_trials


def trials(_folder: Path) -> list[Figure]:
    """10,000 gates of 50 healthy cases, and as many broken cases."""
    random, test, rate = Random(2026), sequential_test(ASKED, CASES), ASKED.holds  # noqa: S311  no secret
    red = open_ = calls = 0
    for _ in range(GATES):
        ends = [outcome(test, rate, random) for _ in range(CASES)]
        red += any(end == "red" for end, _ in ends)
        open_ += any(not end for end, _ in ends)
        calls += sum(number for _, number in ends)
    plain = sum(any(random.random() >= rate for _ in range(3 * CASES)) for _ in range(GATES))
    broken = [outcome(test, ASKED.regress, random)[0] for _ in range(GATES)]
    each = CASES * GATES
    tripled = 1 - rate**3
    return [
        Figure(
            "trials, red gates of 50 cases that hold",
            "%",
            _percent(red, GATES),
            100 * ASKED.alpha,
            (Peer("3 of 3", _percent(plain, GATES)),),
        ),
        Figure("trials, open gates of 50 cases that hold", "%", _percent(open_, GATES), 100 * ASKED.alpha),
        Figure(
            "trials, cases at regress not found red",
            "%",
            _percent(GATES - broken.count("red"), GATES),
            10.0,
            (Peer("3 of 3", 100 * ASKED.regress**3),),
        ),
        Figure("trials, cases at regress that are green", "%", _percent(broken.count("green"), GATES), 10.0),
        Figure(
            "trials, answers a case that holds",
            "",
            calls / each,
            math.ceil(test.expected()),
            (Peer(f"3 of 3, which reddens {100 * tripled:.1f} % of them", 3.0),),
        ),
    ]


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole
