"""The shape of what expressions see, for checking names and types before anything runs.

In: nothing. Out: `MESSAGES`, the fields of each record with their types, and `ROOT_TYPES`, the types of `ROOTS`.
`policy.context` makes values of this shape; `cpp_engine` declares it to the checker; `optimize` and `lint` read it.

A type is `string`, `dyn` (any JSON value), `map` (text to any JSON value), the name of a record, or one of these after
`list of `. Numbers of usage, time and money are `dyn`, so that they compare with both kinds of numbers.
"""

from __future__ import annotations

from typing import Literal

ROOT_TYPES = {
    "request": "Request",
    "response": "Response",
    "baseline": "Response",
    "history": "list of PastCall",
    "case": "Case",
    "agent": "Agent",
    "run": "Run",
}
"""Each root and its type. `baseline` is the recorded answer."""
ROOTS = tuple(ROOT_TYPES)
"""The only variables of a compiled program."""

Scope = Literal["step", "run"]
"""What a rule judges: one answer, or all answers of a run together."""
SCOPES: dict[Scope, tuple[str, ...]] = {
    "step": ("request", "response", "baseline", "history", "case", "agent"),
    "run": ("run", "case", "agent"),
}
"""The roots that a rule of each scope sees."""

MESSAGES: dict[str, dict[str, str]] = {
    "Request": {
        "model": "string",
        "system": "string",
        "messages": "list of Message",
        "tools": "list of Tool",
        "parameters": "map",
    },
    "Message": {
        "role": "string",
        "content": "dyn",
        "tool_calls": "list of ToolCall",
        "tool_call_id": "string",
        "name": "string",
        "parts": "list of Part",
    },
    "Part": {"kind": "string", "text": "string", "media_type": "string", "url": "string"},
    "Tool": {"name": "string", "description": "string", "parameters": "dyn"},
    "Response": {
        "text": "string",
        "parts": "list of Part",
        "reasoning": "string",
        "refusal": "string",
        "tool_calls": "list of ToolCall",
        "finish_reason": "string",
        "model": "string",
        "error": "string",
        "usage": "Usage",
        "latency_ms": "dyn",
        "cost_usd": "dyn",
    },
    "Usage": {"input_tokens": "dyn", "output_tokens": "dyn"},
    "ToolCall": {"id": "string", "name": "string", "arguments": "dyn"},
    "PastCall": {"name": "string", "arguments": "dyn", "result": "dyn", "error": "string"},
    "Case": {"id": "string", "dataset": "string", "tags": "list of string", "now": "string"},
    "Agent": {"name": "string", "labels": "map"},
    "Run": {
        "id": "string",
        "agent": "string",
        "status": "string",
        "labels": "map",
        "steps": "list of Step",
        "calls": "list of RunCall",
    },
    "Step": {
        "request": "Request",
        "response": "Response",
        "baseline": "Response",
        "history": "list of PastCall",
        "case": "Case",
        "agent": "Agent",
    },
    "RunCall": {
        "step": "dyn",
        "id": "string",
        "name": "string",
        "arguments": "dyn",
        "result": "dyn",
        "error": "string",
    },
}
"""Records by name, with their fields."""
