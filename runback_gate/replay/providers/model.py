"""What a provider is, and what it is to ask a model.

In: nothing. Out: the values `Provider` and `Runtime`, and the protocol `Model` that every provider keeps.

    class Echo:                                             # a Model
        notes = ()
        async def answer(self, request): return Response(request.messages[-1].content)
        async def close(self): ...
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Literal, Protocol

from runback_gate.frozen import dataclass
from runback_gate.replay.prices import Price
from runback_gate.step import Request, Response

ProviderApi = Literal["openai", "openai-responses", "anthropic", "google", "bedrock", "litellm"]
"""How a provider is asked: by its own API, or through litellm."""

DEFAULT_TIMEOUT = 120.0


class Model(Protocol):
    """Something that answers requests."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the provider was seen not to honour so far, such as a seed; a sentence each, in order of appearance."""

    async def answer(self, request: Request) -> Response:
        """The model's answer, with latency, usage, and cost where the price is known.

        Raises:
            ProviderError: there is none; `kind` says why.
            UnaskableError: it cannot be asked at all.
        """

    async def close(self) -> None:
        """Close connections; a later question opens new ones."""


class ModelPool(Protocol):
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
class Provider:
    """An endpoint of the gate config."""

    base_url: str | None
    """Root of the API, such as `https://api.openai.com/v1`; None leaves it to litellm."""
    models: tuple[str, ...]
    """Models that may be asked; * stands for any characters, ? for one."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None for a server that needs none."""
    api: ProviderApi = "openai"
    """`openai`: any endpoint that is compatible with OpenAI's chat completions. `litellm`: all that have no other."""
    timeout: float = DEFAULT_TIMEOUT
    """Seconds that one call may take, to the last byte of the answer."""
    max_in_flight: int | None = None
    """Calls at a time; None leaves it to the caller."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By model pattern."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The outside world: clock, sleep, chance."""

    clock: Callable[[], float]
    """Seconds on a clock that never goes back."""
    sleep: Callable[[float], Awaitable[None]]
    """Waits that many seconds."""
    chance: Callable[[], float]
    """A number in [0, 1)."""


def real_world() -> Runtime:
    """The machine's clock, the event loop's sleep, the system's chance."""
    import random  # noqa: PLC0415, TID251  here is the edge from which it is handed down

    return Runtime(clock=time.monotonic, sleep=_sleep, chance=random.SystemRandom().random)


async def _sleep(seconds: float) -> None:
    # A run that asks no model does without.
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(seconds)
