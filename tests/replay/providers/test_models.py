"""From a name to a model: only what the gate config lists, only with the key that it names."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from runback_gate.errors import ProviderError, UnaskableError
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Models, Provider, open_models, real_world
from runback_gate.replay.providers.models import proxy_for
from runback_gate.replay.providers.retry import Patience
from runback_gate.step import Message, Request
from runback_gate.testing.server import Act, ModelServer, completion

OPENAI = Provider("http://127.0.0.1:1/v1", ("gpt-4o*",), "OPENAI_API_KEY", prices={"gpt-4o": Price("1", "2")})


def models(environ: Mapping[str, str] | None = None, **providers: Provider) -> Models:
    """The models of these providers."""
    return open_models(providers or {"openai": OPENAI}, environ or {}, outside=real_world())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpt-4o", "'gpt-4o' does not say which provider to ask (state spec.model of the agent as provider/model)"),
        ("openai/", "'openai/' does not say which provider to ask"),
        ("opneai/gpt-4o", "no provider is named 'opneai' (spec.providers of runback.yaml: did you mean 'openai'?)"),
        ("openai/o1", "'openai/o1' may not be asked (spec.providers.openai.models of runback.yaml lists the"),
        ("openai/gpt-4o/../x", "is not the name of a model"),
        ("openai/gpt-4o?x=1", "is not the name of a model"),
        ("openai/gpt-4o", "no key: OPENAI_API_KEY is not set"),
    ],
)
def test_what_may_not_be_asked(name: str, message: str) -> None:
    """The reason is one line with a hint, and nothing was opened."""
    with pytest.raises(UnaskableError) as error:
        models().model_for(name)
    assert message in str(error.value)


def test_no_provider_at_all() -> None:
    """The hint says where to add one."""
    with pytest.raises(UnaskableError) as error:
        open_models({}, {}, outside=real_world()).model_for("openai/gpt-4o")
    assert str(error.value) == "no provider is named 'openai' (add it to spec.providers of runback.yaml)"


@pytest.mark.parametrize("key", ["", "  ", "sk-\nx", "sk-ü"])
def test_keys_that_are_none(key: str) -> None:
    """Empty, or nothing that a header can carry; the key is not shown."""
    with pytest.raises(UnaskableError) as error:
        models({"OPENAI_API_KEY": key}).model_for("openai/gpt-4o")
    assert "sk-" not in str(error.value)


def test_prices() -> None:
    """Of listed models, where the config says them."""
    assert models().price_for("openai/gpt-4o") == Price("1", "2")
    assert models().price_for("openai/gpt-4o-mini") is None
    with pytest.raises(UnaskableError):
        models().price_for("openai/o1")


def test_litellm_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the hint says how to get it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "runback_gate.replay.providers.models.find_spec", lambda name: None if name == "litellm" else found(name)
    )
    with pytest.raises(UnaskableError) as error:
        models(anthropic=Provider(None, ("*",), api="litellm")).model_for("anthropic/claude")
    assert str(error.value) == (
        "provider 'anthropic' needs litellm, which is not installed (pip install \"runback-gate[providers]\")"
    )


def ask(provider: Mapping[str, Any], count: int, server: ModelServer, **environ: str) -> list[Any]:
    """Ask two models of a provider in turn, all at once; the answers or errors, then the notes."""

    async def run() -> list[Any]:
        opened = open_models(
            {"local": Provider(server.url, ("*",), **provider)},
            environ,
            outside=real_world(),
            patience=Patience(first=0.01, longest=0.02),
        )
        assert opened.model_for("local/a") is opened.model_for("local/a")
        request = Request("local/a", messages=(Message("user", "hi"),), parameters={"seed": 1})
        questions = (opened.model_for(f"local/{'ab'[number % 2]}").answer(request) for number in range(count))
        found = await asyncio.gather(*questions, return_exceptions=True)
        await opened.close()
        return [*found, opened.notes]

    return asyncio.run(run())


def test_models_of_a_provider_share_it() -> None:
    """Key, throttle and places; each call names its own model."""

    def behave(_body: dict[str, Any], number: int) -> Act:
        return Act({"error": {"message": "slow"}}, 429) if number == 0 else Act(completion("x"), delay=0.01)

    with ModelServer(behave) as server:
        *found, _notes = ask({"max_in_flight": 3, "api_key_env": "K"}, 12, server, K=" secret\n")
    assert [item.text for item in found] == ["x"] * 12
    assert {item.body["model"] for item in server.asked} == {"a", "b"}
    assert {item.headers["authorization"] for item in server.asked} == {"Bearer secret"}


def test_a_storm_then_recovery() -> None:
    """A server that throttles everybody for a while: everybody is answered in the end, and it is left in peace."""
    ends = time.monotonic() + 0.5

    def behave(_body: dict[str, Any], _number: int) -> Act:
        if time.monotonic() < ends:
            return Act({"error": {"message": "slow down"}}, 429, {"retry-after-ms": "100"})
        return Act(completion("x"))

    with ModelServer(behave) as server:
        *found, _notes = ask({}, 32, server)
    assert [item.text for item in found] == ["x"] * 32
    assert len(server.answered) == 32
    # A pause of a tenth of a second and its jitter: some ten rounds at the most.
    assert len(server.asked) <= 32 * 12


def test_a_storm_for_ever() -> None:
    """It ends with the deadline, and says what it was, save of a question that the deadline cuts off."""
    outside = real_world()

    async def run(server: ModelServer) -> list[Any]:
        opened = open_models(
            {"local": Provider(server.url, ("*",))}, {}, outside=outside, deadline=outside.clock() + 0.5
        )
        request = Request("local/a", messages=(Message("user", "hi"),))
        questions = (opened.model_for("local/a").answer(request) for _ in range(8))
        found = await asyncio.gather(*questions, return_exceptions=True)
        await opened.close()
        return found

    act = Act({"error": {"message": "slow down"}}, 429, {"retry-after-ms": "50"})
    with ModelServer(lambda _body, _number: act) as server:
        found = asyncio.run(run(server))
    assert {error.kind for error in found} - {"time-out"} == {"rate limit"}


def test_litellm_is_imported_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to find the model, but to ask it; a broken installation has a hint."""
    monkeypatch.setattr("runback_gate.replay.providers.models.find_spec", lambda _name: True)
    monkeypatch.setitem(sys.modules, "litellm", None)
    model = models(anthropic=Provider(None, ("*",), api="litellm")).model_for("anthropic/claude")
    with pytest.raises(UnaskableError, match="needs litellm"):
        asyncio.run(model.answer(Request("anthropic/claude", messages=(Message("user", "hi"),))))
    asyncio.run(model.close())


def test_a_limited_model_is_closed() -> None:
    """Through to its endpoint."""
    model = models(local=Provider("http://127.0.0.1:1/v1", ("*",), max_in_flight=1)).model_for("local/m")
    asyncio.run(model.close())


def test_notes_are_gathered() -> None:
    """Of all models, each once."""
    with ModelServer(lambda _body, _number: Act(completion("x", fingerprint=None))) as server:
        *_found, notes = ask({"max_in_flight": 2}, 6, server)
    assert len(notes) == 2
    assert all("seed" in note for note in notes)


def test_what_is_left_is_an_error_with_its_kind() -> None:
    """After the last attempt."""
    with ModelServer(lambda _body, _number: Act(b"", 500)) as server:
        error, _notes = ask({}, 1, server)
    assert isinstance(error, ProviderError)
    assert error.kind == "server"
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.com/v1", {}, None),
        ("https://a.com/v1", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.com/v1", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ("https://a.com/v1", {"https_proxy": "http://q:1", "HTTPS_PROXY": "http://p:1"}, "http://q:1"),
        ("https://a.com/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://a.com:80/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "b.com, .com"}, None),
        ("http://xa.com:80/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "a.com"}, "http://p:1"),
        ("http://A.com", {"HTTP_PROXY": "http://p:1", "no_proxy": "a.com"}, None),
        ("http://a.com", {"HTTP_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ("http://[::1]:80/v1", {"HTTP_PROXY": "http://p:1", "no_proxy": "::1,"}, None),
    ],
)
def test_proxies(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """As other programs read the environment."""
    assert proxy_for(url, environ) == proxy
