"""Every other provider, through litellm: the extra `providers`.

In: a `Provider`, its key, the time. Out: one `Model` a name, as of `direct`.

    connection = Connection("anthropic", provider, key, outside, deadline=math.inf)
    response = await connection.model("claude-sonnet-4-5").answer(request)

litellm is imported at the first question: it costs seconds and 200 MB. It never retries, it reads no price list from
the network, and it gets no argument but those that are listed here: an agent file could otherwise name a host for the
key, or an answer instead of the model's. A request for a stream is asked plainly, since the answer is the same.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import warnings
from decimal import Decimal
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.errors import ErrorKind, ProviderError, RunbackError, UnaskableError
from runback_gate.replay.prices import amount, cost, price_of
from runback_gate.replay.providers.failure import kind_of, no_answer, retry_after
from runback_gate.replay.providers.key_guard import KeyGuard
from runback_gate.replay.providers.model import Provider, Runtime
from runback_gate.replay.providers.question import note_unsent, sendable
from runback_gate.step import Request, Response
from runback_gate.wire import openai_chat

SETTINGS = {
    # Each of these would otherwise be fetched from the network at the import, prices among them.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_TELEMETRY": "False",
}

PARAMETERS = frozenset(
    "frequency_penalty logit_bias logprobs max_completion_tokens max_tokens n parallel_tool_calls presence_penalty "
    "reasoning_effort response_format seed stop temperature thinking tool_choice top_k top_logprobs top_p user".split()
)
"""Parameters that are passed on."""

SAMPLING = frozenset("frequency_penalty presence_penalty seed temperature top_k top_p user".split())
"""Parameters that a provider may not know: they are left out and noted. Others change what is asked."""

_TRANSPORT = ("stream", "stream_options")
_GRACE = 2.0
_MAX_SAID = 300


class Connection:
    """One provider."""

    def __init__(self, name: str, provider: Provider, key: str | None, outside: Runtime, *, deadline: float) -> None:
        self.name = name
        self.provider = provider
        self._guard = KeyGuard(key)
        # Without one litellm looks for keys of its own in the environment, which is right for its own addresses alone.
        self._sent_key = key or ("none" if provider.base_url else None)
        self._outside = outside
        self._deadline = deadline
        self._litellm: Any = None

    def model(self, name: str) -> LitellmModel:
        """A model of this provider, by the name that the provider knows."""
        return LitellmModel(self, name)

    async def close(self) -> None:
        """Close the connections, which litellm keeps for all providers together."""
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()

    def supported(self, model: str) -> frozenset[str] | None:
        """The parameters that litellm knows a model to take; None when it does not know."""
        litellm = self._import()
        try:
            names = litellm.get_supported_openai_params(model=model, custom_llm_provider=self.name)
        except Exception:  # noqa: BLE001  a provider that it does not know: the call itself says so better
            return None
        return None if names is None else frozenset(names)

    async def complete(self, model: str, body: dict[str, Any]) -> tuple[Response, str | None]:
        """Send one request, once; the answer, and its cost as litellm knows it.

        Raises:
            ProviderError: no answer came, or none that can be read.
        """
        litellm = self._import()
        begun = self._outside.clock()
        left = min(self.provider.timeout, self._deadline - begun)
        if left <= 0:
            raise ProviderError("time-out", f"{self.name}: no time is left to ask")
        call = litellm.acompletion(
            **{**body, "model": model},
            custom_llm_provider=self.name,
            api_base=self.provider.base_url,
            api_key=self._sent_key,
            timeout=left,
            max_retries=0,
            num_retries=0,
        )
        try:
            # Its own time-out counts from the last byte for some providers.
            completion = await asyncio.wait_for(call, left + min(_GRACE, left))
        except TimeoutError as error:
            raise ProviderError("time-out", f"{self.name}: no answer within {left:.3g} s") from error
        except Exception as error:  # litellm lets through what its many clients raise
            raise self._failure(error, left) from error
        latency = max(0, round((self._outside.clock() - begun) * 1000))
        try:
            value = _plain(completion)
            if self._guard.holds(value):
                raise ProviderError("garbage", f"{self.name}: the answer holds the key")
            return dataclasses.replace(openai_chat.read_answer(value), latency_ms=latency), _cost(completion)
        except ProviderError:
            raise
        except RunbackError as error:
            raise no_answer(self.name, error, guard=self._guard) from error

    def _import(self) -> Any:
        if self._litellm is None:
            for name, value in SETTINGS.items():
                os.environ.setdefault(name, value)
            with warnings.catch_warnings():
                # What its own dependencies deprecate is no business of whoever runs a gate.
                warnings.simplefilter("ignore")
                try:
                    import litellm  # noqa: PLC0415  seconds and 200 MB, paid by the first question alone
                except ImportError as error:
                    hint = 'pip install "runback-gate[providers]"'
                    raise UnaskableError(f"provider {self.name!r} needs litellm: {error}", hint=hint) from error
            # Parts of it are loaded by the first call.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\.")
            litellm.suppress_debug_info = True
            litellm.telemetry = False
            self._litellm = litellm
        return self._litellm

    def _failure(self, error: Exception, left: float) -> ProviderError:
        said = " ".join(str(error).split())
        # The code of the provider stands in the body alone.
        lowered = f"{said} {getattr(error, 'body', None)}".lower()
        status = getattr(error, "status_code", None)
        status = status if isinstance(status, int) else None
        name = type(error).__name__
        kind: ErrorKind
        # litellm shows a broken connection and a page of HTML as status 500, so its words must tell.
        if name == "Timeout" or status == 408:
            return ProviderError("time-out", f"{self.name}: no answer within {left:.3g} s")
        if "connection error" in lowered:
            return ProviderError("connection", f"{self.name}: no connection")
        if name == "ContextWindowExceededError":
            kind = "context too long"
        elif "empty or invalid response" in lowered or status is None or _is_no_json(error):
            kind = "garbage"
        else:
            kind = kind_of(status, lowered)
        quote = "" if kind == "authentication" else f": {self._guard.hide(said)}"
        headers = getattr(error, "litellm_response_headers", None) or {}
        return ProviderError(
            kind,
            f"{self.name}: {f'HTTP {status}' if status else name}{quote[: _MAX_SAID + 2]}",
            retry_after=retry_after(headers) if kind in ("rate limit", "server") else None,
            hint="check the key that apiKeyEnv names in runback.yaml" if kind == "authentication" else None,
        )


class LitellmModel:
    """One model of a provider."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._price = price_of(name, connection.provider.prices)
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What this model was seen not to honour."""
        return tuple(self._notes)

    async def answer(self, request: Request) -> Response:
        """Ask once; see `Model`."""
        asked, unsent = sendable(request, "openai.chat")
        body = self._heeded(openai_chat.write_request(asked, self._name))
        response, known = await self._connection.complete(self._name, body)
        own = cost(self._price, response.usage)
        return note_unsent(dataclasses.replace(response, cost_usd=known if own is None else own), unsent)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _heeded(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body without what only steers the transport, and without sampling parameters that the model lacks."""
        sent = {name: value for name, value in body.items() if name not in _TRANSPORT}
        names = sent.keys() - {"model", "messages", "tools"}
        if foreign := sorted(names - PARAMETERS):
            raise ProviderError("refused", f"parameters.{foreign[0]} is not passed on to litellm")
        supported = self._connection.supported(self._name)
        for name in sorted(names & SAMPLING) if supported is not None else ():
            if name not in supported:  # type: ignore[operator]
                del sent[name]
                self._notes[f"{self._connection.name}/{self._name} does not honour {name}: it was left out"] = None
        return sent


def _is_no_json(error: BaseException) -> bool:
    """Whether it began with text that is no JSON."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, json.JSONDecodeError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _plain(completion: Any) -> Any:
    """The completion as JSON, read as strictly as any other; litellm puts a refusal beside the fields that it knows."""
    value: Any = parse_json(completion.model_dump_json(warnings=False), path="answer")
    for choice in value.get("choices") or [] if isinstance(value, dict) else []:
        message: Any = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            beside = message.get("provider_specific_fields")
            message.setdefault("refusal", beside.get("refusal") if isinstance(beside, dict) else None)
    return value


def _cost(completion: Any) -> str | None:
    """US dollars by litellm's price list; None where it has no price, which it shows as none or as nothing at all."""
    value = (getattr(completion, "_hidden_params", None) or {}).get("response_cost")
    # A sum of doubles: twelve digits of it mean something.
    return amount(Decimal(f"{value:.12g}")) if isinstance(value, float) and value > 0 else None
