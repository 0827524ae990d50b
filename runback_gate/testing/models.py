"""Models that answer what a function says, instead of providers.

In: a function from a request to an answer. Out: a `LiveDriver` whose questions that function answers.

    models = ScriptedModels(lambda request: Response("Hello."))
    for index, row in models.live()(works): ...
    assert len(models.asked) == 1
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import field

from runback_gate.frozen import dataclass
from runback_gate.replay.known import Settings, StopSignal, Store
from runback_gate.replay.live import LiveDriver, Source
from runback_gate.replay.prices import Price
from runback_gate.replay.providers.model import Runtime
from runback_gate.replay.providers.retry import Notice
from runback_gate.step import Request, Response


@dataclass
class ScriptedModels:
    """Models of every name, and what they were asked (`replay.providers.model.ModelPool`, and `Model`)."""

    says: Callable[[Request], Response]
    """May raise a ProviderError: then there is no answer."""
    price: Price | None = None
    asked: list[Request] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def live(
        self, store: Store | None = None, settings: Settings | None = None, stop: StopSignal | None = None
    ) -> LiveDriver:
        """A driver that asks them; its clock stands still."""
        return LiveDriver(
            store, Source(self._connect, Runtime(lambda: 0.0, asyncio.sleep, lambda: 0.0)), settings, stop
        )

    def _connect(self, _deadline: float, _notice: Notice) -> ScriptedModels:
        return self

    def model_for(self, _name: str) -> ScriptedModels:
        """Themselves."""
        return self

    def price_for(self, _name: str) -> Price | None:
        """The one price."""
        return self.price

    async def answer(self, request: Request) -> Response:
        """What the function says."""
        self.asked.append(request)
        return self.says(request)

    async def close(self) -> None:
        """Nothing is open."""
