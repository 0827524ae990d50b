"""The one writer thread of a process, and the queue before it, bounded in bytes.

In: events, each with the log that it belongs to. Out: nothing; the logs are called in order, by one thread.

    sink().put(log, seen, size)        # returns at once
    sink().flush(5)                    # waits until what was put is written, at most so many seconds

A caller pays one lock and one put. The writer wakes once for all that comes within a few milliseconds: to wake it for
each event costs the machine more than the event. What does not fit is counted and becomes a `dropped` event of its run.
A forked process has a thread and a queue of its own.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from runback_gate.capture.log import Event, RunLog
from runback_gate.capture.outside import complain

MAX_WAITING: Final = 256 << 20
"""Bytes that wait for the writer."""

LINGER: Final = 0.02
"""Seconds that the first event waits for others to be written with it."""
_MANY: Final = 1 << 20
"""Waiting bytes that are not left to wait."""

_Job = tuple[Callable[[], Any], int]


class Sink:
    """The queue and its thread, which starts with the first event."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        # A stream that is collected ends its call, wherever the collector runs: also while this thread holds the lock.
        self._lock = threading.RLock()
        self._limit = limit
        self._waiting = 0
        self._patience = threading.Lock()
        """Held, but for the moment in which somebody will not wait; `threading.Event` costs as much as an event."""
        self._patience.acquire()
        self._thread: threading.Thread | None = None

    def put(self, log: RunLog, event: Event, size: int) -> None:
        """Hand an event to the writer; `size` is about the bytes that it holds."""
        self.offer(lambda: log.take(event), size, lambda: log.drop(1, "the queue was full"))

    def offer(self, job: Callable[[], Any], size: int, lost: Callable[[], Any]) -> bool:
        """Have the writer call `job`, which holds about so many bytes; or `lost`, when too many wait already.

        Returns:
            Whether it is `job`.
        """
        with self._lock:
            full = self._waiting + size > self._limit
            if not full:
                self._waiting += size
            many = self._waiting > _MANY
        if many:
            self._hurry()
        self.call(*((lost,) if full else (job, size)))
        return not full

    def call(self, job: Callable[[], Any], size: int = 0) -> None:
        """Have the writer call something, in turn."""
        self._queue.put((job, size))
        if self._thread is None:
            self._start()

    def flush(self, seconds: float) -> bool:
        """Wait until everything that was put before is written; says whether it is."""
        if self._thread is None or self._thread is threading.current_thread():
            return True
        done = threading.Event()
        self.call(done.set)
        self._hurry()
        return done.wait(seconds)

    def _hurry(self) -> None:
        with contextlib.suppress(RuntimeError):  # somebody did
            self._patience.release()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="runback-gate", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            self._patience.acquire(timeout=LINGER)
            self._do(*first)
            while not self._queue.empty():
                self._do(*self._queue.get())

    def _do(self, job: Callable[[], Any], size: int) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  the writer outlives whatever one event does to it
            complain(f"an event could not be recorded: {type(error).__name__}")
        with self._lock:
            self._waiting -= size


_sink = Sink()
_after_fork: list[Callable[[], None]] = []


def sink() -> Sink:
    """The sink of this process."""
    return _sink


def after_fork(function: Callable[[], None]) -> None:
    """Have a function called in each forked child, once its sink is made."""
    _after_fork.append(function)


def _forked() -> None:
    global _sink
    _sink = Sink()
    for function in _after_fork:
        function()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
