"""OpenLLMetry's own attributes: numbered prompts, completions and functions, and spans of tools.

In: the attributes of a span. Out: its content, in OpenAI's chat form.

    content({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hello"})

https://github.com/traceloop/openllmetry, until 0.50 or so; newer releases write what `gen_ai` reads. LiteLLM writes
some of them as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import Content
from runback_gate.errors import DocumentError

SETTING = "TRACELOOP_TRACE_CONTENT=true"


def content(attributes: Mapping[str, Any]) -> Content:
    """What was asked and answered.

    Raises:
        DocumentError: an item is missing, or is not formed as the library does.
    """
    prompts = [_message(item) for item in chat.numbered(attributes, "gen_ai.prompt")]
    said = [_choice(item) for item in chat.numbered(attributes, "gen_ai.completion")]
    tools = [
        chat.function(
            item.get("name"), item.get("description"), chat.embedded(item.get("parameters"), "llm.request.functions")
        )
        for item in chat.numbered(attributes, "llm.request.functions")
    ]
    return Content(prompts or None, said or None, tools or None)


def is_ours(attributes: Mapping[str, Any], scope: str) -> bool:
    """Whether OpenLLMetry made the span."""
    return (
        "gen_ai.is_streaming" in attributes
        or "llm.is_streaming" in attributes
        or (scope.startswith("opentelemetry.instrumentation.") and "llm.request.type" in attributes)
    )


def tool_run(attributes: Mapping[str, Any]) -> tuple[str, str, str | None, str] | None:
    """Name, arguments, result and call id of a span that runs a tool."""
    if attributes.get("traceloop.span.kind") != "tool":
        return None
    gave = attributes.get("traceloop.entity.output")
    given = attributes.get("traceloop.entity.input")
    return (
        chat.text(attributes.get("traceloop.entity.name")),
        chat.text(given),
        None if gave is None else chat.text(gave),
        "",
    )


def _message(item: dict[str, Any]) -> dict[str, Any]:
    role = item.get("role") or "user"
    if role == "assistant":
        return chat.assistant(_words(item.get("content")), _calls(item))
    if role in ("tool", "function"):
        return chat.result(item.get("tool_call_id"), item.get("content"))
    return {"role": role, "content": _words(item.get("content"))}


def _choice(item: dict[str, Any]) -> dict[str, Any]:
    message = chat.assistant(_words(item.get("content")), _calls(item), chat.text(item.get("reasoning")))
    if not message.get("tool_calls") and item.get("function_call.name"):
        legacy = {"name": item["function_call.name"], "arguments": chat.text(item.get("function_call.arguments"))}
        message["function_call"] = legacy
    return {"message": message, "finish_reason": item.get("finish_reason")}


def _calls(item: dict[str, Any]) -> list[dict[str, Any]]:
    calls = chat.numbered(item, "tool_calls")
    if any("name" not in call for call in calls):
        raise DocumentError("tool_calls: a call without a name")
    return [chat.call(call.get("id"), call["name"], call.get("arguments")) for call in calls]


def _words(value: Any) -> Any:
    """Words, or the parts that stand as JSON in their place."""
    if isinstance(value, str) and value.startswith('[{"type"'):
        try:
            return chat.embedded(value, "content")
        except DocumentError:
            return value
    return chat.text(value)
