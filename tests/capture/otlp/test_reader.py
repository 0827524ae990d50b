"""Spans of every convention become steps; what is not whole is never judged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp import is_otlp, read_otlp
from runback_gate.errors import InputError
from runback_gate.step import Step
from tests.capture.otlp.spans import GEN_AI, export, pairs, span


def only(*spans: dict[str, Any]) -> Step:
    (run,) = read_otlp(export(*spans)).runs
    (step,) = run.steps
    return step


OPENLLMETRY = {
    "gen_ai.system": "OpenAI",
    "llm.request.type": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "You help.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Hi",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "Hello",
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.usage.prompt_tokens": 3,
}
ANTHROPIC = {
    "openinference.span.kind": "LLM",
    "llm.system": "anthropic",
    "input.mime_type": "application/json",
    "input.value": json.dumps({"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}),
    "output.value": json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "c",
            "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    ),
}
VERCEL_4 = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "anthropic.messages",
    "ai.model.id": "c",
    "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
    "ai.response.text": "Hello",
    "ai.response.finishReason": "stop",
}


@pytest.mark.parametrize(
    ("attributes", "grade", "api"),
    [
        (GEN_AI, "semantic", "openai.chat"),
        (OPENLLMETRY, "semantic", "openai.chat"),
        (ANTHROPIC, "exact", "anthropic.messages"),
        (VERCEL_4, "semantic", None),
    ],
)
def test_conventions(attributes: dict[str, Any], grade: str, api: str | None) -> None:
    """The question and the answer are read from each convention; only a body that was kept whole is exact."""
    step = only(span(attributes))
    assert (step.source.grade, step.source.api, step.agent) == (grade, api, "shop")
    assert (step.request.messages[0].content, step.response.text) == ("Hi", "Hello")
    assert step.response.finish_reason == "stop"
    assert step.response.latency_ms == 5


def test_span_events() -> None:
    """Messages may be events of the span itself."""
    events = [
        {
            "name": "gen_ai.content.prompt",
            "attributes": pairs({"gen_ai.prompt": '[{"role": "user", "content": "Hi"}]'}),
        },
        {
            "name": "gen_ai.content.completion",
            "attributes": pairs({"gen_ai.completion": '[{"role": "assistant", "content": "Hello"}]'}),
        },
    ]
    step = only(span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, events=events))
    assert (step.request.messages[0].content, step.response.text) == ("Hi", "Hello")


def test_parts() -> None:
    """Reasoning, media, calls and results of the GenAI parts keep their kind."""
    said = [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Look"}, {"type": "uri", "modality": "image", "uri": "u"}],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm"},
                {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": {"b": 2}}]},
    ]
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    more = {"gen_ai.input.messages": json.dumps(said), "gen_ai.tool.definitions": json.dumps(tools)}
    step = only(span({**GEN_AI, **more, "gen_ai.system_instructions": '[{"type": "text", "content": "Be kind."}]'}))
    request = step.request
    assert request.system == "Be kind."
    assert [part.kind for part in request.messages[0].parts] == ["text", "image"]
    assert request.messages[1].parts[0].text == "Hm"
    assert request.messages[1].tool_calls[0].arguments == '{"a":1}'
    assert (request.messages[2].content, request.messages[2].tool_call_id) == ('{"b":2}', "c")
    assert (request.tools[0].name, step.source.grade) == ("f", "semantic")


@pytest.mark.parametrize(
    "said",
    [
        [{"type": "hologram", "content": "x"}],
        [{"type": "tool_call", "id": "c", "name": "", "arguments": {}}],
    ],
)
def test_answer_not_understood(said: list[Any]) -> None:
    """A part of an answer that nobody knows leaves no shorter answer behind."""
    choices = json.dumps([{"role": "assistant", "parts": said, "finish_reason": "stop"}])
    step = only(span({**GEN_AI, "gen_ai.output.messages": choices}))
    assert step.response.finish_reason == "error"
    assert "not understood" in (step.response.error or "")


@pytest.mark.parametrize("name", ["gen_ai.input.messages", "gen_ai.output.messages"])
def test_cut_attribute(name: str) -> None:
    """An attribute that the exporter cut makes the step view-only, and is kept as it is."""
    step = only(span({**GEN_AI, name: str(GEN_AI[name])[:-3]}))
    assert step.source.grade == "view-only"
    assert name in str(step.request.extra)


def test_missing_item() -> None:
    """Numbered attributes with a gap are no whole conversation."""
    attributes = {name: value for name, value in OPENLLMETRY.items() if not name.startswith("gen_ai.prompt.0")}
    assert only(span(attributes)).source.grade == "view-only"


def test_failed_call() -> None:
    """A call that failed says so in place of an answer, in one line."""
    attributes = {name: value for name, value in GEN_AI.items() if name != "gen_ai.output.messages"}
    step = only(span(attributes, status={"code": 2, "message": "boom\n  File x.py"}))
    assert (step.response.finish_reason, step.response.error) == ("error", "boom")


def test_inner_call_counts() -> None:
    """A framework's span above a client's is the same call, and an agent's span is none."""
    outer = span(GEN_AI)
    inner = {**span(GEN_AI, 2), "traceId": outer["traceId"], "parentSpanId": outer["spanId"]}
    agent = {**span({**GEN_AI, "gen_ai.operation.name": "invoke_agent"}, 3), "traceId": outer["traceId"]}
    found = read_otlp(export(outer, inner, agent))
    assert (found.calls, [len(run.steps) for run in found.runs], found.other_spans) == (1, [1], 1)


def test_agent_of_a_span_above() -> None:
    """The agent's name stands on a span above the call; one that is given goes first."""
    outer = span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "refunds"})
    inner = {**span(GEN_AI, 2), "traceId": outer["traceId"], "parentSpanId": outer["spanId"]}
    assert read_otlp(export(outer, inner)).runs[0].agent == "refunds"
    assert read_otlp(export(outer, inner), agent="mine").runs[0].agent == "mine"


def test_json_lines_and_repeated_spans() -> None:
    """A Collector's file has one export a line; a span that came twice counts once."""
    line = export(span(GEN_AI))
    found = read_otlp(line + b"\n" + line + b"\n" + export(span(VERCEL_4, 2)))
    assert (found.calls, len(found.runs)) == (2, 2)


def test_runs_are_the_same_each_time() -> None:
    """The id of a run comes from its spans, so a second import gives the same run."""
    data = export(span(GEN_AI))
    assert read_otlp(data) == read_otlp(data)


def test_redaction_comes_first() -> None:
    """What is stored went through the redactor: bodies, answers, errors, labels, runs of tools."""

    def hide(value: Any) -> tuple[Any, dict[str, int]]:
        text = json.dumps(value)
        return json.loads(text.replace("Hi", "<x>").replace("shop", "<y>")), {"rule": text.count("Hi")}

    tool = span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.result": "Hi"}, 2)
    data = export(span(GEN_AI), {**tool, "traceId": f"{1:032x}"})
    (run,) = read_otlp(data, agent="a", redaction=Redaction("standard", hide, "rules")).runs
    assert "Hi" not in repr(tuple(run.steps)) + repr(run.tool_runs)
    assert (run.labels, run.steps[0].source.redacted, run.redaction["level"]) == ({"service": "<y>"}, 1, "standard")


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b'{"resourceSpans": [3]}', b'{"resourceSpans": 1}', b"{", b"\x0a\x03abc", b""]
)
def test_no_export(data: bytes) -> None:
    """What is no export of OTLP is refused."""
    with pytest.raises(InputError):
        read_otlp(data)


def test_detector() -> None:
    """An export is known by its root."""
    assert is_otlp({"resourceLogs": []})
    assert not is_otlp({"messages": []})
    assert not is_otlp([])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*{**GEN_AI, **OPENLLMETRY, **ANTHROPIC, **VERCEL_4}, "gen_ai.tool.definitions", "llm.invocation_parameters"]
NAMES += ["ai.prompt.tools", "ai.prompt.toolChoice", "ai.response.toolCalls", "llm.input_messages.0.message.role"]


@given(
    st.sampled_from([GEN_AI, OPENLLMETRY, ANTHROPIC, VERCEL_4, {}]),
    st.dictionaries(st.sampled_from(NAMES), JSON.map(json.dumps) | st.text(max_size=12) | JSON, max_size=4),
)
def test_any_attributes(base: dict[str, Any], changed: dict[str, Any]) -> None:
    """Whatever stands in attributes, an export is read; what no reader knows is view-only or an error answer."""
    attributes = {name: value for name, value in {**base, **changed}.items() if value is not None}
    found = read_otlp(export(span(attributes)))
    assert found.calls <= 1
    for run in found.runs:
        assert len(run.steps) == 1
