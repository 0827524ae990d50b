"""Each API is asked where and how it wants to be."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest

from runback_gate.errors import ProviderError, UnaskableError
from runback_gate.replay.providers import Provider, ProviderApi, open_models, real_world
from runback_gate.replay.providers.question import unsent_note
from runback_gate.step import Message, Part, Request, Response, Tool, ToolCall
from runback_gate.testing.server import Act, ModelServer

KEY = "sk-secret/key"
CALL = ToolCall("c1", "lookup", '{"id":1}', {"thought_signature": "s"})
REQUEST = Request(
    model="p/m:1",
    system="Be brief.",
    messages=(
        Message("user", "Hi"),
        Message("assistant", "", (CALL,), parts=(Part("reasoning", "Hm.", signature="s"), Part("call"))),
        Message("tool", "found", tool_call_id="c1", name="lookup"),
    ),
    tools=(Tool("lookup", "Finds.", {"type": "object"}),),
    parameters={"max_tokens": 100, "stop": "END", "logit_bias": {}},
    extra={"tool_choice": "auto", "stream": True},
    api="openai.chat",
)

ANSWERS: dict[ProviderApi, tuple[str, str, dict[str, Any]]] = {
    "openai-responses": (
        "/v1/responses",
        "authorization",
        {
            "status": "completed",
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}],
        },
    ),
    "anthropic": (
        "/v1/messages",
        "x-api-key",
        {"type": "message", "content": [{"type": "text", "text": "Yes."}], "stop_reason": "end_turn"},
    ),
    "google": (
        "/v1/models/m%3A1:generateContent",
        "x-goog-api-key",
        {"candidates": [{"content": {"parts": [{"text": "Yes."}]}, "finishReason": "STOP"}]},
    ),
    "bedrock": (
        "/v1/model/m%3A1/converse",
        "authorization",
        {"output": {"message": {"content": [{"text": "Yes."}]}}, "stopReason": "end_turn"},
    ),
}
EACH = pytest.mark.parametrize("api", ANSWERS)


def ask(api: ProviderApi, url: str, request: Request = REQUEST, key: str | None = "KEY") -> Response:
    """What the model `p/m:1` answers."""

    async def run() -> Response:
        provider = Provider(url, ("*",), key, api=api)
        models = open_models({"p": provider}, {"KEY": KEY}, outside=real_world(), deadline=math.inf)
        try:
            return await models.model_for("p/m:1").answer(request)
        finally:
            await models.close()

    return asyncio.run(run())


@EACH
def test_a_request_of_another_api(api: ProviderApi) -> None:
    """The question arrives in the form of the API, with the key in its header; what has no place there is named."""
    path, header, answer = ANSWERS[api]
    with ModelServer(lambda _body, _number: Act(answer), path=path.replace("%3A", ":")) as server:
        said = ask(api, server.url)
    asked = server.asked[0]
    assert (said.text, said.finish_reason) == ("Yes.", "stop")
    assert asked.headers[header].endswith(KEY)
    sent = json.dumps(asked.body)
    for words in ("Be brief.", "Hi", "lookup", "c1", "found", "Finds.", "100"):
        assert words in sent
    assert "Hm." not in sent
    note = unsent_note(said)
    for name in ("tool_choice", "logit_bias", "messages[].reasoning", "messages[].tool_calls[].thought_signature"):
        assert name in note
    assert "stream" not in note


@EACH
def test_the_key_in_an_answer(api: ProviderApi) -> None:
    """It is no answer, in whatever form the key stands."""
    path, _, answer = ANSWERS[api]
    data = json.dumps(answer).replace("Yes.", KEY).replace("/", "\\/").encode()
    act = Act(data, headers={"Content-Type": "application/json"})
    server = ModelServer(lambda _body, _number: act, path=path.replace("%3A", ":"))
    with server, pytest.raises(ProviderError) as error:
        ask(api, server.url)
    assert error.value.kind == "garbage"
    assert KEY not in str(error.value)


def test_bedrock_without_a_key() -> None:
    """It is signed with the credentials of the environment, and says what is missing."""
    with pytest.raises(UnaskableError) as error:
        ask("bedrock", "https://bedrock-runtime.eu-central-1.amazonaws.com", key=None)
    assert "botocore" in str(error.value) or "AWS_ACCESS_KEY_ID" in str(error.value)
