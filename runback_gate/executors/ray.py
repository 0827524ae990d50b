"""Tasks on a cluster of Ray; the only file that imports `ray` (extra `ray`).

In: the address of a cluster, none for one that is begun on this machine. Out: an `Executor`.

    Ray("ray://head.example:10001").run(job, tasks)

Core tasks alone: no data sets, no actors. The machines of the cluster need this package in the same version, and the
files that the tasks name under the same paths. Nothing is reported about the use of Ray, and no dashboard is begun.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runback_gate.errors import InputError, Location, RunbackError
from runback_gate.executors import MAX_TRIES, Job, LostWorkerError, Result, Task, first_error

MAX_CALLS = 256
"""Tasks of a worker before another one takes its place: what its packages leak is bounded so."""

_begun: dict[str, Callable[[Any], Any]] = {}
"""In a worker: what does a task of a job, by the name of the job."""


class Ray:
    """Runs tasks on a cluster."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address

    def run(self, job: Job[Task, Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """As `Executor.run`."""
        ray = _package()
        ours = not ray.is_initialized()
        # A thread of Ray prints what it hears of workers into the output of the command; our errors say what matters.
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            if ours:
                _connect(ray, self.address)
            try:
                yield from _results(ray, job, tasks)
            finally:
                if ours:
                    ray.shutdown()


def _package() -> Any:
    # Read when the package is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415  240 MB that nothing else needs
    except ImportError as error:
        raise InputError("ray is not installed", hint="pip install 'runback-gate[ray]'") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        # Options of a new cluster are refused where one is joined.
        ray.init(**quiet, **({"address": address} if address else {"address": "local", "include_dashboard": False}))
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"no cluster of Ray answers at {address or 'this machine'}: {reason}") from error


def _results(ray: Any, job: Job[Any, Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    name, folder = os.urandom(16).hex(), str(Path.cwd())
    held = ray.put(job)
    do = ray.remote(max_retries=MAX_TRIES - 1, max_calls=MAX_CALLS, num_cpus=1)(_do)
    # A few more than run at once, so that no worker waits and an error leaves little undone.
    room = 2 * max(int(ray.cluster_resources().get("CPU", 1)), 1)
    waiting = iter(range(len(tasks)))
    running: dict[Any, int] = {}
    errors: dict[int, RunbackError] = {}
    while True:
        while not errors and len(running) < room and (number := next(waiting, None)) is not None:
            running[do.remote(name, folder, held, tasks[number])] = number
        if not running:
            break
        (done,), _ = ray.wait(list(running), num_returns=1)
        number = running.pop(done)
        try:
            word, value = ray.get(done)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            word, value = "failed", LostWorkerError(tasks[number])
        if word == "failed":
            errors[number] = value
        else:
            yield number, value
    if errors:
        raise first_error(errors)


def _do(name: str, folder: str, job: Job[Any, Any], task: Any) -> tuple[str, Any]:
    """What a worker does: one task, in the folder of whoever wants it, since it may name files from there."""
    try:
        if name not in _begun:
            _enter(folder)
            _begun[name] = job.begin()
        return "done", _begun[name](task)
    except RunbackError as error:
        return "failed", error


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        place = Location(folder)
        hint = "the machines of the cluster need the run files under the same paths"
        raise InputError(f"cannot be entered by a worker: {error.strerror}", hint=hint, location=place) from error
