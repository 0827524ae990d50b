"""Tasks in processes of this machine.

In: how many. Out: an `Executor`.

    Processes(4).run(job, tasks)

Workers are spawned, never forked: they share no lock, no thread and no engine with this process. Each has one pipe; the
next task is sent when the last one is done. A worker that has grown by more than `MAX_GROWTH` ends, and another one
takes its place: what its packages leak is bounded so. Workers let an interrupt pass; whoever runs them ends them.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from runback_gate.errors import RunbackError
from runback_gate.executors import MAX_TRIES, Job, LostWorkerError, Result, Task, TimeOverError, first_error
from runback_gate.executors.memory import resident

MAX_GROWTH = 50 << 20
"""Bytes that a worker may grow after its first task before another one takes its place."""


class Processes:
    """Runs tasks in several processes at once."""

    def __init__(self, jobs: int, max_growth: int = MAX_GROWTH, left: Callable[[], float] | None = None) -> None:
        self.jobs = jobs
        self.max_growth = max_growth
        self.left = left
        """Seconds that a result is still waited for; None for as long as it takes."""

    def run(self, job: Job[Task, Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """As `Executor.run`.

        Raises:
            TimeOverError: no result came in the time that was left; whoever works on one is ended, whatever it does.
        """
        pool = _Pool(job, tasks, min(self.jobs, len(tasks)), self.max_growth)
        try:
            yield from pool.results(self.left)
        finally:
            pool.stop()


class _Worker:
    """A process with its pipe, and the task that it has."""

    def __init__(self, job: Job[Any, Any], max_growth: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, job, max_growth), daemon=True)
        self.process.start()
        theirs.close()
        self.task: int | None = None

    def stop(self) -> None:
        """End it, whatever it does."""
        self.pipe.close()
        self.process.kill()
        self.process.join()


class _Pool:
    """The workers of one run."""

    def __init__(self, job: Job[Any, Any], tasks: Sequence[Any], size: int, max_growth: int) -> None:
        self.job, self.tasks, self.max_growth = job, tasks, max_growth
        self.waiting = list(reversed(range(len(tasks))))
        """Numbers of tasks that nobody has, the next one last."""
        self.tries = dict.fromkeys(self.waiting, 0)
        self.errors: dict[int, RunbackError] = {}
        self.workers = [_Worker(job, max_growth) for _ in range(size)]

    def results(self, left: Callable[[], float] | None) -> Iterator[tuple[int, Any]]:
        for worker in self.workers:
            self.give(worker)
        while busy := {worker.pipe: worker for worker in self.workers if worker.task is not None}:
            ready = wait(list(busy), None if left is None else max(left(), 0.0))
            if not ready:
                raise TimeOverError
            for pipe in ready:
                worker = busy[pipe]  # type: ignore[index]
                number, result = self.received(worker)
                if number is not None:
                    yield number, result
        if self.errors:
            raise first_error(self.errors)

    def give(self, worker: _Worker) -> None:
        """Send the next task, where there is one and nothing went wrong."""
        worker.task = None
        if not self.waiting or self.errors:
            return
        number = self.waiting.pop()
        self.tries[number] += 1
        worker.task = number
        try:
            worker.pipe.send(self.tasks[number])
        except OSError:
            # It died before it had the task: reading from it says so.
            return

    def received(self, worker: _Worker) -> tuple[int | None, Any]:
        """What a worker has to say: the result of its task, or nothing where it failed or died."""
        number = worker.task
        assert number is not None  # noqa: S101  only workers with a task are listened to
        try:
            word, value, stays = worker.pipe.recv()
        except (EOFError, OSError):
            self.died(worker, number)
            return None, None
        if word == "failed":
            self.errors[number] = value
            number = None
        if stays:
            self.give(worker)
        else:
            self.replace(worker)
        return number, value

    def died(self, worker: _Worker, number: int) -> None:
        if self.tries[number] < MAX_TRIES:
            self.waiting.append(number)
        else:
            self.errors[number] = LostWorkerError(self.tasks[number])
        self.replace(worker)

    def replace(self, worker: _Worker) -> None:
        """Let another worker take the place of one that is gone, where there is something to do."""
        worker.stop()
        self.workers.remove(worker)
        if self.waiting and not self.errors:
            self.workers.append(_Worker(self.job, self.max_growth))
            self.give(self.workers[-1])

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()


def _work(pipe: Connection, job: Job[Any, Any], max_growth: int) -> None:
    """What a worker does: one task after the other, until nobody sends one or it has grown too much."""
    # As the command line does: hardly anything here is a cycle.
    gc.set_threshold(50_000, 20, 50)
    # An interrupt goes to all processes of a terminal; this one is ended by the one that began it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    do, first = None, 0
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            do = do or job.begin()
            word, value = "done", do(task)
        except RunbackError as error:
            word, value = "failed", error
        size = resident()
        first = first or size
        stays = size - first <= max_growth
        pipe.send((word, value, stays))
        if not stays:
            return
