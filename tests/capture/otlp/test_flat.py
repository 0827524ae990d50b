"""Spans that lie as JSON objects are the same spans."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runback_gate.capture.otlp import looks_like_otlp, read_otlp
from runback_gate.errors import InputError

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
}
CALL = {"tool_call": {"id": "c1", "function": {"name": "pay", "arguments": '{"amount": 5}'}}}
NESTED: dict[str, Any] = {
    "openinference": {"span": {"kind": "LLM"}},
    "llm": {
        "model_name": "gpt-4o",
        "input_messages": [{"message": {"role": "user", "content": "Hi"}}],
        "output_messages": [{"message": {"role": "assistant", "tool_calls": [CALL]}}],
        "tools": [{"tool": {"json_schema": {"type": "function", "function": {"name": "pay", "parameters": {}}}}}],
        "invocation_parameters": {"temperature": 0},
    },
}
SENT = {
    "openinference.span.kind": "LLM",
    "input.value": json.dumps(BODY),
    "input.mime_type": "application/json",
    "output.value": json.dumps(ANSWER),
    "output.mime_type": "application/json",
}
IDS = {"trace_id": "6a" * 16, "span_id": "ab" * 8}
AT = {"start_time": "2026-01-31T12:00:00+00:00", "end_time": "2026-01-31T12:00:01.500000Z"}
UI = {"context.trace_id": IDS["trace_id"], "context.span_id": IDS["span_id"], "name": "ChatCompletion", **AT}
CLI: dict[str, Any] = {
    "context": IDS,
    "name": "ChatCompletion",
    "parent_id": None,
    "status_code": "OK",
    "events": [],
    **AT,
}
CONSOLE: dict[str, Any] = {
    "context": {"trace_id": f"0x{IDS['trace_id']}", "span_id": f"0x{IDS['span_id']}", "trace_state": "[]"},
    "kind": "SpanKind.INTERNAL",
    "parent_id": None,
    "status": {"status_code": "OK"},
    "resource": {"attributes": {"service.name": "shop"}},
    **AT,
}
FORMS: list[Any] = [
    {**CLI, "attributes": SENT},
    [{**CLI, "attributes": SENT}],
    [{"traceId": IDS["trace_id"], "spans": [{**CLI, "attributes": SENT}], "status": "OK"}],
    {"data": [{**CLI, "attributes": SENT}], "next_cursor": None},
    {**UI, **{f"attributes.{name}": value for name, value in SENT.items()}, "attributes.llm.prompts": None},
    {**UI, "start_time": 1769860800000, "end_time": 1769860801500, "attributes": SENT},
    {**CONSOLE, "attributes": SENT},
]


@pytest.mark.parametrize("value", FORMS)
def test_forms(value: Any) -> None:
    """The body as it was sent makes the step exact, whichever form the span has."""
    data = json.dumps(value).encode()
    assert looks_like_otlp(data)
    (run,) = read_otlp(data).runs
    (step,) = run.steps
    assert (step.response.text, step.request.model, step.source.grade) == ("Hello", "gpt-4o", "exact")
    assert (step.source.at, step.response.latency_ms) == ("2026-01-31T12:00:00.000Z", 1500)


@pytest.mark.parametrize("value", [{**CLI, "attributes": NESTED}, {**UI, "attributes": NESTED, "span_kind": "LLM"}])
def test_nested_attributes(value: Any) -> None:
    """Messages, calls, tools and parameters of nested attributes are read."""
    (run,) = read_otlp(json.dumps(value).encode()).runs
    (step,) = run.steps
    assert [(call.name, call.arguments) for call in step.response.tool_calls] == [("pay", '{"amount": 5}')]
    assert [tool.name for tool in step.request.tools] == ["pay"]
    assert step.request.parameters == {"temperature": 0}


def test_lines_of_one_trace() -> None:
    """Spans one a line make one run; a status of an error is its error."""
    second = {**CLI, "context": {**IDS, "span_id": "cd" * 8}, "attributes": SENT}
    failed = {**CLI, "status_code": "ERROR", "status_message": "boom\nat x", "attributes": SENT}
    (run,) = read_otlp("\n".join(map(json.dumps, (failed, second))).encode()).runs
    assert (len(run.steps), run.status, run.error) == (2, "error", "boom")


@pytest.mark.parametrize("broken", [{"start_time": "noon"}, {"events": 7}, {"events": [7]}])
def test_broken_spans(broken: dict[str, Any]) -> None:
    """A field that is not what it is called is an error with the file."""
    with pytest.raises(InputError, match="not a well-formed span"):
        read_otlp(json.dumps({**CLI, "attributes": SENT, **broken}).encode(), path="x.json")


@pytest.mark.parametrize("value", [{"span_id": 1}, {"messages": [{"span_id": "x"}]}, [], [{"context": {}}], "span_id"])
def test_what_is_no_span(value: Any) -> None:
    """A name alone does not make a file one of spans."""
    assert not looks_like_otlp(json.dumps(value).encode())
