"""Files of one family each, as their tools write them: what was said, called and answered is in the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runback_gate.app.runs import executions
from runback_gate.capture.formats import Defaults, Transcripts, read_transcripts

ASKED = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Hello"}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
ANTHROPIC = {"messages": [ASKED], "max_tokens": 9}
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
STREAM = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]
CHUNK = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CHUNKS = [
    {**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
    {**CHUNK, "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
]
RAW = json.dumps([{"role": "system", "content": "Be kind."}, ASKED])


def bedrock(operation: str, asked: Any, answered: Any) -> dict[str, Any]:
    """A line of Bedrock's invocation log."""
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "operation": operation,
        "modelId": "anthropic.claude",
        "input": {"inputContentType": "application/json", "inputBodyJson": asked, "inputTokenCount": 1},
        "output": {"outputContentType": "application/json", "outputBodyJson": answered, "outputTokenCount": 1},
    }


def promptfoo(output: Any, **more: Any) -> dict[str, Any]:
    """A file of results of promptfoo with one of them."""
    result = {
        "prompt": {"raw": RAW, "label": "p"},
        "provider": {"id": "openai:chat:gpt-4o", "label": ""},
        "response": {"output": output, "tokenUsage": {"prompt": 1, "completion": 2}, "cached": False},
        "success": False,
        "error": "Expected output to contain more",
        "failureReason": 1,
        "testCase": {"vars": {"q": "Hi"}, "assert": []},
        "vars": {"q": "Hi"},
        **more,
    }
    return {"evalId": "e", "results": {"version": 3, "prompts": [], "results": [result], "stats": {}}, "config": {}}


def autogen(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    """A message of AutoGen."""
    return {"type": kind, "content": content, "source": "writer", **more}


STATE = {
    "type": "AssistantAgentState",
    "llm_context": {"messages": [autogen("UserMessage", "Hi"), autogen("AssistantMessage", "Hello", thought=None)]},
}
TEXTS: list[tuple[str, Any]] = [
    ("fine-tuning", {"prompt": "Hi", "completion": "Hello"}),
    ("fine-tuning", [{"instruction": "Hi", "input": "", "output": "Hello"}]),
    ("fine-tuning", {"input": {"messages": [ASKED]}, "preferred_output": [SAID], "non_preferred_output": [ASKED]}),
    ("fine-tuning", {"prompt": "Hi", "chosen": [ASKED, SAID], "rejected": [ASKED, ASKED]}),
    ("logs", {"recordId": "1", "modelInput": ANTHROPIC, "modelOutput": MESSAGE}),
    ("logs", {"kwargs": {"messages": [ASKED]}, "response_obj": CHUNKS}),
    ("logs", bedrock("InvokeModel", ANTHROPIC, MESSAGE)),
    ("logs", bedrock("InvokeModelWithResponseStream", ANTHROPIC, STREAM)),
    (
        "logs",
        bedrock(
            "Converse",
            CONVERSE,
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            },
        ),
    ),
    ("promptfoo", promptfoo("Hello")),
    ("autogen", STATE),
    ("autogen", {"messages": [autogen("TextMessage", "Hi") | {"source": "user"}, autogen("TextMessage", "Hello")]}),
    (
        "autogen",
        {
            "type": "TeamState",
            "agent_states": {
                "writer/1": {"type": "ChatAgentContainerState", "agent_state": STATE, "message_buffer": []},
                "Manager/1": {"type": "RoundRobinManagerState", "message_thread": [], "current_turn": 0},
            },
        },
    ),
    ("langchain", {"values": {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]}}),
]


def read(value: Any, form: str | None = None) -> Transcripts:
    """What a file of this value holds."""
    if isinstance(value, dict) and "values" in value:
        value = {**value, "next": []}
    return read_transcripts(json.dumps(value).encode(), "file.json", Defaults(), form)


@pytest.mark.parametrize(("form", "value"), TEXTS)
def test_one_answer(form: str, value: Any) -> None:
    """A question and its answer, in each of the forms."""
    found = read(value)
    assert (found.format, found.faults) == (form, [])
    (run,) = found.runs
    (step,) = run.steps
    assert [message.content for message in step.request.messages] == ["Hi"]
    assert step.response.text == "Hello"
    assert run.status is None


def test_an_alpaca_example_is_whole() -> None:
    """Its input, its instructions and the turns before it are part of what was asked."""
    example = {"instruction": "Add", "input": "1 2", "output": "3", "system": "Be exact.", "history": [["Hi", "Hello"]]}
    (run,) = read([example]).runs
    first, last = run.steps
    assert [message.content for message in last.request.messages] == ["Hi", "Hello", "Add\n1 2"]
    assert (first.response.text, last.response.text, last.request.system) == ("Hello", "3", "Be exact.")


CALLS: list[Any] = [
    [{"id": "c1", "type": "function", "function": {"name": "pay", "arguments": '{"amount": 5}'}}],
    {"name": "pay", "arguments": '{"amount": 5}'},
    '{"type":"tool_use","id":"c1","name":"pay","input":{"amount": 5}}',
    'One moment.\n\n{"type":"tool_use","id":"c1","name":"pay","input":{"amount": 5}}',
]


@pytest.mark.parametrize("output", CALLS)
def test_calls_in_results_of_promptfoo(output: Any) -> None:
    """Calls are calls, in each form in which its providers give them."""
    (run,) = read(promptfoo(output)).runs
    (step,) = run.steps
    assert [(call.name, json.loads(call.arguments)) for call in step.response.tool_calls] == [("pay", {"amount": 5})]
    assert (step.request.model, step.request.system) == ("openai/gpt-4o", "Be kind.")


def test_values_in_results_of_promptfoo() -> None:
    """JSON that a model wrote is its text; an error is no answer; an assertion that failed is none of its errors."""
    (run,) = read(promptfoo({"total": 5})).runs
    assert (run.steps[0].response.text, run.steps[0].response.error) == ('{"total": 5}', None)
    (run,) = read(promptfoo(None, response={"error": "API error: 500"})).runs
    assert run.steps[0].response.error == "API error: 500"
    raw = {"choices": [{"index": 0, "message": {**SAID, "refusal": None}, "finish_reason": "length"}]}
    (run,) = read(promptfoo(None, response={"output": "…", "raw": json.dumps(raw)})).runs
    assert (run.steps[0].response.text, run.steps[0].response.finish_reason) == ("Hello", "length")
    assert read(promptfoo("Hello", prompt={"raw": "- role: user\n  content: Hi"})).runs == []
    assert read(promptfoo("Hello", tool_calls=[{"name": "pay"}])).runs == []


def test_agents_of_autogen() -> None:
    """Each answer is that of the agent who gave it; calls, thoughts and failed results are kept."""
    call = {"id": "c1", "name": "pay", "arguments": '{"amount": 5}'}
    result = {"content": "limit", "name": "pay", "call_id": "c1", "is_error": True}
    thread = [
        autogen("TextMessage", "Refund?", source="user", models_usage=None, metadata={}),
        autogen("ThoughtEvent", "hm"),
        autogen("ToolCallRequestEvent", [call], models_usage={"prompt_tokens": 1, "completion_tokens": 2}),
        autogen("ToolCallExecutionEvent", [result]),
        autogen("ToolCallSummaryMessage", "limit"),
        {**autogen("TextMessage", "Sorry."), "source": "critic"},
    ]
    found = read({"messages": thread, "stop_reason": None})
    (run,) = found.runs
    assert [step.agent for step in run.steps] == ["writer", "critic"]
    assert [(call.name, call.result, call.error) for call in executions(run)] == [("pay", "limit", "limit")]
    assert run.steps[0].response.reasoning == "hm"
    assert run.steps[0].response.usage.output_tokens == 2
    assert found.ignored["type ToolCallSummaryMessage"] == 1


def test_codex_before_rollouts_had_payloads() -> None:
    """Items stand bare below a line about the session."""
    lines = [
        {"id": "s", "timestamp": "2025-07-01T00:00:00Z", "instructions": "Be kind.", "git": {}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
    ]
    found = read_transcripts("\n".join(map(json.dumps, lines)).encode(), "rollout.jsonl", Defaults())
    (run,) = found.runs
    assert (found.format, len(run.steps), run.steps[0].request.system) == ("codex", 2, "Be kind.")
    assert [(call.name, call.result) for call in executions(run)] == [("shell", "x")]


def test_an_error_of_the_api_is_no_answer() -> None:
    """What Claude Code shows in place of an answer that never came is an error; JSON in one list reads as its lines."""
    events = [
        {"type": "user", "uuid": "1", "message": ASKED},
        {
            "type": "assistant",
            "uuid": "2",
            "isApiErrorMessage": True,
            "error": "overloaded",
            "message": {**MESSAGE, "model": "<synthetic>", "content": [{"type": "text", "text": "API Error: 529"}]},
        },
        {"type": "assistant", "uuid": "3", "message": {**MESSAGE, "id": "m2"}},
    ]
    (run,) = read(events).runs
    assert [(step.response.error, step.response.text) for step in run.steps] == [
        ("API Error: 529\noverloaded", ""),
        (None, "Hello"),
    ]
    assert {step.request.model for step in run.steps} == {"claude"}


@pytest.mark.parametrize(("form", "value"), [item for item in TEXTS if item[0] in ("promptfoo", "fine-tuning")])
@pytest.mark.parametrize("planted", ["tool_results", "final_answer"])
def test_what_may_decide_is_refused(form: str, value: Any, planted: str) -> None:
    """A message of an assistant that no reader knows of ends in a refusal, wherever in the record it stands."""
    holder = value["results"]["results"][0] if form == "promptfoo" else value[0] if isinstance(value, list) else value
    odd = {**holder, planted: [{"role": "assistant", "content": "No"}]}
    whole = {"results": {"results": [odd]}} if form == "promptfoo" else [odd]
    found = read(whole)
    assert found.runs == []
    assert planted in str(found.faults[0])
