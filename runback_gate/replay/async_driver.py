"""Models asked for many rows at once: the one loop of events.

In: the rows that are left (`rows.Pending`), the riskiest first. Out: each row with its index, as it is done.

    for index, row in AsyncDriver(known, models, clock, deadline).run(left): ...

The loop asks; rows are judged between its turns: once `TOGETHER` have their last answer, a second went by, or one may
ask again. So memory does not grow with their number. An answer is stored before it counts. No answer is a reason, never
an exception: the row that wanted it is undecided, and says why. An exception here means that nothing can be judged any
more: an answer that cannot be stored, a store that was changed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
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


TOGETHER = 32
"""Rows that are judged at a time. One by one, between waits for a model, they cost half as much again: see 0083."""


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
        self._queue: deque[Pending[T]] = deque()
        self._asking: set[asyncio.Task[None]] = set()
        self._answered: list[tuple[Pending[T], Answer | None]] = []
        self._done: list[tuple[int, T]] = []
        self._judge = False
        """Whether what was answered is to be judged before anything else is asked."""
        self._error: BaseException | None = None
        """What ends the run."""

    def run(self, left: Sequence[Pending[T]]) -> Iterator[tuple[int, T]]:
        """Make every row; rows that are done are given as they come."""
        self._queue.extend(left)
        rows = 0
        with asyncio.Runner() as runner:
            runner.run(self._begin())
            try:
                while self._queue or self._asking:
                    runner.run(self._some())
                    answered, self._answered = self._answered, []
                    again = [item for item in answered if self._goes_on(*item)]
                    # Whoever has begun is asked first.
                    self._queue.extendleft(item for item, _ in reversed(again))
                    done, self._done = self._done, []
                    rows += len(done)
                    yield from done
                if rows != len(left):
                    raise RuntimeError(f"{len(left) - rows} rows were lost")
            finally:
                self._known.stop_signal.listen(lambda: None)
                runner.run(self._close())

    def _goes_on(self, item: Pending[T], answer: Answer | None = None) -> bool:
        """Go on with a row, given the answer that it waits for, if there is one; whether it asks again."""

        def known(ask: Query) -> Answer | None:
            nonlocal answer
            given, answer = answer, None
            return given or self._known.known(ask)

        judging, asked = item.kept or (item.start(), None)
        item.kept = None
        found = advance(judging, asked, known)
        if isinstance(found, Finished):
            self._done.append((item.index, found.row))
            return False
        item.kept = judging, found
        return True

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._more = asyncio.Event()
        self._settled = asyncio.Event()
        self._pulse = asyncio.create_task(self._tick())
        self._known.stop_signal.listen(lambda: loop.call_soon_threadsafe(self._stop))

    def _stop(self) -> None:
        for task in self._asking:
            task.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._known.settings.tick()
            self._judge = True
            self._more.set()

    async def _some(self) -> None:
        """Ask until there is something to judge; raise what ends the run."""
        most = max(1, self._known.settings.in_flight)
        self._judge = False
        while True:
            while self._queue and len(self._asking) < most and not self._judge:
                item = self._queue.popleft()
                if self._goes_on(item):
                    task = asyncio.create_task(self._wait(item))
                    self._asking.add(task)
                    task.add_done_callback(self._ended)
            if self._error is not None:
                raise self._error
            if not self._asking or self._judge or len(self._answered) >= TOGETHER:
                return
            self._more.clear()
            await self._more.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        # A task that was cancelled waited for an answer that another one failed to get; that one knows why. Each is
        # asked, or asyncio prints what nobody asked for.
        error = None if task.cancelled() else task.exception()
        self._error = self._error or error
        self._more.set()

    async def _close(self) -> None:
        """End what is still asked; why it ends says less than what has ended the run."""
        self._stop()
        self._pulse.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._models.close()

    async def _wait(self, item: Pending[T]) -> None:
        """Get the answer that a row waits for."""
        assert item.kept is not None  # noqa: S101  it asks
        ask, answer = item.kept[1], None
        try:
            answer = await self._answer(ask)
        except asyncio.CancelledError:
            # Only a run that is to end cancels this; what is known of the row still makes one.
            if not self._known.stop_signal.reason:
                raise
        self._answered.append((item, answer))
        # A row that may ask again waits for no others: what half of its answers cost would be for nothing.
        self._judge = self._judge or ask.most > 1 or bool(ask.judges or ask.following)

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
