"""A recorded answer is served in the form of its API, and reads as it was recorded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import InputError
from runback_gate.replay.answer_body import answer_body, answer_events
from runback_gate.step import Response, ToolCall, Usage
from runback_gate.wire import APIS, format_of

REASONS = ["stop", "length", "content_filter"]
CALLS = st.lists(
    st.builds(
        ToolCall,
        st.integers(0, 99).map(lambda number: f"call_{number}"),
        st.sampled_from(["lookup", "refund"]),
        st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2).map(json.dumps),
    ),
    max_size=2,
    unique_by=lambda call: call.id,
).map(tuple)
ANSWERS = st.builds(Response, st.text(max_size=20), CALLS, st.sampled_from(REASONS), usage=st.just(Usage(3, 4)))


def said(response: Response) -> tuple[object, ...]:
    calls = [(call.name, json.loads(call.arguments)) for call in response.tool_calls]
    return response.text, calls, response.finish_reason, response.usage.input_tokens, response.usage.output_tokens


def recorded(response: Response) -> Response:
    return replace(response, finish_reason="tool_calls") if response.tool_calls else response


@pytest.mark.parametrize("api", APIS)
@given(ANSWERS)
def test_plain(api: str, response: Response) -> None:
    """Words, calls, the reason of the end and the tokens come back."""
    response = recorded(response)
    value = json.loads(json.dumps(answer_body(api, response, "m")))  # type: ignore[arg-type]
    assert said(format_of(api).read_answer(value)) == said(response)  # type: ignore[arg-type]


@pytest.mark.parametrize("api", [api for api in APIS if api != "bedrock.converse"])
@given(ANSWERS)
def test_streamed(api: str, response: Response) -> None:
    """The events tell the same answer."""
    response = recorded(response)
    stream = format_of(api).read_stream()  # type: ignore[arg-type]
    stream.feed(answer_events(api, response, "m"))  # type: ignore[arg-type]
    assert said(format_of(api).read_answer(stream.body())) == said(response)  # type: ignore[arg-type]


def test_stream_that_is_none_of_events() -> None:
    """Bedrock's own stream is refused, not made up."""
    with pytest.raises(InputError):
        answer_events("bedrock.converse", Response("Hello"), "m")
