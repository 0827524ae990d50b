"""Limits the number of concurrent calls to a provider.

In: a model, and the places that all models of its provider share. Out: the same model, whose callers wait for a place.

    places = asyncio.Semaphore(8)
    Limited(model, places)
"""

from __future__ import annotations

import asyncio

from runback_gate.replay.providers.model import Model
from runback_gate.step import Request, Response


class Limited:
    """A model that is asked when a place is free. Waiting for one is no part of its latency or time-out."""

    def __init__(self, model: Model, places: asyncio.Semaphore) -> None:
        self._model = model
        self._places = places

    @property
    def notes(self) -> tuple[str, ...]:
        """What the model was seen not to honour."""
        return self._model.notes

    async def answer(self, request: Request) -> Response:
        """Ask once; see `Model`."""
        async with self._places:
            return await self._model.answer(request)

    async def close(self) -> None:
        """Close the connections."""
        await self._model.close()
