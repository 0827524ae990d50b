"""How fast this machine is while something runs, beside the machine that the limits were set on.

In: the time between. Out: a pace: 0.5 is half as fast as the reference.

    with Watch() as watch:
        subprocess.run(command)
    watch.pace

On a shared machine the pace changes by a third within seconds, and each core has its own, so a yardstick is taken
before, after and all the while, on the core of the run. See docs/decisions/0081-the-pace-during-a-run.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Self

REFERENCE = 0.020
"""CPU seconds of the yardstick there (docs/decisions/0073-a-second-of-the-same-machine.md)."""
EVERY = 0.5
"""Seconds between two looks."""
_TURN = count()
ENOUGH = 4
"""So many looks say more without the ones before and after."""


def pace_of(looks: Sequence[float]) -> float:
    """The mean pace of looks in CPU seconds: what was done in the meantime is CPU seconds times this."""
    return statistics.fmean(REFERENCE / look for look in looks)


def at_reference(taken: float, pace: float, ideal: float = 0.0) -> float:
    """What the reference would have taken; `ideal` is the part that no machine shortens, such as waiting."""
    return ideal + (taken - ideal) * pace


class Watch:
    """Takes the yardstick before, after and while its block runs; the block itself should do nothing but wait.

    What the block starts runs on one core, the next of those that there are, and there the looks are taken. With
    `spread` it runs on all of them, and each is looked at. Where the system pins nothing, any core may be looked at.
    """

    def __init__(self, every: float = EVERY, *, spread: bool = False) -> None:
        self._every = every
        self._looks: list[float] = []
        self._walls: list[float] = []
        self._ended = threading.Event()
        self._all = _cores()
        self._own = self._all if spread else self._all[next(_TURN) % max(len(self._all), 1) :][:1]
        looks_on = [[core] for core in self._own] or [[]]
        self._threads = [threading.Thread(target=self._look_on, args=(on,), daemon=True) for on in looks_on]

    def __enter__(self) -> Self:
        _pin(self._own)
        self._look()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._look()
        _pin(self._all)

    @property
    def pace(self) -> float:
        """The mean of the looks while the block ran; of all where these are few."""
        during = self._looks[1:-1]
        return pace_of(during if len(during) >= ENOUGH else self._looks)

    @property
    def share(self) -> float:
        """What part of a core the looks got: where it is well below 1, whatever is ready waits for a core."""
        return sum(self._looks) / sum(self._walls)

    def _look_on(self, cores: Sequence[int]) -> None:
        _pin(cores)
        while not self._ended.wait(self._every):
            self._look()

    def _look(self) -> None:
        begun = time.perf_counter()
        self._looks.append(yardstick())
        self._walls.append(time.perf_counter() - begun)


def _cores() -> list[int]:
    """The cores that this process may use; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def _pin(cores: Sequence[int]) -> None:
    """Let this thread, and what it starts, run on these cores alone."""
    if sys.platform == "linux" and cores:
        os.sched_setaffinity(0, cores)


def yardstick() -> float:
    """CPU seconds of a fixed piece of work, of the kinds that this product does: write, hash, parse, walk, count."""
    start = time.thread_time()
    for _ in range(20):
        text = json.dumps(_TEXT, sort_keys=True)
        hashlib.sha256(text.encode()).hexdigest()
        if not _walk(json.loads(text)):
            raise RuntimeError("the yardstick read something else than it wrote")
        total = 0
        for number in range(10_000):
            total += number
    return time.thread_time() - start


_TEXT = {"messages": [{"role": "user", "content": f"turn {turn}", "parts": [turn, None, True]} for turn in range(200)]}


def _walk(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _walk(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_walk, value))
    return value is None or isinstance(value, str | int)
