"""Live replay: many rows at once, each answer from the cheapest place that has it.

In: generators that ask (`Ask`) and are sent what was found (`Replay`), a store of answers, and models, or none. Out:
each row with its index, as it is done; then `spend`, `notes` and the estimate.

    outside = real_world()
    source = Source(lambda end, retried: open_models(gate, os.environ, outside=outside, deadline=end), outside)
    live = Live(ResponseCache(folder), source, Settings(Limits(calls=500)))
    for index, row in live(works): ...
    live.spend()

Two passes. The first answers what is free, recorded or in the store, and imports nothing that reaches the network; what
is left is known exactly then, and that is the estimate. The second asks models (`replay.flight`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from runback_gate.errors import ProviderError
from runback_gate.replay.estimate import Estimate, Forecast
from runback_gate.replay.evidence import Answers, Ask, Evidence, Replay, replay
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Model, Outside
from runback_gate.replay.providers.question import unsent_note
from runback_gate.replay.retry import Notice
from runback_gate.replay.spend import Ledger, Limits, Spend
from runback_gate.step import Request, Response

T = TypeVar("T")

Start = Callable[[], Generator[Ask, Replay, T]]
"""Begins the making of a row."""

IN_FLIGHT = 16
EXPLAINED = 50
"""Misses that are explained: to look for the nearest request takes time, and many misses have one cause."""
KEPT = 256
"""Rows that keep what they read between the passes; others read it again, so that memory does not grow with rows."""


class Store(Answers, Protocol):
    """Answers that can be added to, such as `cache.ResponseCache`."""

    def put(self, request: str, trial: int, response: Response, asked: Request | None = None) -> object:
        """Keep an answer and its request, whole or not at all."""

    def why_missed(self, request: Request) -> str:
        """Why it has no answer to a request."""


class Opened(Protocol):
    """Models by name, such as `replay.providers.Models`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What they were seen not to honour."""

    def model_for(self, name: str) -> Model:
        """The model of a name; raises UnaskableError when it may not or cannot be asked."""

    def price_for(self, name: str) -> Price | None:
        """What it costs, None when that is not known; raises UnaskableError when it may not be asked."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where models are asked."""

    connect: Callable[[float, Notice], Opened]
    """Opens the models of a run, given the time after which nothing is asked, and what to call before each retry."""
    outside: Outside
    """Clock, sleep and chance."""


class Halt:
    """Says that a run is to end, from wherever: a signal, a test."""

    def __init__(self) -> None:
        self.reason = ""
        """Empty while the run may go on."""
        self._call: Callable[[], object] = lambda: None

    def set(self, reason: str) -> None:
        """End the run; safe in a signal handler."""
        self.reason = self.reason or reason
        self._call()

    def listen(self, call: Callable[[], object]) -> None:
        """Have one function called when the run is to end, at once if that was said already."""
        self._call = call
        if self.reason:
            call()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run asks."""

    limits: Limits = field(default_factory=Limits)
    in_flight: int = IN_FLIGHT
    """Questions at a time."""
    refresh: bool = False
    """Whether to ask again what the store knows."""
    reason: str = "no answer to it is known"
    """Why nothing is asked where no models are given."""
    plan_only: bool = False
    """Whether to stop at the estimate; what is left is undecided then."""
    planned: Callable[[Estimate], object] = lambda _estimate: None
    """Called with the estimate before the first question."""
    tick: Callable[[], object] = lambda: None
    """Called about every second while models are asked."""


@dataclass(slots=True)
class Left(Generic[T]):
    """A row that the first pass could not finish."""

    index: int
    start: Start[T]
    risk: int
    kept: tuple[Generator[Ask, Replay, T], Ask] | None


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A row that is made."""

    row: T


def advance(
    judging: Generator[Ask, Replay, T], asked: Ask | None, known: Callable[[Ask], Replay | None]
) -> Ask | Done[T]:
    """Go on with a row as far as `known` knows answers: the question that it has none for, or the row.

    `asked` is the question that is waiting for an answer, which is asked anew; None for a row that has not begun.
    """
    try:
        ask = next(judging) if asked is None else asked
        while (found := known(ask)) is not None:
            ask = judging.send(found)
    except StopIteration as end:
        return Done(end.value)
    return ask


class Live:
    """A drive of the gate's loop; for one run."""

    def __init__(
        self,
        store: Store | None,
        source: Source | None,
        settings: Settings | None = None,
        halt: Halt | None = None,
    ) -> None:
        self.store = store
        self.source = source
        self.settings = settings or Settings()
        self.halt = halt or Halt()
        self.ledger = Ledger(self.settings.limits)
        self.estimate: Estimate | None = None
        """What was left for models after the first pass; None before its end."""
        self.notes: tuple[str, ...] = ()
        """What providers were seen not to honour, such as a seed."""
        self._explained = 0
        self.asked: dict[tuple[str, int], Replay | None] = {}
        """What was asked in this run; None stands for an answer that lies in the store."""

    def __call__(self, works: Sequence[Start[T]]) -> Iterator[tuple[int, T]]:
        """Make every row."""
        left: list[Left[T]] = []
        forecast = Forecast()
        for index, start in enumerate(works):
            judging = start()
            found = advance(judging, None, self.known)
            if isinstance(found, Done):
                yield index, found.row
            else:
                forecast.add(found)
                left.append(Left(index, start, found.risk, (judging, found) if len(left) < KEPT else None))
        yield from self._ask(left, forecast, len(works))

    def _ask(self, left: list[Left[T]], forecast: Forecast, rows: int) -> Iterator[tuple[int, T]]:
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
        from runback_gate.replay.flight import Flight  # noqa: PLC0415

        left.sort(key=lambda item: (-item.risk, item.index))
        flight: Flight[T] = Flight(self, opened, clock, deadline)
        yield from flight.run(left)
        self.notes = opened.notes

    def _unasked(self, left: list[Left[T]]) -> Iterator[tuple[int, T]]:
        """The rows that are left, without asking for them."""
        for item in left:
            row = advance(item.start(), None, lambda ask: self.known(ask) or missing(ask, "planned, not asked"))
            assert isinstance(row, Done)  # noqa: S101  it had a reply to every question
            yield item.index, row.row

    def _retried(self, _error: ProviderError, _seconds: float) -> None:
        self.ledger.retries += 1

    def spend(self) -> Spend:
        """What was spent so far."""
        return self.ledger.spend()

    def known(self, ask: Ask) -> Replay | None:
        """The answer that costs nothing, or why there will be none; None when a model must be asked.

        Raises:
            IntegrityError: the stored answer was cut or changed.
        """
        if self.halt.reason:
            return missing(ask, self.halt.reason)
        recorded = ask.question.recorded and not ask.fresh
        if recorded or ask.step.source.grade == "view-only":
            return replay(ask, _NOTHING)
        if ask.key in self.asked:
            return self.asked[ask.key] or self._stored(ask, Evidence.LIVE)
        if not (self.settings.refresh and ask.live) and (found := self._stored(ask, Evidence.CACHED)) is not None:
            self.ledger.cached.add(ask.key)
            return found
        if ask.live and self.source is not None:
            return None
        return missing(ask, self._unknown(ask))

    def _unknown(self, ask: Ask) -> str:
        why = self.settings.reason if self.source is None else "no answer to it is known"
        if self.store is None or self._explained >= EXPLAINED:
            return why
        self._explained += 1
        return f"{why}: {self.store.why_missed(ask.question.request)}"

    def _stored(self, ask: Ask, evidence: Evidence) -> Replay | None:
        found = None if self.store is None else self.store.get(*ask.key)
        return None if found is None else Replay(evidence, found[0], _note(ask, found[0]), found[1])

    def keep(self, ask: Ask, response: Response) -> Replay:
        """Store an answer, and give what the store holds: what counts is what the next run will find.

        Raises:
            WriteError: it could not be stored, so it does not count.
        """
        if self.store is None:
            return Replay(Evidence.LIVE, response, _note(ask, response))
        self.store.put(*ask.key, response, ask.question.request)
        found = self._stored(ask, Evidence.LIVE)
        return missing(ask, "the answer could not be stored") if found is None else found


def _note(ask: Ask, response: Response) -> str:
    """What the row says beside the answer: why it was asked anew, and what the question lacked."""
    return "; ".join(part for part in (ask.question.note, unsent_note(response)) if part)


def missing(ask: Ask, why: str) -> Replay:
    """No answer, and why."""
    note = "; ".join(part for part in (ask.question.note, why) if part)
    return Replay(Evidence.MISSING, None, note)


def _price(models: Opened, name: str) -> Price | None:
    """What a model costs, once it is sure that it can be asked."""
    models.model_for(name)
    return models.price_for(name)


class _NoStore:
    def get(self, request: str, trial: int) -> None:
        """None."""


_NOTHING = _NoStore()
