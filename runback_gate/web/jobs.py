"""Long work of the pages: asked for in one request, looked at in others, and ended when someone says so.

In: a function that takes progress and a stop signal. Out: a `Job`, whose state a page shows.

    job = jobs.start("step 2 of refund", 5, work)
    job.done, job.state                     # 3, "running"
    job.stop.set("cancelled")

The work runs on a thread of its own. What it found lies in memory: it ends with the server, and nothing is half
written.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final, Literal

from runback_gate.errors import InputError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.replay.estimate import Estimate
from runback_gate.replay.known import StopSignal
from runback_gate.replay.spend import Limits, Spend

MAX_RUNNING: Final = 4
MAX_KEPT: Final = 100
"""Finished jobs that are remembered, the newest."""

State = Literal["running", "done", "failed", "cancelled"]


@dataclass(slots=True)
class Job:
    """Work that was begun. Also its `app.progress.Progress`."""

    id: str
    title: str
    total: int
    given: Any
    """What it was asked with, for the page of its result."""
    stop: StopSignal = field(default_factory=StopSignal)
    done: int = 0
    state: State = "running"
    result: Any = None
    error: str = ""
    spend: Callable[[], Spend] | None = None

    def __call__(self, done: int, total: int, _row: object, /) -> None:
        """So many trials of all are done."""
        self.done, self.total = done, total

    def tick(self) -> None:
        """Time went by; pages ask for themselves."""

    def asking(self, spend: Callable[[], Spend], /) -> None:
        """Models may be asked from now on."""
        self.spend = spend

    def planned(self, _estimate: Estimate, _limits: Limits, /) -> None:
        """The estimate is made; the budget of the gate holds."""


class Jobs:
    """The work of one server."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, title: str, total: int, given: Any, work: Callable[[Job], Any]) -> Job:
        """Begin work.

        Raises:
            InputError: too much is running.
        """
        if sum(job.state == "running" for job in self._jobs.values()) >= MAX_RUNNING:
            raise InputError(f"{MAX_RUNNING} replays are running", hint="wait until one ends, or cancel one")
        job = Job(str(next(self._numbers)), title, total, given)
        self._jobs[job.id] = job
        for old in [item.id for item in self._jobs.values() if item.state != "running"][:-MAX_KEPT]:
            del self._jobs[old]
        task = asyncio.create_task(_run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def get(self, name: str) -> Job:
        """A job by its id.

        Raises:
            InputError: there is none, or it is forgotten.
        """
        job = self._jobs.get(name)
        if job is None:
            raise InputError(
                "no replay of that id on this server", hint="it started before the server did, or ended long ago"
            )
        return job

    async def close(self) -> None:
        """End what is running, and wait for it."""
        for job in self._jobs.values():
            job.stop.set("the server ended")
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(job: Job, work: Callable[[Job], Any]) -> None:
    try:
        job.result = await asyncio.to_thread(work, job)
        job.state = "cancelled" if job.stop.reason else "done"
    except RunbackError as error:
        job.error, job.state = str(error), "failed"
    except Exception as error:  # noqa: BLE001  a page that waits for ever would be worse than one that names the fault
        job.error, job.state = f"internal error: {type(error).__name__}", "failed"
