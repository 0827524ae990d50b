"""CPU time and peak memory of a command.

In: a command line. Out: what the kernel charged to it, the median over several runs.

    cost = measure([sys.executable, "-c", "pass"], cwd=root)
    cost.cpu, cost.rss

CPU time and not wall time, which says more about what else runs on the machine. CPU time grows as well where cores are
shared or slow, by a factor of two and more: a yardstick before and after each run tells by how much.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of ru_maxrss."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command cost."""

    cpu: float
    """Seconds of CPU, user and system, of the command and the children that it waited for."""
    rss: float
    """Peak resident memory in MB (10^6 bytes)."""
    output: bytes
    """What it wrote to standard output."""


def measure(command: Sequence[str], cwd: Path, runs: int = 5, exit_codes: Sequence[int] = (0,)) -> Cost:
    """Run a command several times, after one more that fills the caches, and take the medians.

    With `runs=0` the first run is the only one and counts. The peak memory of a child is never shown below that of the
    process that started it, so this process must stay small: whoever calls this imports nothing heavy.

    Raises:
        RuntimeError: the command ended with another exit code; its error output is in the message.
    """
    PACE.look()
    costs = [_once(command, cwd, exit_codes) for _ in range(runs + 1)][min(runs, 1) :]
    return Cost(
        cpu=statistics.median(cost.cpu for cost in costs),
        rss=statistics.median(cost.rss for cost in costs),
        output=costs[-1].output,
    )


def family_cpu(command: Sequence[str], cwd: Path, every: float = 0.2) -> Cost:
    """The CPU seconds of a command and all that it began, waited for or not: what a cluster on this machine costs.

    They are looked at `every` so many seconds: the last moments of each are not seen. Linux alone; no memory is told.

    Raises:
        RuntimeError: the command ended with another exit code than 0.
    """
    seen: dict[int, float] = {}
    with TemporaryFile() as out, subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.DEVNULL) as process:
        family = {process.pid}
        while process.poll() is None:
            for pid, parent, cpu in _processes():
                if pid in family or parent in family:
                    family.add(pid)
                    seen[pid] = cpu
            time.sleep(every)
        out.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}")
        return Cost(sum(seen.values()), 0, out.read())


def _processes() -> Iterator[tuple[int, int, float]]:
    """Number, parent and CPU seconds of each process, in the order in which they began."""
    tick = os.sysconf("SC_CLK_TCK")
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            yield pid, int(fields[1]), (int(fields[11]) + int(fields[12])) / tick


class Pace:
    """How fast this machine is while something is measured, beside the machine that the limits were set on."""

    REFERENCE = 0.020
    """CPU seconds of the yardstick there (docs/decisions/0073-a-second-of-the-same-machine.md)."""

    def __init__(self) -> None:
        self._looks: list[float] = []

    def look(self) -> None:
        """Take the yardstick once: 20 to 40 ms."""
        self._looks.append(yardstick())

    def take(self) -> float:
        """The median pace of the looks since the last call: 0.5 is half as fast as the reference."""
        looks, self._looks = self._looks, []
        return self.REFERENCE / statistics.median(looks)


PACE = Pace()
"""Of this process; `measure` looks around each of its runs."""


def yardstick() -> float:
    """CPU seconds of a fixed piece of work, of the kinds that this product does: write, hash, parse, walk, count."""
    start = time.process_time()
    for _ in range(20):
        text = json.dumps(_TEXT, sort_keys=True)
        hashlib.sha256(text.encode()).hexdigest()
        if not _walk(json.loads(text)):
            raise RuntimeError("the yardstick read something else than it wrote")
        total = 0
        for number in range(10_000):
            total += number
    return time.process_time() - start


_TEXT = {"messages": [{"role": "user", "content": f"turn {turn}", "parts": [turn, None, True]} for turn in range(200)]}


def _walk(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _walk(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_walk, value))
    return value is None or isinstance(value, str | int)


def resident() -> float:
    """Resident memory of this process now, in MB (10^6 bytes); its peak where the system does not say."""
    state = Path("/proc/self/statm")
    if state.exists():
        return int(state.read_text("ascii").split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6


def _once(command: Sequence[str], cwd: Path, exit_codes: Sequence[int]) -> Cost:
    with (
        TemporaryFile() as out,
        TemporaryFile() as err,
        subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process,
    ):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in exit_codes:
            raise RuntimeError(
                f"{' '.join(command)}: exit code {process.returncode}\n{err.read().decode(errors='replace')}"
            )
        PACE.look()
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT / 1e6, out.read())
