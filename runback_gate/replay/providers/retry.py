"""Asking again: our own retries around a model.

In: a `Model`, the outside world, a deadline, the throttle of its provider. Out: the same `Model`, which asks again
where that may help, and else raises the last `ProviderError`.

    throttle = Throttle("openai")                           # one a provider: when it throttles, all wait
    model = Retry(direct, outside, throttle, deadline=outside.clock() + 900)
    await model.answer(request)

A provider that is busy (429) is asked until patience or the deadline ends; after 5xx, a broken connection or a time-out
a few times; after anything else not again, since the answer would be the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from runback_gate.errors import ProviderError
from runback_gate.frozen import dataclass
from runback_gate.step import Request, Response

if TYPE_CHECKING:
    from runback_gate.replay.providers.model import Model, Runtime


@dataclass(frozen=True, slots=True)
class Patience:
    """How long it is worth to go on."""

    attempts: int = 4
    """Calls in all after 5xx, broken connections and time-outs."""
    first: float = 0.5
    """Seconds before the second call; they double with each further one."""
    longest: float = 20.0
    """Seconds between two calls at the most, unless the provider asks for more."""
    throttled: float = 300.0
    """Seconds that one question may wait in all for a provider that throttles."""


PATIENCE = Patience()
"""What a run of the gate has."""

Notice = Callable[[ProviderError, float], None]
"""Called before each wait with the error and the seconds."""


class Throttle:
    """The pause of a provider, shared by all that ask it."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.until = 0.0
        """No call begins before this time."""
        self.since = -math.inf
        """When the pause was set: an answer to an earlier call says nothing new."""
        self.strikes = 0
        """Pauses since the last answer."""

    def strike(self, now: float, asked: float, seconds: float | None, patience: Patience) -> None:
        """Take note of a 429 to a call that began at `asked`: wait as told, else twice as long as before."""
        if seconds is not None:
            self.until = max(self.until, now + seconds)
        if asked <= self.since:
            return
        if seconds is None:
            pause = min(patience.longest, patience.first * 2**self.strikes)
            self.until = max(self.until, now + pause)
        self.since = now
        # Beyond this the pause is the longest anyway.
        self.strikes = min(self.strikes + 1, 16)


class Retry:
    """A model that is asked again."""

    def __init__(
        self,
        model: Model,
        outside: Runtime,
        throttle: Throttle,
        *,
        deadline: float,
        patience: Patience = PATIENCE,
        notice: Notice = lambda _error, _seconds: None,
    ) -> None:
        self._model = model
        self._outside = outside
        self._throttle = throttle
        self._deadline = deadline
        self._patience = patience
        self._notice = notice

    @property
    def notes(self) -> tuple[str, ...]:
        """What the provider was seen not to honour."""
        return self._model.notes

    async def close(self) -> None:
        """Close the connections."""
        await self._model.close()

    async def answer(self, request: Request) -> Response:
        """Ask until there is an answer, or no hope of one.

        Raises:
            ProviderError: the last one, once no further call is worth it or none would begin before the deadline.
        """
        clock, begun = self._outside.clock, self._outside.clock()
        last: ProviderError | None = None
        failed = 0
        while True:
            await self._wait_for_turn(begun, last)
            asked = clock()
            try:
                response = await self._model.answer(request)
            except ProviderError as error:
                if not error.retryable:
                    raise
                last = error
            else:
                self._throttle.strikes = 0
                return response
            if last.kind == "rate limit" or last.retry_after is not None:
                self._throttle.strike(clock(), asked, last.retry_after, self._patience)
            if last.kind != "rate limit":
                failed += 1
                if failed >= self._patience.attempts:
                    raise last
                await self._back_off(failed, last)

    async def _wait_for_turn(self, begun: float, last: ProviderError | None) -> None:
        """Wait while the provider is paused; the pause may grow meanwhile."""
        while (seconds := self._throttle.until - self._outside.clock()) > 0:
            error = last or ProviderError("rate limit", f"{self._throttle.provider} throttles")
            # Not all at once after the pause, or it begins again.
            seconds += self._outside.chance() * min(1.0, self._throttle.until - self._throttle.since)
            if self._outside.clock() + seconds - begun > self._patience.throttled:
                raise error
            await self._sleep(seconds, error)

    async def _back_off(self, failed: int, error: ProviderError) -> None:
        seconds = min(self._patience.longest, self._patience.first * 2 ** (failed - 1))
        # Between half and the whole, so that those that failed together do not come back together.
        await self._sleep(seconds * (0.5 + self._outside.chance() / 2), error)

    async def _sleep(self, seconds: float, error: ProviderError) -> None:
        if self._outside.clock() + seconds >= self._deadline:
            raise error
        self._notice(error, seconds)
        await self._outside.sleep(seconds)
