"""A request for another API: the question stays, and what it cannot say is named."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings

from runback_gate import wire
from runback_gate.step import Api, Message, Request, ToolCall
from runback_gate.wire.foreign import adapt
from tests.examples import examples
from tests.wire.bodies import A_BODY, B_BODY, G_BODY, R_BODY

BODIES: dict[Api, Any] = {
    "anthropic.messages": A_BODY,
    "bedrock.converse": B_BODY,
    "google.generate": G_BODY,
    "openai.responses": R_BODY,
}


@pytest.mark.parametrize("target", get_args(Api))
@pytest.mark.parametrize("api", BODIES)
def test_any_request_goes_to_any_api(api: Api, target: Api) -> None:
    """Its words, calls and results arrive; every field that does not is named."""

    @settings(max_examples=examples(30))
    @given(BODIES[api])
    def check(body: Any) -> None:
        request = wire.format_of(api).read_request(body)
        asked, unsent = adapt(request, target)
        if target == api:
            assert (asked, unsent) == (request, ())
            return
        sent = json.dumps(wire.format_of(target).write_request(asked, "m"), ensure_ascii=False)
        for message in request.messages:
            for call in message.tool_calls:
                assert json.dumps(call.name, ensure_ascii=False) in sent
        assert {name for name in request.extra if not name.startswith("$")} - {"stream"} <= set(unsent)

    check()


def test_answers_in_a_row_and_results_without_ids() -> None:
    """They make one message, whose calls have ids that their results name."""
    request = Request(
        messages=(
            Message("assistant", "One.", (ToolCall("", "a", "{}"),)),
            Message("assistant", "Two.", (ToolCall("", "b", "{}"),), joined=True),
            Message("tool", "for b", name="b"),
            Message("tool", "for a", name="a"),
        ),
        api="google.generate",
    )
    asked, _ = adapt(request, "openai.chat")
    answer, second, first = asked.messages
    assert answer.content == "One.\nTwo."
    assert [call.id for call in answer.tool_calls] == [first.tool_call_id, second.tool_call_id]


@pytest.mark.parametrize(
    ("api", "parameters"),
    [
        ("anthropic.messages", {"max_tokens": 5, "top_p": 0.5, "stop_sequences": ["x"]}),
        ("google.generate", {"maxOutputTokens": 5, "topP": 0.5, "stopSequences": ["x"], "seed": 7}),
        ("bedrock.converse", {"maxTokens": 5, "topP": 0.5, "stopSequences": ["x"]}),
        ("openai.responses", {"max_output_tokens": 5, "top_p": 0.5}),
    ],
)
def test_parameters_have_other_names(api: Api, parameters: dict[str, Any]) -> None:
    """Those that the API knows go over; others are named."""
    given_ = {"max_completion_tokens": 5, "top_p": 0.5, "stop": "x", "seed": 7, "logit_bias": {}}
    asked, unsent = adapt(Request(parameters=given_, api="openai.chat"), api)
    assert asked.parameters == parameters
    assert "logit_bias" in unsent
    assert ("seed" in unsent) == ("seed" not in parameters)
