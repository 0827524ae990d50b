"""Request bodies of every API: each comes back as it was, whatever a client sends."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.step import Api, Request, from_json, to_json
from tests.wire.bodies import A_BODY, B_BODY, G_BODY, G_TEXT, R_BODY, TEXT, lists, record


def exact(api: Api, body: Any) -> None:
    """The body comes back, also when its request was stored in between."""
    form = wire.format_of(api)
    request = form.read_request(body)
    stored = from_json(Request, to_json(request), "request")
    assert stored == request
    assert wire.grade(body, form.write_request(stored, request.model)) == ("exact", ())


# ---- Anthropic


@given(A_BODY)
def test_anthropic_messages(body: Any) -> None:
    """Text, media, thoughts with signatures, calls, results and what is not modelled."""
    exact("anthropic.messages", body)


# ---- Bedrock


@given(B_BODY)
def test_bedrock_converse(body: Any) -> None:
    """Text, media, thoughts, calls, results, cache points."""
    exact("bedrock.converse", body)


# ---- Google

G_SYSTEM = record({}, {"parts": lists(G_TEXT), "role": TEXT})


@given(G_BODY, st.none() | G_SYSTEM, st.sampled_from(["systemInstruction", "system_instruction"]))
def test_google_generate(body: Any, system: Any, name: str) -> None:
    """Text, thoughts, media, calls, results; instructions under both of their names."""
    exact("google.generate", body if system is None else {**body, name: system})


# ---- OpenAI Responses


@given(R_BODY)
def test_openai_responses(body: Any) -> None:
    """Text and lists of items, with reasoning, calls, results, and items that are not modelled."""
    exact("openai.responses", body)


def test_bodies_of_real_clients(recorded_bodies: list[tuple[Api, Any]]) -> None:
    """What clients sent to real servers comes back as it was."""
    assert {api for api, _ in recorded_bodies} == set(wire.APIS) - {"anthropic.messages"}
    for api, body in recorded_bodies:
        exact(api, body)


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("openai.chat", {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Old."}]}]}),
        ("openai.responses", {"instructions": "Old.", "input": "Hi"}),
        ("openai.responses", {"input": [{"role": "developer", "content": "Old."}, {"role": "user", "content": "Hi"}]}),
        ("anthropic.messages", {"messages": [], "system": [{"type": "text", "text": "Old.", "cache_control": {}}]}),
        ("bedrock.converse", {"messages": [], "system": [{"text": "Old."}, {"cachePoint": {"type": "default"}}]}),
        ("google.generate", {"contents": [], "system_instruction": {"role": "user", "parts": [{"text": "Old."}]}}),
    ],
)
def test_instructions_that_a_config_states(api: Api, body: Any) -> None:
    """They are sent in the place of the recorded ones, whatever form those had."""
    form = wire.format_of(api)
    request = form.read_request(body)
    assert request.system == "Old."
    sent = form.write_request(dataclasses.replace(request, system="New."), None)
    assert "New." in json.dumps(sent)
    assert "Old." not in json.dumps(sent)
    assert form.read_request(sent).system == "New."
    assert sent.keys() == body.keys()
