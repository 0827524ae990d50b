"""Live replay: many rows at once, each answer from the cheapest place that has it.

In: generators that ask (`Query`) and are sent what was found (`Answer`), a store of answers, and models, or none. Out:
each row with its index, as it is done; then `spend`, `notes` and the estimate.

    outside = real_world()
    source = Source(lambda end, retried: open_models(gate, os.environ, outside=outside, deadline=end), outside)
    live = LiveDriver(ResponseCache(folder), source, Settings(Limits(calls=500)))
    for index, row in live(works): ...
    live.spend()

Two passes. The first answers what is free, recorded or in the store, and imports nothing that reaches the network; what
is left is known exactly then, and that is the estimate. The second asks models (`replay.async_driver`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from runback_gate.errors import ProviderError
from runback_gate.frozen import dataclass
from runback_gate.replay.estimate import Estimate, Forecast
from runback_gate.replay.known import Known, Settings, StopSignal, Store, missing
from runback_gate.replay.prices import Price
from runback_gate.replay.providers.model import ModelPool, Runtime
from runback_gate.replay.providers.retry import Notice
from runback_gate.replay.rows import Finished, Pending, Start, advance
from runback_gate.replay.spend import Spend
from runback_gate.step import Request

T = TypeVar("T")

KEPT = 1024
"""Rows that keep what they read between the passes; others read it again, so that memory does not grow with rows."""
KEPT_TEXT = 4 << 20
"""Characters that their questions may have together."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where models are asked."""

    connect: Callable[[float, Notice], ModelPool]
    """Opens the models of a run, given the time after which nothing is asked, and what to call before each retry."""
    outside: Runtime
    """Clock, sleep and chance."""


class LiveDriver:
    """A drive of the gate's loop; for one run."""

    def __init__(
        self,
        store: Store | None,
        source: Source | None,
        settings: Settings | None = None,
        stop_signal: StopSignal | None = None,
    ) -> None:
        self.source = source
        self.settings = settings or Settings()
        self.stop_signal = stop_signal or StopSignal()
        self.known = Known(store, self.settings, self.stop_signal, may_ask=source is not None)
        self.estimate: Estimate | None = None
        """What was left for models after the first pass; None before its end."""
        self.notes: tuple[str, ...] = ()
        """What providers were seen not to honour, such as a seed."""

    def __call__(self, works: Sequence[Start[T]]) -> Iterator[tuple[int, T]]:
        """Make every row."""
        try:
            yield from self._rows(works)
        finally:
            self.known.asked.clear()
            if self.known.store is not None:
                self.known.store.close()

    def _rows(self, works: Sequence[Start[T]]) -> Iterator[tuple[int, T]]:
        left: list[Pending[T]] = []
        forecast, room = Forecast(), KEPT_TEXT
        for index, start in enumerate(works):
            judging = start()
            found = advance(judging, None, self.known.known)
            if isinstance(found, Finished):
                yield index, found.row
            else:
                forecast.add(found)
                room -= _characters(found.question.request)
                kept = (judging, found) if len(left) < KEPT and room > 0 else None
                left.append(Pending(index, start, found.risk, kept))
        yield from self._ask(left, forecast, len(works))

    def _ask(self, left: list[Pending[T]], forecast: Forecast, rows: int) -> Iterator[tuple[int, T]]:
        if not left or self.source is None:
            self.estimate = forecast.estimate(lambda _name: None, rows=rows, free=rows)
            return
        clock, seconds = self.source.outside.clock, self.settings.limits.seconds
        deadline = math.inf if seconds is None else clock() + seconds
        opened = self.source.connect(deadline, self._retried)
        self.estimate = forecast.estimate(partial(_price, opened), rows=rows, free=rows - len(left))
        self.settings.planned(self.estimate)
        if self.settings.plan_only:
            yield from self._unasked(left)
            return
        # Imported here: what is free must not pay for a loop and a client.
        from runback_gate.replay.async_driver import AsyncDriver  # noqa: PLC0415

        left.sort(key=lambda item: (-item.risk, item.index))
        flight: AsyncDriver[T] = AsyncDriver(self.known, opened, clock, deadline)
        yield from flight.run(left)
        self.notes = opened.notes

    def _unasked(self, left: list[Pending[T]]) -> Iterator[tuple[int, T]]:
        """The rows that are left, without asking for them."""
        for item in left:
            row = advance(item.start(), None, lambda ask: self.known.known(ask) or missing(ask, "planned, not asked"))
            assert isinstance(row, Finished)  # noqa: S101  it had a reply to every question
            yield item.index, row.row

    def _retried(self, _error: ProviderError, _seconds: float) -> None:
        self.known.ledger.retries += 1

    def spend(self) -> Spend:
        """What was spent so far."""
        return self.known.ledger.spend()


def _characters(request: Request) -> int:
    return len(request.system or "") + sum(len(message.content) for message in request.messages)


def _price(models: ModelPool, name: str) -> Price | None:
    """What a model costs, once it is sure that it can be asked."""
    models.model_for(name)
    return models.price_for(name)
