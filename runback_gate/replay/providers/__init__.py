"""Models that can be asked now: one protocol, and the only place from which the network is reached for an answer.

In: the providers of the gate config, the environment that holds their keys, and the outside world (clock, sleep,
chance). Out: a `Model` for each name that the config lists.

    endpoints = {name: provider.endpoint() for name, provider in gate.providers.items()}
    models = open_models(endpoints, os.environ, outside=real_world())
    model = models.model_for("openai/gpt-4o-mini")
    try:
        response = await model.answer(request)              # retried; ProviderError says why there is none
    finally:
        await models.close()

Endpoints and the names of keys come from the gate config alone: an agent file could otherwise send a key to its own
host. Nothing heavy is imported before the first model is asked.
"""

from __future__ import annotations

from runback_gate.errors import ErrorKind, ProviderError, UnaskableError
from runback_gate.replay.prices import Price
from runback_gate.replay.providers.model import Model, Provider, ProviderApi, Runtime, real_world
from runback_gate.replay.providers.models import Models, open_models

__all__ = [
    "ErrorKind",
    "Model",
    "Models",
    "Price",
    "Provider",
    "ProviderApi",
    "ProviderError",
    "Runtime",
    "UnaskableError",
    "open_models",
    "real_world",
]
