"""From the name of a model to the model, by the providers of the gate config.

In: providers by name, the environment, the outside world, a deadline. Out: `Models`.

    models = open_models({"openai": provider}, os.environ, outside=real_world(), deadline=math.inf)
    models.model_for("openai/gpt-4o-mini")                  # asks providers["openai"] for gpt-4o-mini
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from runback_gate.documents import quoted, suggestion
from runback_gate.errors import UnaskableError
from runback_gate.name_pattern import matches_name
from runback_gate.replay.prices import Price, price_of
from runback_gate.replay.providers.model import Model, Provider, Runtime
from runback_gate.replay.providers.retry import PATIENCE, Notice, Patience, Retry, Throttle

if TYPE_CHECKING:
    import asyncio

GATE_FILE = "runback.yaml"

_NAME = re.compile(r"[A-Za-z0-9][\w.:@+-]*(?:/[\w.:@+-]+)*", re.ASCII)


class _Connection(Protocol):
    def model(self, name: str) -> Model: ...

    async def close(self) -> None: ...


class Models:
    """The models that may be asked, and the connections to them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        environ: Mapping[str, str],
        outside: Runtime,
        *,
        deadline: float,
        patience: Patience,
        notice: Notice,
    ) -> None:
        self._providers = providers
        self._environ = environ
        self._outside = outside
        self._deadline = deadline
        self._patience = patience
        self._notice = notice
        self._connections: dict[str, _Connection] = {}
        self._throttles: dict[str, Throttle] = {}
        self._places: dict[str, asyncio.Semaphore] = {}
        self._models: dict[str, Model] = {}
        self._prices: dict[str, Price | None] = {}

    def model_for(self, name: str) -> Model:
        """The model of a name such as `openai/gpt-4o-mini`; the same object for the same name.

        Raises:
            UnaskableError: the gate config does not list it, its key is not set, or litellm is not installed.
        """
        if name not in self._models:
            provider, model = self._listed(name)
            if provider not in self._connections:
                self._connections[provider] = self._open(provider)
                self._throttles[provider] = Throttle(provider)
            self._models[name] = Retry(
                self._limited(provider, self._connections[provider].model(model)),
                self._outside,
                self._throttles[provider],
                deadline=self._deadline,
                patience=self._patience,
                notice=self._notice,
            )
        return self._models[name]

    def price_for(self, name: str) -> Price | None:
        """What the gate config says that a model costs; None when it does not say.

        Raises:
            UnaskableError: the gate config does not list the model.
        """
        if name not in self._prices:
            provider, model = self._listed(name)
            self._prices[name] = price_of(model, self._providers[provider].prices)
        return self._prices[name]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the models were seen not to honour so far, such as a seed."""
        return tuple(dict.fromkeys(note for model in self._models.values() for note in model.notes))

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            await connection.close()

    def _listed(self, name: str) -> tuple[str, str]:
        provider, slash, model = name.partition("/")
        if not slash or not model:
            hint = "state spec.model of the agent as provider/model"
            raise UnaskableError(f"{quoted(name)} does not say which provider to ask", hint=hint)
        if provider not in self._providers:
            close = suggestion(provider, self._providers)
            hint = f"spec.providers of {GATE_FILE}: {close}" if close else f"add it to spec.providers of {GATE_FILE}"
            raise UnaskableError(f"no provider is named {quoted(provider)}", hint=hint)
        if not _NAME.fullmatch(model) or ".." in model:
            raise UnaskableError(f"{quoted(name)} is not the name of a model")
        if not any(matches_name(pattern, model) for pattern in self._providers[provider].models):
            hint = f"spec.providers.{provider}.models of {GATE_FILE} lists the models that may be asked"
            raise UnaskableError(f"{quoted(name)} may not be asked", hint=hint)
        return provider, model

    def _open(self, name: str) -> _Connection:
        """Imported here: a run that asks nothing must not pay for a client."""
        provider = self._providers[name]
        key = self._key(provider)
        if provider.api == "litellm":
            if find_spec("litellm") is None:
                hint = 'pip install "runback-gate[providers]"'
                raise UnaskableError(f"provider {quoted(name)} needs litellm, which is not installed", hint=hint)
            from runback_gate.replay.providers import litellm  # noqa: PLC0415  an extra, half a second

            return litellm.Connection(name, provider, key, self._outside, deadline=self._deadline)
        from runback_gate.replay.providers import direct  # noqa: PLC0415  libcurl: only a run that asks pays for it

        base_url = provider.base_url or ""
        signer = None
        if provider.api == "bedrock" and key is None:
            from runback_gate.replay.providers.signature import signer_for  # noqa: PLC0415  an extra

            signer = signer_for(name, base_url, self._environ)
        proxy, end = proxy_for(base_url, self._environ), self._deadline
        return direct.Connection(name, provider, key, self._outside, deadline=end, proxy=proxy, signer=signer)

    def _limited(self, name: str, model: Model) -> Model:
        places = self._providers[name].max_in_flight
        if places is None:
            return model
        import asyncio  # noqa: PLC0415  the clients need it anyway, a run that asks nothing does not

        from runback_gate.replay.providers.limits import Limited  # noqa: PLC0415

        return Limited(model, self._places.setdefault(name, asyncio.Semaphore(places)))

    def _key(self, provider: Provider) -> str | None:
        if provider.api_key_env is None:
            return None
        key = self._environ.get(provider.api_key_env, "").strip()
        if not key:
            raise UnaskableError(f"no key: {provider.api_key_env} is not set", hint="set it, or run where it is set")
        if not key.isprintable() or not key.isascii():
            raise UnaskableError(f"no key: {provider.api_key_env} holds what no header can carry")
        return key


def open_models(
    providers: Mapping[str, Provider],
    environ: Mapping[str, str],
    *,
    outside: Runtime,
    deadline: float = math.inf,
    patience: Patience = PATIENCE,
    notice: Notice = lambda _error, _seconds: None,
) -> Models:
    """Get ready to ask; nothing is opened or imported before the first model is needed.

    Args:
        providers: by the name that comes before the slash in `provider/model`.
        environ: where the keys are, under the names that the providers give.
        outside: clock, sleep and chance.
        deadline: a time of that clock after which no call begins and none goes on.
        patience: how often and how long to ask again.
        notice: called before each wait.
    """
    return Models(providers, environ, outside, deadline=deadline, patience=patience, notice=notice)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) for an address; None for none."""
    scheme, _, rest = url.partition("://")
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    proxy = next((environ[name] for name in names if environ.get(name)), None)
    if proxy is None:
        return None
    host = rest.partition("/")[0].rpartition("@")[2]
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    for entry in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(","):
        name = entry.strip().lstrip(".").lower()
        if name == "*" or (name and f".{bare.lower()}".endswith(f".{name}")):
            return None
    return proxy if "://" in proxy else f"http://{proxy}"
