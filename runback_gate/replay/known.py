"""What is known without asking a model: recorded answers, the store, what this run has asked.

In: a store, the settings of a run, the signal that ends it. Out: the answer to an `Query` that costs nothing, or why
there will be none; and the books of what was asked.

    known = Known(ResponseCache(folder), Settings(Limits(calls=500)), StopSignal(), may_ask=True)
    known.known(ask)                                        # None: a model must be asked
    known.keep(ask, response)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Protocol

from runback_gate.errors import ErrorKind
from runback_gate.frozen import dataclass
from runback_gate.replay.estimate import Estimate
from runback_gate.replay.evidence import Answer, Answers, Evidence, Query, replay
from runback_gate.replay.providers.question import unsent_note
from runback_gate.replay.spend import Ledger, Limits
from runback_gate.step import Request, Response

IN_FLIGHT = 16
EXPLAINED = 50
"""Misses that are explained: to look for the nearest request takes time, and many misses have one cause."""


class Store(Answers, Protocol):
    """Answers that can be added to, such as `cache.ResponseCache`."""

    def put(
        self, request: str, trial: int, response: Response, asked: Request | None = None, written: bytes = b""
    ) -> str:
        """Keep an answer and its request, whole or not at all; the digest of where it lies.

        `written` are the canonical bytes of the request, where they are known.
        """

    def why_missed(self, request: Request) -> str:
        """Why it has no answer to a request."""

    def close(self) -> None:
        """Take note that the run is over."""


class StopSignal:
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


class Known:
    """The store, the books and the signal of one run."""

    def __init__(self, store: Store | None, settings: Settings, stop_signal: StopSignal, *, may_ask: bool) -> None:
        self.store = store
        self.settings = settings
        self.stop_signal = stop_signal
        self.may_ask = may_ask
        """Whether there are models to ask."""
        self.ledger = Ledger(settings.limits)
        self.asked: dict[tuple[str, int], Answer | None] = {}
        """What was asked in this run; None stands for an answer that lies in the store."""
        self._explained = 0

    def known(self, ask: Query) -> Answer | None:
        """The answer that costs nothing, or why there will be none; None when a model must be asked.

        Raises:
            IntegrityError: the stored answer was cut or changed.
        """
        if self.stop_signal.reason:
            return missing(ask, self.stop_signal.reason)
        recorded = ask.question.recorded and not ask.fresh
        if recorded or ask.step.source.grade == "view-only":
            return replay(ask, _NOTHING)
        if ask.key in self.asked:
            return self.asked[ask.key] or self._stored(ask, Evidence.LIVE)
        if not (self.settings.refresh and ask.live) and (found := self._stored(ask, Evidence.CACHED)) is not None:
            self.ledger.cached.add(ask.key)
            return found
        if ask.live and self.may_ask:
            return None
        return missing(ask, self._unknown(ask))

    def _unknown(self, ask: Query) -> str:
        why = "no answer to it is known" if self.may_ask else self.settings.reason
        if self.store is None or self._explained >= EXPLAINED:
            return why
        self._explained += 1
        return f"{why}: {self.store.why_missed(ask.question.request)}"

    def _stored(self, ask: Query, evidence: Evidence) -> Answer | None:
        found = None if self.store is None else self.store.get(*ask.key)
        return None if found is None else Answer(evidence, found[0], _note(ask, found[0]), found[1])

    def keep(self, ask: Query, response: Response) -> Answer:
        """Store an answer; the next run will find the same.

        Raises:
            WriteError: it could not be stored, so it does not count.
        """
        if self.store is None:
            return Answer(Evidence.LIVE, response, _note(ask, response))
        question = ask.question
        stored = self.store.put(*ask.key, response, question.request, question.written)
        return Answer(Evidence.LIVE, response, _note(ask, response), stored)


def _note(ask: Query, response: Response) -> str:
    """What the row says beside the answer: why it was asked anew, and what the question lacked."""
    return "; ".join(part for part in (ask.question.note, unsent_note(response)) if part)


def missing(ask: Query, why: str, *, not_understood: str | None = None, error: ErrorKind | None = None) -> Answer:
    """No answer, and why; the rest as in `Answer`."""
    note = "; ".join(part for part in (ask.question.note, why) if part)
    return Answer(Evidence.MISSING, None, note, not_understood=not_understood, error=error)


class _NoStore:
    def get(self, request: str, trial: int) -> None:
        """None."""


_NOTHING = _NoStore()
