"""Models asked for many rows at once: the one loop of events.

In: the rows that are left (`rows.Left`), the riskiest first. Out: each row with its index, as it is done.

    for index, row in AsyncDriver(known, models, clock, deadline).run(left): ...

At most `in_flight` rows are in the making, so memory does not grow with their number. An answer is stored before it
counts. No answer is a reason, never an exception: the row that wanted it is undecided, and says why. An exception here
means that nothing can be judged any more: an answer that cannot be stored, a store that was changed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Generic, TypeVar

from runback_gate.errors import ErrorKind, ProviderError, UnaskableError
from runback_gate.replay.estimate import most_usd
from runback_gate.replay.evidence import Answer, Query
from runback_gate.replay.known import Known, missing
from runback_gate.replay.providers.model import ModelPool
from runback_gate.replay.rows import Finished, Pending, advance

T = TypeVar("T")

_BILLED: frozenset[ErrorKind] = frozenset(("time-out", "connection", "garbage", "not understood"))
"""Failures after which nobody knows whether the provider worked, and asks for money."""
_OUTAGE: frozenset[ErrorKind] = frozenset(("rate limit", "time-out", "connection", "server"))
"""Failures that say something about the provider and nothing about the question."""
_LEAST_FAILURES = 8
"""Questions in a row that must have failed, each after its retries, before a model is given up."""


class AsyncDriver(Generic[T]):
    """Asks for rows that are left."""

    def __init__(self, known: Known, models: ModelPool, clock: Callable[[], float], deadline: float) -> None:
        self._known = known
        self._models = models
        self._clock = clock
        self._deadline = deadline
        self._ledger = known.ledger
        self._waiting: dict[tuple[str, int], asyncio.Future[Answer]] = {}
        self._given_up: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._done: list[tuple[int, T]] = []
        self._workers: list[asyncio.Task[None]] = []

    def run(self, left: Sequence[Pending[T]]) -> Iterator[tuple[int, T]]:
        """Make every row; rows that are done are given as they come."""
        queue, rows = iter(left), 0
        with asyncio.Runner() as runner:
            runner.run(self._begin(queue, min(len(left), max(1, self._known.settings.in_flight))))
            try:
                while self._workers or self._done:
                    done, self._done = self._done, []
                    rows += len(done)
                    yield from done
                    runner.run(self._some())
                if rows != len(left):
                    raise RuntimeError(f"{len(left) - rows} rows were lost")
            finally:
                self._known.stop_signal.listen(lambda: None)
                runner.run(self._close())

    async def _begin(self, queue: Iterator[Pending[T]], workers: int) -> None:
        loop = asyncio.get_running_loop()
        self._more = asyncio.Event()
        self._settled = asyncio.Event()
        self._workers = [asyncio.create_task(self._work(queue)) for _ in range(workers)]
        self._pulse = asyncio.create_task(self._tick())
        self._known.stop_signal.listen(lambda: loop.call_soon_threadsafe(self._stop))

    def _stop(self) -> None:
        for worker in self._workers:
            worker.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._known.settings.tick()

    async def _some(self) -> None:
        """Wait until a row is done or a worker ended; raise what ended it."""
        if not self._done and self._workers:
            await self._more.wait()
        self._more.clear()
        over = [worker for worker in self._workers if worker.done()]
        self._workers = [worker for worker in self._workers if not worker.done()]
        # A worker that was cancelled waited for an answer that another one failed to get; that one knows why. Each is
        # asked, or asyncio prints what nobody asked for.
        errors = [worker.exception() for worker in over if not worker.cancelled()]
        for error in filter(None, errors):
            raise error

    async def _close(self) -> None:
        """End what still works; why it ends says less than what has ended the run."""
        self._stop()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._models.close()

    async def _work(self, queue: Iterator[Pending[T]]) -> None:
        try:
            for item in queue:
                row = await self._row(item)
                self._done.append((item.index, row))
                self._more.set()
        finally:
            self._more.set()

    async def _row(self, item: Pending[T]) -> T:
        judging, waiting = item.kept or (item.start(), None)
        item.kept = None
        found = advance(judging, waiting, self._known.known)
        known: Answer | None = None

        def answer(ask: Query) -> Answer | None:
            nonlocal known
            given, known = known, None
            return given or self._known.known(ask)

        while not isinstance(found, Finished):
            try:
                known = await self._answer(found)
            except asyncio.CancelledError:
                # Only a run that is to end cancels rows; what is known of them still makes a row.
                if not self._known.stop_signal.reason:
                    raise
            found = advance(judging, found, answer)
        return found.row

    async def _answer(self, ask: Query) -> Answer:
        """The model's answer; whoever asks the same meanwhile waits for it."""
        if (waiting := self._waiting.get(ask.key)) is not None:
            return await asyncio.shield(waiting)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[ask.key] = future
        try:
            found = await self._ask(ask)
            future.set_result(found)
        finally:
            future.cancel()
            del self._waiting[ask.key]
        in_store = found.stored_digest is not None
        self._known.asked[ask.key] = None if in_store else found
        return found

    async def _ask(self, ask: Query) -> Answer:
        name = ask.question.request.model or ""
        most, why = await self._allowed(ask, name)
        if why:
            return missing(ask, why)
        self._ledger.begin(most)
        cost: str | None = "0"
        try:
            response = await self._models.model_for(name).answer(ask.question.request)
            cost = response.cost_usd
        except ProviderError as error:
            if error.kind in _BILLED:
                cost = None
            return missing(ask, self._failed(name, error), not_understood=error.place, error=error.kind)
        except asyncio.CancelledError:
            cost = None
            raise
        finally:
            self._ledger.end(most, cost)
            self._settled.set()
            self._settled = asyncio.Event()
        self._failures[name] = 0
        return self._known.keep(ask, response)

    async def _allowed(self, ask: Query, name: str) -> tuple[Decimal | None, str]:
        """The most that a question may cost, and why it may not be asked; waits where money in flight may come back."""
        if not name:
            return None, "no model is known that could be asked"
        if why := self._given_up.get(name):
            return None, why
        try:
            self._models.model_for(name)
            most = most_usd(ask, self._models.price_for(name))
        except UnaskableError as error:
            self._given_up[name] = str(error)
            return None, str(error)
        while True:
            if self._clock() >= self._deadline:
                return most, f"over budget: seconds {self._known.settings.limits.seconds:,.6g}"
            refused = self._ledger.refusal(most)
            if refused is None or not self._ledger.reserved:
                return most, refused or ""
            await self._settled.wait()

    def _failed(self, name: str, error: ProviderError) -> str:
        """Why there is no answer; and whether the model is worth asking again."""
        why = f"{error.kind}: {error}"
        self._failures[name] = self._failures[name] + 1 if error.kind in _OUTAGE else 0
        if error.kind == "authentication":
            self._given_up[name] = why
        elif self._failures[name] >= max(_LEAST_FAILURES, self._known.settings.in_flight):
            self._given_up[name] = f"{why}; given up after {self._failures[name]} questions in a row"
        return why
