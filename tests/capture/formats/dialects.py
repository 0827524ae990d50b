"""One conversation, told in each dialect."""

from __future__ import annotations

from typing import Any

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Refund?"},
    {
        "role": "assistant",
        "content": "One moment.",
        "tool_calls": [{"id": "c1", "function": {"name": "refund", "arguments": '{"amount":250}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "limit", "is_error": True},
    {"role": "assistant", "content": "Sorry."},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": "Refund?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "One moment."},
            {"type": "tool_use", "id": "c1", "name": "refund", "input": {"amount": 250}},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "limit", "is_error": True}],
    },
    {"role": "assistant", "content": [{"type": "text", "text": "Sorry.", "cache_control": {"type": "ephemeral"}}]},
]
RESPONSES = [
    {"role": "user", "content": "Refund?"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One moment."}]},
    {"type": "function_call", "call_id": "c1", "name": "refund", "arguments": '{"amount":250}'},
    {"type": "function_call_output", "call_id": "c1", "output": "limit"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sorry."}]},
]
GEMINI: list[dict[str, Any]] = [
    {"role": "user", "parts": [{"text": "Refund?"}]},
    {
        "role": "model",
        "parts": [{"text": "One moment."}, {"function_call": {"name": "refund", "args": {"amount": 250}, "id": None}}],
    },
    {"role": "user", "parts": [{"function_response": {"name": "refund", "response": {"error": "limit"}}}]},
    {"role": "model", "parts": [{"text": "Sorry."}]},
]
CONVERSE = [
    {"role": "user", "content": [{"text": "Refund?"}]},
    {
        "role": "assistant",
        "content": [
            {"text": "One moment."},
            {"toolUse": {"toolUseId": "c1", "name": "refund", "input": {"amount": 250}}},
        ],
    },
    {
        "role": "user",
        "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "limit"}], "status": "error"}}],
    },
    {"role": "assistant", "content": [{"text": "Sorry."}]},
]
LANGCHAIN: list[dict[str, Any]] = [
    {"type": "system", "content": "Be kind."},
    {"type": "human", "content": "Refund?"},
    {
        "type": "ai",
        "content": "One moment.",
        "tool_calls": [{"name": "refund", "args": {"amount": 250}, "id": "c1", "type": "tool_call"}],
    },
    {"type": "tool", "content": "limit", "tool_call_id": "c1", "status": "error"},
    {"type": "ai", "content": "Sorry."},
]
CONSTRUCTED = [
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", f"{item['type'].capitalize().replace('Ai', 'AI')}Message"],
        "kwargs": {key: value for key, value in item.items() if key != "type"},
    }
    for item in LANGCHAIN
]
MODEL_MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "Refund?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "One moment."},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "refund", "input": {"amount": 250}},
        ],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "refund",
                "output": {"type": "error-text", "value": "limit"},
            }
        ],
    },
    {"role": "assistant", "content": [{"type": "text", "text": "Sorry."}]},
]
UI_MESSAGES = [
    {"id": "m0", "role": "system", "parts": [{"type": "text", "text": "Be kind."}]},
    {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Refund?"}]},
    {
        "id": "m2",
        "role": "assistant",
        "parts": [
            {"type": "step-start"},
            {"type": "text", "text": "One moment.", "state": "done"},
            {
                "type": "tool-refund",
                "toolCallId": "c1",
                "state": "output-error",
                "input": {"amount": 250},
                "errorText": "limit",
            },
            {"type": "step-start"},
            {"type": "text", "text": "Sorry.", "state": "done"},
        ],
    },
]
PYDANTIC = [
    {
        "kind": "request",
        "parts": [
            {"part_kind": "system-prompt", "content": "Be kind."},
            {"part_kind": "user-prompt", "content": "Refund?"},
        ],
    },
    {
        "kind": "response",
        "model_name": "m",
        "parts": [
            {"part_kind": "text", "content": "One moment."},
            {"part_kind": "tool-call", "tool_name": "refund", "args": '{"amount":250}', "tool_call_id": "c1"},
        ],
    },
    {
        "kind": "request",
        "parts": [{"part_kind": "retry-prompt", "tool_name": "refund", "content": "limit", "tool_call_id": "c1"}],
    },
    {"kind": "response", "parts": [{"part_kind": "text", "content": "Sorry."}]},
]
OTEL = [
    {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Refund?"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "One moment."},
            {"type": "tool_call", "id": "c1", "name": "refund", "arguments": {"amount": 250}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "limit"}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "Sorry."}]},
]
SHAREGPT = [
    {"from": "human", "value": "Refund?"},
    {"from": "function_call", "value": '{"name": "refund", "arguments": {"amount": 250}}'},
    {"from": "observation", "value": "limit"},
    {"from": "gpt", "value": "Sorry."},
]
FLAT: list[dict[str, Any]] = [
    {**item, "tool_calls": [{"id": "c1", "name": "refund", "arguments": {"amount": 250}}]}
    if "tool_calls" in item
    else item
    for item in CHAT
]
OF_ONE_ANSWER = {
    "tool_call_id": "c1",
    "function_name": "refund",
    "model_response": {"id": "r1", "choices": [{"message": CHAT[2], "finish_reason": "tool_calls"}]},
}
"""What OpenHands repeats at an action and at its observation."""
CASES: list[tuple[str, Any]] = [
    ("openai-chat", CHAT),
    ("openai-chat", FLAT),
    ("anthropic", {"system": "Be kind.", "messages": ANTHROPIC}),
    ("openai-responses", {"instructions": "Be kind.", "input": RESPONSES}),
    ("gemini", {"system_instruction": {"parts": [{"text": "Be kind."}]}, "contents": GEMINI}),
    ("bedrock-converse", {"system": [{"text": "Be kind."}], "messages": CONVERSE}),
    ("langchain", LANGCHAIN),
    ("langchain", CONSTRUCTED),
    ("ai-sdk", MODEL_MESSAGES),
    ("ai-sdk", UI_MESSAGES),
    ("pydantic-ai", PYDANTIC),
    ("otel-gen-ai", OTEL),
    ("sharegpt", {"system": "Be kind.", "conversations": SHAREGPT}),
    (
        "langfuse",
        {
            "observations": [
                {
                    "id": "g1",
                    "traceId": "t",
                    "type": "GENERATION",
                    "startTime": "1",
                    "input": CHAT[:2],
                    "output": CHAT[2],
                },
                {
                    "id": "g2",
                    "traceId": "t",
                    "type": "GENERATION",
                    "startTime": "2",
                    "input": CHAT[:4],
                    "output": CHAT[4],
                },
            ]
        },
    ),
    ("logs", {"request": {"messages": CHAT[:4]}, "response": {"choices": [{"message": CHAT[4]}]}}),
    (
        "logs",
        {
            "custom_llm_provider": "openai",
            "model": "m",
            "messages": CHAT[:4],
            "response": {"choices": [{"message": CHAT[4], "finish_reason": "stop"}]},
        },
    ),
    ("inspect", {"eval": {"model": "openai/m"}, "plan": {}, "samples": [{"id": 1, "messages": CHAT}]}),
    (
        "adk",
        {
            "id": "s",
            "events": [{"author": "user" if item["role"] == "user" else "a", "content": item} for item in GEMINI],
        },
    ),
    (
        "atif",
        {
            "schema_version": "ATIF-v1.4",
            "agent": {"name": "a"},
            "steps": [
                {"step_id": 1, "source": "system", "message": "Be kind."},
                {"step_id": 2, "source": "user", "message": "Refund?"},
                {
                    "step_id": 3,
                    "source": "agent",
                    "message": "One moment.",
                    "tool_calls": [{"tool_call_id": "c1", "function_name": "refund", "arguments": {"amount": 250}}],
                    "observation": {"results": [{"source_call_id": "c1", "content": "limit"}]},
                },
                {"step_id": 4, "source": "agent", "message": "Sorry."},
            ],
        },
    ),
    ("mini-swe-agent", {"trajectory_format": "mini-swe-agent-1.1", "messages": CHAT, "info": {}}),
    ("swe-agent", {"history": CHAT, "trajectory": [{"response": "x"}], "info": {}}),
    ("tau2", {"simulations": [{"id": "s", "messages": CHAT}], "info": {}}),
    (
        "openhands",
        [
            {"id": 0, "source": "agent", "action": "system", "args": {"content": "Be kind."}},
            {"id": 1, "source": "user", "action": "message", "args": {"content": "Refund?"}},
            {"id": 2, "source": "agent", "action": "run", "tool_call_metadata": OF_ONE_ANSWER},
            {
                "id": 3,
                "source": "agent",
                "observation": "run",
                "content": "limit",
                "success": False,
                "tool_call_metadata": OF_ONE_ANSWER,
            },
            {"id": 4, "source": "environment", "observation": "agent_state_changed"},
            {"id": 5, "source": "agent", "action": "message", "args": {"content": "Sorry."}},
            {"id": 6, "source": "agent", "action": "change_agent_state"},
        ],
    ),
    (
        "openai-agents",
        {
            "original_input": "Refund?",
            "model_responses": [{"output": RESPONSES[1:3]}, {"output": RESPONSES[4:]}],
            "generated_items": [{"raw_item": RESPONSES[3]}],
            "session_items": [{"raw_item": RESPONSES[3]}],
            "current_agent": {"name": "support"},
        },
    ),
    (
        "langfuse",
        {
            "trace": {"input": {"system": "Be kind."}},
            "observations": [
                {
                    "id": "g1",
                    "traceId": "t",
                    "type": "GENERATION",
                    "startTime": "1",
                    "input": CHAT[1:2],
                    "output": CHAT[2],
                },
                {
                    "id": "r1",
                    "traceId": "t",
                    "type": "TOOL",
                    "startTime": "2",
                    "name": "refund",
                    "output": {"reason": "limit"},
                    "level": "ERROR",
                    "statusMessage": "limit",
                },
                {
                    "id": "g2",
                    "traceId": "t",
                    "type": "GENERATION",
                    "startTime": "3",
                    "input": CHAT[1:3],
                    "output": CHAT[4],
                    "usageDetails": {"input": 3, "output": 2},
                },
            ],
        },
    ),
]
