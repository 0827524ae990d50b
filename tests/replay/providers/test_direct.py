"""The direct path against a server that is compatible, and against one that is broken in every way we know."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import Any

import pytest

from runback_gate.errors import InputError, ProviderError
from runback_gate.replay.prices import Price
from runback_gate.replay.providers import Provider, real_world
from runback_gate.replay.providers.direct import Connection
from runback_gate.step import Message, Request, Response, Tool, ToolCall, Usage
from runback_gate.testing.server import Act, Fault, ModelServer, completion

KEY = "sk-very-secret"
REQUEST = Request("local/m", "Be kind.", (Message("user", "hi"),), (Tool("t"),), {"temperature": 0, "seed": 7})
CALL = ToolCall("call_1", "issue_refund", '{"amount": 2.50}')


def ask(
    server: ModelServer,
    request: Request = REQUEST,
    *,
    deadline: float = math.inf,
    key: str | None = KEY,
    **provider: Any,
) -> tuple[Response, tuple[str, ...]]:
    """One question, and what was noted about it."""
    settings = {"timeout": 5.0, **provider}

    async def run() -> tuple[Response, tuple[str, ...]]:
        endpoint = Connection("local", Provider(server.url, ("*",), **settings), key, real_world(), deadline=deadline)
        model = endpoint.model("m")
        try:
            return await model.answer(request), model.notes
        finally:
            await model.close()

    return asyncio.run(run())


def fails(act: Act, **options: Any) -> ProviderError:
    """The error for a server that does this."""
    with ModelServer(lambda _body, _number: act) as server, pytest.raises(ProviderError) as error:
        ask(server, **options)
    assert KEY not in str(error.value)
    assert "\n" not in str(error.value)
    return error.value


def says(answer: dict[str, Any], **options: Any) -> Response:
    """The response to an answer, which is the same streamed."""
    with ModelServer(lambda _body, _number: Act(answer)) as server:
        plain, _ = ask(server, **options)
        streamed, _ = ask(server, dataclasses.replace(REQUEST, parameters={"stream": True}), **options)
        assert [item.body.get("stream") for item in server.asked] == [None, True]
    assert dataclasses.replace(plain, latency_ms=0) == dataclasses.replace(streamed, latency_ms=0)
    assert plain.latency_ms is not None
    return dataclasses.replace(plain, latency_ms=None)


def test_what_goes_out() -> None:
    """Model, messages, tools and parameters in OpenAI's form; the key in its header and nowhere else."""
    with ModelServer(lambda _body, _number: Act(completion("Hello."))) as server:
        ask(server)
    assert server.asked[0].body == {
        "model": "m",
        "temperature": 0,
        "seed": 7,
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "t"}}],
    }
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "cookie" not in server.asked[0].headers


def test_no_key_no_header() -> None:
    """A local server needs none."""
    with ModelServer(lambda _body, _number: Act(completion("Hello."))) as server:
        ask(server, key=None)
    assert "authorization" not in server.asked[0].headers


def test_answers_come_whole() -> None:
    """Text, tool calls and refusals, with usage, finish reason and model, plain and streamed."""
    said = says(completion("Hellø."))
    assert (said.text, said.finish_reason, said.model, said.usage) == ("Hellø.", "stop", "test-model", Usage(12, 7))
    assert says(completion(None, [CALL, CALL])).tool_calls == (CALL, CALL)
    declined = says(completion(None, refusal="I must not."))
    assert (declined.text, declined.refusal, declined.finish_reason) == ("", "I must not.", "stop")
    assert says(completion('{"a": 1}', usage=None)).usage == Usage()
    assert says(completion("", finish_reason="content_filter")).finish_reason == "content_filter"


def test_prices_make_a_cost() -> None:
    """By the price of the gate config; without one it is unknown."""
    assert says(completion("x"), prices={"m": Price("2.50", "10")}).cost_usd == "0.0001"
    assert says(completion("x"), prices={"other": Price("2.50", "10")}).cost_usd is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "refused"),
        (401, "authentication"),
        (403, "authentication"),
        (404, "refused"),
        (408, "time-out"),
        (413, "context too long"),
        (422, "refused"),
        (429, "rate limit"),
        (500, "server"),
        (503, "server"),
        (529, "server"),
    ],
)
def test_statuses(status: int, kind: str) -> None:
    """Each status has its kind; the words of the provider are shown, but for a key that it does not like."""
    error = fails(Act({"error": {"message": f"no `{KEY}`\n::error::", "code": "bad"}}, status))
    assert error.kind == kind
    assert f"local: HTTP {status}" in str(error)
    assert ("no `[key]`" in str(error)) == (kind != "authentication")
    assert error.retryable == (kind in ("rate limit", "time-out", "server"))


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (Act({"error": {"code": "context_length_exceeded", "message": "too long"}}, 400), "context too long"),
        (Act({"error": {"code": "insufficient_quota", "message": "pay"}}, 429), "refused"),
        (Act({"error": {"code": 429, "message": "slow down"}}), "rate limit"),
        (Act({"error": {"code": "odd", "message": "?"}}), "server"),
        (Act({"error": "odd"}), "server"),
        (Act(b"<html>busy</html>", 502), "server"),
        (Act(b"<html>welcome</html>"), "garbage"),
        (Act(b'{"choices": [{"message": {"content": "a", "content": "b"}}]}'), "garbage"),
        (Act(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "garbage"),
        (Act({"choices": []}), "not understood"),
        (Act(b""), "garbage"),
        (Act(completion(f"it is {KEY}")), "garbage"),
        (Act(completion("x" * (9 << 20))), "garbage"),
        (Act(b"x" * (1 << 20), 400), "refused"),
        (Act(completion("x"), 302, {"Location": "http://127.0.0.1:1/elsewhere"}), "refused"),
        (Act(completion("x"), 307, {"Location": "/v1/chat/completions"}), "refused"),
    ],
)
def test_other_failures(act: Act, kind: str) -> None:
    """What is said in the body counts, and what cannot be read is garbage, never an answer."""
    assert fails(act).kind == kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("hang", "time-out"),
        ("drip", "time-out"),
        ("reset", "connection"),
        ("half", "connection"),
        ("endless", "garbage"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_faults(fault: Fault, kind: str, stream: bool) -> None:
    """A server that hangs, drips, breaks or never ends; plain and in a stream."""
    request = dataclasses.replace(REQUEST, parameters={"stream": stream})
    assert fails(Act(completion("Hello, world."), fault=fault), request=request, timeout=0.3).kind == kind


def test_a_failure_that_breaks_off_has_its_status() -> None:
    """The words are lost, the kind is not."""
    error = fails(Act({"error": {"message": "busy"}}, 503, fault="half"))
    assert (error.kind, str(error)) == ("server", "local: HTTP 503")


def test_nobody_listens() -> None:
    """A port that nobody serves."""
    server = ModelServer(lambda _body, _number: Act())
    server.url = "http://127.0.0.1:1/v1"
    with pytest.raises(ProviderError) as error:
        ask(server)
    assert error.value.kind == "connection"


def test_an_address_that_is_none() -> None:
    """It is not tried again."""
    server = ModelServer(lambda _body, _number: Act())
    server.url = "http://"
    with pytest.raises(ProviderError) as error:
        ask(server)
    assert error.value.kind == "refused"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n', "connection"),
        (b"", "connection"),
        (b"data: {\n\n", "garbage"),
        (b'data: {"error": {"code": 503, "message": "busy"}}\n\n', "server"),
        (f'data: {{"choices": [{{"delta": {{"content": "{KEY}"}}}}]}}\n\ndata: [DONE]\n\n'.encode(), "garbage"),
    ],
)
def test_broken_streams(data: bytes, kind: str) -> None:
    """A stream without an end is cut, one with an error failed."""
    assert fails(Act(data, headers={"Content-Type": "text/event-stream"})).kind == kind


def test_the_deadline_ends_a_call() -> None:
    """No call begins after it, and none goes on."""
    clock = real_world().clock
    assert fails(Act(completion("x"), fault="hang"), deadline=clock() + 0.2).kind == "time-out"
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server, pytest.raises(ProviderError) as error:
        ask(server, deadline=clock())
    assert error.value.kind == "time-out"
    assert server.asked == []


@pytest.mark.parametrize("name", ["model", "messages", "tools", "n"])
def test_parameters_that_would_change_the_question(name: str) -> None:
    """They are refused before anything is sent."""
    with ModelServer(lambda _body, _number: Act(completion("x"))) as server, pytest.raises(ProviderError) as error:
        ask(server, dataclasses.replace(REQUEST, parameters={name: 2}))
    assert error.value.kind == "refused"
    assert server.asked == []


@pytest.mark.parametrize(
    ("fingerprints", "word"),
    [((None,), "does not say"), (("a", "b"), "changed its system_fingerprint"), (("a", "a"), "")],
)
def test_seeds(fingerprints: tuple[str | None, ...], word: str) -> None:
    """A seed whose honour cannot be told, or is in doubt, is noted once."""

    def behave(_body: dict[str, Any], number: int) -> Act:
        return Act(completion("x", fingerprint=fingerprints[number % len(fingerprints)]))

    async def run(server: ModelServer) -> tuple[str, ...]:
        endpoint = Connection("local", Provider(server.url, ("*",)), None, real_world(), deadline=math.inf)
        model = endpoint.model("m")
        for _ in range(4):
            await model.answer(REQUEST)
        await endpoint.close()
        return model.notes

    with ModelServer(behave) as server:
        notes = asyncio.run(run(server))
    assert len(notes) == (1 if word else 0)
    assert word in "".join(notes)


def test_connections_are_shared_and_reopened() -> None:
    """A closed endpoint can be asked again."""

    async def run(server: ModelServer) -> None:
        endpoint = Connection("local", Provider(server.url + "/", ("*",)), None, real_world(), deadline=math.inf)
        for _ in range(2):
            await asyncio.gather(*(endpoint.model("m").answer(REQUEST) for _ in range(8)))
            await endpoint.close()
            await endpoint.close()

    with ModelServer(lambda _body, _number: Act(completion("x"))) as server:
        asyncio.run(run(server))
    assert len(server.answered) == 16


def test_an_address_is_needed() -> None:
    """Only litellm knows addresses of its own."""
    with pytest.raises(InputError, match="baseUrl is missing"):
        Connection("local", Provider(None, ("*",)), None, real_world(), deadline=math.inf)
