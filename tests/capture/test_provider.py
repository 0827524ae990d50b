"""The provider of a model that a source names without one, for each API."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from runback_gate.app.import_files import next_lines
from runback_gate.app.import_runs import ImportedFile, ImportOptions, import_file
from runback_gate.capture.provider import full_name
from runback_gate.replay.evidence import compare_requests
from runback_gate.step import Api, Step
from runback_gate.wire import APIS

ASKED: dict[Api, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai.chat": (
        {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Ho"}, "finish_reason": "stop"}]},
    ),
    "openai.responses": (
        {"model": "gpt-4.1", "input": [{"role": "user", "content": "Hi"}]},
        {
            "object": "response",
            "status": "completed",
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]}
            ],
        },
    ),
    "anthropic.messages": (
        {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Ho"}], "stop_reason": "refusal"},
    ),
    "google.generate": (
        {"model": "gemini-2.5-flash", "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Ho"}]}, "finishReason": "STOP"}]},
    ),
    "bedrock.converse": (
        {"modelId": "eu.amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "Ho"}]}}, "stopReason": "end_turn"},
    ),
}  # fmt: skip


def imported(api: Api, options: ImportOptions | None = None, model: str | None = None) -> ImportedFile:
    """What import makes of a log of one call."""
    request, response = ASKED[api]
    request = {key: model if model and key in ("model", "modelId") else value for key, value in request.items()}
    data = json.dumps({"request": request, "response": response}).encode()
    found = import_file(data, "log.json", options or ImportOptions("a"), os.urandom)
    assert found.faults == ()
    return found


def step(found: ImportedFile) -> Step:
    return found.runs[0].steps[0]


def test_every_api_is_tried() -> None:
    """No API is left out here."""
    assert set(ASKED) == set(APIS)


@pytest.mark.parametrize("api", APIS)
def test_the_provider_is_written(api: Api, tmp_path: Any) -> None:
    """A name of the API's owner gets it; another name stays, and import says so, but where Bedrock alone speaks."""
    name = ASKED[api][0].get("model") or ASKED[api][0]["modelId"]
    found = imported(api)
    assert step(found).request.model == f"{api.partition('.')[0]}/{name}"
    assert not any("is not known" in line for line in next_lines([found], tmp_path, "a", gate=False))
    if api == "bedrock.converse":
        return
    other = imported(api, model="house_model")
    assert step(other).request.model == "house_model"
    assert any(
        "the provider of house_model is not known" in line for line in next_lines([other], tmp_path, "a", gate=False)
    )


@pytest.mark.parametrize("api", APIS)
def test_the_provider_that_a_person_names(api: Api) -> None:
    """`--provider` goes before what would be inferred, and behind a name that has one."""
    name = ASKED[api][0].get("model") or ASKED[api][0]["modelId"]
    assert step(imported(api, ImportOptions("a", provider="azure"))).request.model == f"azure/{name}"
    assert step(imported(api, ImportOptions("a", provider="azure"), model="house/m")).request.model == "house/m"


@pytest.mark.parametrize("api", APIS)
def test_a_provider_that_is_added_later(api: Api) -> None:
    """A recording without a provider is the recording still when the agent file names one, and that alone."""
    recorded = step(imported(api))
    bare = replace(recorded, request=replace(recorded.request, model="m-1"))
    for provider in ("openai", "anthropic", "my-proxy", "google"):
        asked = compare_requests(bare, replace(bare.request, model=f"{provider}/m-1"))
        assert (asked.recorded, asked.note.endswith("the model's provider unknown")) == (True, True)
        for other in (f"{provider}/m-2", f"{provider}/m-1-mini", f"{provider}/x/m-1"):
            assert not compare_requests(bare, replace(bare.request, model=other)).recorded
    assert not compare_requests(recorded, replace(recorded.request, model=f"azure/{recorded.request.model}")).recorded


@pytest.mark.parametrize(
    ("model", "api"),
    [
        ("llama-3.3-70b-versatile", "openai.chat"),
        ("deepseek-chat", "openai.chat"),
        ("gpt-oss:20b", "openai.chat"),
        ("o", "openai.chat"),
        ("olmo-2", "openai.chat"),
        ("grok-4", "openai.responses"),
        ("claude-sonnet-4-5@20250929", "anthropic.messages"),
        ("gemma-3-27b-it", "google.generate"),
        ("anthropic.claude-sonnet-4-5", "openai.chat"),
        ("openai/gpt-4o", "openai.chat"),
    ],
)
def test_what_is_not_inferred(model: str, api: str | None) -> None:
    """A server that speaks the API of another, a name of a cloud, a name that has its provider: left as it is."""
    assert full_name(model, api) == model
