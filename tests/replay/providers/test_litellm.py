"""litellm's own client against a server of ours. It runs where the extra `providers` is installed, in CI always."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import math
import os
from collections.abc import Iterator
from typing import Any

import pytest

from runback_gate.errors import ProviderError
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Provider, direct, real_world
from runback_gate.replay.providers import litellm as extra
from runback_gate.step import Message, Request, Response, Tool, ToolCall
from runback_gate.testing.server import Act, Fault, ModelServer, completion

KEY = "sk-very-secret"
CALL = ToolCall("call_1", "issue_refund", '{"amount": 2.50}')
TOOLS = (Tool("issue_refund", "Pays.", {"type": "object", "properties": {"amount": {"type": "number"}}}),)
REQUEST = Request(
    "openai/m",
    "Be kind.",
    (Message("user", "hi"), Message("assistant", "", (CALL,)), Message("tool", "done", tool_call_id="call_1")),
    TOOLS,
    {"temperature": 0, "seed": 7},
)

if importlib.util.find_spec("litellm") is None and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("needs requirements/providers.lock", allow_module_level=True)

# What litellm and its clients leave open or deprecate is theirs.
pytestmark = [pytest.mark.contract, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What the import sets in the environment is taken back."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def ask(
    url: str,
    request: Request = REQUEST,
    key: str | None = KEY,
    *,
    name: str = "openai",
    model: str = "m",
    deadline: float = math.inf,
    **provider: Any,
) -> tuple[Response, tuple[str, ...]]:
    """One question, and what was noted about it."""
    settings = {"timeout": 5.0, "api": "litellm", **provider}

    async def run() -> tuple[Response, tuple[str, ...]]:
        endpoint = extra.Connection(name, Provider(url, ("*",), **settings), key, real_world(), deadline=deadline)
        asked = endpoint.model(model)
        try:
            return await asked.answer(request), asked.notes
        finally:
            await asked.close()

    return asyncio.run(run())


def ask_directly(url: str, request: Request) -> Response:
    """The same question over the direct path."""

    async def run() -> Response:
        endpoint = direct.Connection("openai", Provider(url, ("*",)), KEY, real_world(), deadline=math.inf)
        try:
            return await endpoint.model("m").answer(request)
        finally:
            await endpoint.close()

    return asyncio.run(run())


def fails(act: Act, **options: Any) -> ProviderError:
    """The error for a server that does this; it was asked once."""
    with ModelServer(lambda _body, _number: act) as server:
        with pytest.raises(ProviderError) as error:
            ask(server.url, **options)
        assert len(server.asked) <= 1
    assert KEY not in str(error.value)
    assert "\n" not in str(error.value)
    return error.value


@pytest.mark.parametrize(
    "answer",
    [
        completion("Hellø."),
        completion('{"action": "refund"}'),
        completion(None, [CALL]),
        completion("", [CALL, dataclasses.replace(CALL, id="call_2", arguments="{}")]),
        completion(None, refusal="I must not."),
        completion("", finish_reason="length"),
        completion("x", usage=(3, 4), fingerprint=None),
    ],
)
def test_both_paths_answer_alike(answer: dict[str, Any]) -> None:
    """Text, JSON, tool calls with their bytes, refusals: the same answer to the same body."""
    with ModelServer(lambda _body, _number: Act(answer)) as server:
        through, _ = ask(server.url)
        straight = ask_directly(server.url, REQUEST)
    assert dataclasses.replace(through, latency_ms=None) == dataclasses.replace(straight, latency_ms=None)
    assert through.latency_ms is not None
    for asked in server.asked:
        for message in asked.body["messages"]:
            # To say nothing, or to say that there is nothing.
            assert message.pop("content", None) is not None or message["tool_calls"]
    assert server.asked[0].body == server.asked[1].body
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_stream_is_asked_plainly() -> None:
    """The answer is the same, and its usage is known."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        parameters = {"stream": True, "stream_options": {"include_usage": False}}
        found, _ = ask(server.url, dataclasses.replace(REQUEST, parameters=parameters))
    assert found.usage.output_tokens == 7
    assert "stream" not in server.asked[0].body


@pytest.mark.parametrize(
    ("act", "kind", "retry_after"),
    [
        (Act({"error": {"message": "slow"}}, 429, {"Retry-After": "7"}), "rate limit", 7.0),
        (Act({"error": {"message": "pay", "code": "insufficient_quota"}}, 429), "refused", None),
        (Act({"error": {"message": f"bad key {KEY}"}}, 401), "authentication", None),
        (Act({"error": {"message": "no"}}, 403), "authentication", None),
        (Act({"error": {"message": f"words {KEY}"}}, 400), "refused", None),
        (Act({"error": {"message": "no such model"}}, 404), "refused", None),
        (Act({"error": {"message": "odd"}}, 422), "refused", None),
        (Act({"error": {"message": "maximum context length is 5"}}, 400), "context too long", None),
        (Act({"error": {"message": "broken"}}, 500), "server", None),
        (Act({"error": {"message": "busy"}}, 503), "server", None),
        (Act(b"<html>hello</html>"), "garbage", None),
        (Act(b"<html>hello</html>", headers={"Content-Type": "text/html"}), "garbage", None),
    ],
)
def test_failures(act: Act, kind: str, retry_after: float | None) -> None:
    """litellm's exceptions become ours, of the same kind as on the direct path."""
    error = fails(act)
    assert (error.kind, error.retry_after) == (kind, retry_after), str(error)


@pytest.mark.parametrize(("fault", "kind"), [("hang", "time-out"), ("reset", "connection"), ("half", "connection")])
def test_faults(fault: Fault, kind: str) -> None:
    """A server that hangs, and one that breaks off."""
    assert fails(Act(completion("Hello."), fault=fault), timeout=0.7).kind == kind


def test_nobody_listens() -> None:
    """litellm shows it as status 500; it is a connection."""
    with pytest.raises(ProviderError) as error:
        ask("http://127.0.0.1:1/v1")
    assert error.value.kind == "connection"


def test_the_deadline() -> None:
    """No call begins after it."""
    with pytest.raises(ProviderError) as error:
        ask("http://127.0.0.1:1/v1", deadline=real_world().clock())
    assert error.value.kind == "time-out"


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "extra_headers", "mock_response", "fallbacks", "n"]
)
def test_parameters_that_steer_litellm_are_refused(name: str) -> None:
    """An agent file could otherwise send the key elsewhere, or answer for the model."""
    request = dataclasses.replace(REQUEST, parameters={name: "http://127.0.0.1:1"})
    assert fails(Act(completion("x")), request=request).kind == "refused"


def test_a_seed_that_is_not_honoured_is_noted() -> None:
    """Anthropic takes no seed: the call goes out without it, and says so."""
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "text", "text": "Well."},
            {"type": "tool_use", "id": "call_1", "name": "issue_refund", "input": {"amount": 2.5}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 10},
    }
    with ModelServer(lambda _body, _number: Act(answer), path="/v1/messages") as server:
        found, notes = ask(server.url.removesuffix("/v1"), name="anthropic", model="claude-sonnet-4-5")
    assert notes == ("anthropic/claude-sonnet-4-5 does not honour seed: it was left out",)
    assert "seed" not in server.asked[0].body
    assert server.asked[0].headers["x-api-key"] == KEY
    assert found.text == "Well."
    assert [(call.name, call.arguments) for call in found.tool_calls] == [("issue_refund", '{"amount": 2.5}')]
    assert found.finish_reason == "tool_calls"
    assert found.cost_usd is not None


def test_what_would_change_the_question_is_not_left_out() -> None:
    """A parameter that the provider does not know, and that is no matter of sampling, is an error."""
    request = dataclasses.replace(REQUEST, parameters={"logit_bias": {"1": 2}})
    with pytest.raises(ProviderError) as error:
        ask("http://127.0.0.1:1", request, name="anthropic", model="claude-sonnet-4-5")
    assert error.value.kind == "refused"


def test_costs() -> None:
    """By the gate config, else by litellm's list, else unknown and never 0."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        assert ask(server.url)[0].cost_usd is None
        assert ask(server.url, model="gpt-4o")[0].cost_usd == "0.0001"
        prices = {"gpt*": Price("1", "1")}
        assert ask(server.url, model="gpt-4o", prices=prices)[0].cost_usd == "0.000019"


def test_a_provider_that_litellm_does_not_know() -> None:
    """Refused, with its words."""
    with pytest.raises(ProviderError) as error:
        ask("http://127.0.0.1:1/v1", name="nobody")
    assert error.value.kind in ("refused", "garbage")


def test_the_key_does_not_follow_a_redirect() -> None:
    """litellm follows it; the key stays behind."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as other:
        act = Act(b"", 307, {"Location": f"{other.url}/chat/completions"})
        with ModelServer(lambda _body, _number: act) as server:
            try:
                ask(server.url)
            except ProviderError as error:
                assert KEY not in str(error)
    assert all("authorization" not in asked.headers for asked in other.asked)


def test_no_key_of_the_environment_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which key a server gets stands in the gate config alone."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        ask(server.url, key=None)
    assert KEY not in server.asked[0].headers["authorization"]


def test_nothing_is_fetched_at_the_import() -> None:
    """Prices and settings come with the package: nobody can change them from outside between two runs."""
    assert set(extra.SETTINGS) >= {"LITELLM_LOCAL_MODEL_COST_MAP"}
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        ask(server.url)
        assert {name: os.environ.get(name) for name in extra.SETTINGS} == extra.SETTINGS
