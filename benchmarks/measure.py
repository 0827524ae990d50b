"""CPU time and peak memory of a command.

In: a command line. Out: what the kernel charged to it, at the pace of the reference, the median over several runs.

    cost = measure([sys.executable, "-c", "pass"], cwd=root)
    cost.cpu, cost.rss

CPU time and not wall time, which says more about what else runs on the machine. CPU time grows as well where cores are
shared or slow, by a factor of two and more: a yardstick that is taken while a command runs tells by how much.
"""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from benchmarks.pace import Watch, at_reference

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of ru_maxrss."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command cost."""

    cpu: float
    """Seconds of CPU, user and system, of the command and the children that it waited for, as the machine would take
    that the limits were set on."""
    rss: float
    """Peak resident memory in MB (10^6 bytes)."""
    output: bytes
    """What it wrote to standard output."""
    pace: float
    """Of this machine during the run; `cpu / pace` is what the kernel said."""
    wall: float
    """Seconds from its beginning to its end, as they passed here."""
    share: float = 1.0
    """What part of a core something that is ready got meanwhile."""


def measure(
    command: Sequence[str], cwd: Path, runs: int = 5, exit_codes: Sequence[int] = (0,), *, spread: bool = False
) -> Cost:
    """Run a command several times, after one more that fills the caches, and take the medians.

    With `runs=0` the first run is the only one and counts. Each runs on one core, with `spread` on all. All but the
    memory is of one run. The peak memory of a child is never shown below that of the process that started it, so this
    process must stay small: whoever calls this imports nothing heavy.

    Raises:
        RuntimeError: the command ended with another exit code; its error output is in the message.
    """
    costs = [_once(command, cwd, exit_codes, spread) for _ in range(runs + 1)][min(runs, 1) :]
    return replace(median(costs), rss=statistics.median(cost.rss for cost in costs))


def median(costs: Sequence[Cost]) -> Cost:
    """The run whose CPU time is in the middle."""
    return sorted(costs, key=lambda cost: cost.cpu)[len(costs) // 2]


def family_cpu(command: Sequence[str], cwd: Path, every: float = 0.2) -> Cost:
    """The CPU seconds of a command and all that it began, waited for or not: what a cluster on this machine costs.

    They are looked at `every` so many seconds: the last moments of each are not seen. Linux alone; no memory is told.

    Raises:
        RuntimeError: the command ended with another exit code than 0.
    """
    seen: dict[int, float] = {}
    watch = Watch(spread=True)
    with (
        watch,
        TemporaryFile() as out,
        TemporaryFile() as err,
        subprocess.Popen(command, cwd=cwd, stdout=out, stderr=err) as process,
    ):
        begun = time.perf_counter()
        family = {process.pid}
        while process.poll() is None:
            for pid, parent, cpu in _processes():
                if pid in family or parent in family:
                    family.add(pid)
                    seen[pid] = cpu
            time.sleep(every)
        wall = time.perf_counter() - begun
        output = _output(command, process.returncode, (0,), out, err)
    return Cost(at_reference(sum(seen.values()), watch.pace), 0, output, watch.pace, wall, watch.share)


def _processes() -> Iterator[tuple[int, int, float]]:
    """Number, parent and CPU seconds of each process, in the order in which they began."""
    tick = os.sysconf("SC_CLK_TCK")
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            yield pid, int(fields[1]), (int(fields[11]) + int(fields[12])) / tick


def resident() -> float:
    """Resident memory of this process now, in MB (10^6 bytes); its peak where the system does not say."""
    state = Path("/proc/self/statm")
    if state.exists():
        return int(state.read_text("ascii").split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6


def _once(command: Sequence[str], cwd: Path, exit_codes: Sequence[int], spread: bool) -> Cost:
    watch = Watch(spread=spread)
    with (
        TemporaryFile() as out,
        TemporaryFile() as err,
        watch,
        subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process,
    ):
        begun = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output = _output(command, process.returncode, exit_codes, out, err)
    cpu = at_reference(usage.ru_utime + usage.ru_stime, watch.pace)
    return Cost(cpu, usage.ru_maxrss * _RSS_UNIT / 1e6, output, watch.pace, wall, watch.share)


def _output(command: Sequence[str], code: int, expected: Sequence[int], out: IO[bytes], err: IO[bytes]) -> bytes:
    out.seek(0)
    err.seek(0)
    if code not in expected:
        raise RuntimeError(f"{' '.join(command)}: exit code {code}\n{err.read().decode(errors='replace')}")
    return out.read()
