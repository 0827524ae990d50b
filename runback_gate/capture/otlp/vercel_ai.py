"""Spans of the AI SDK (npm `ai`), versions 4 to 6.

In: a span. Out: a call of a model, a run of a tool, or None.

    read(span)

https://ai-sdk.dev/docs/ai-sdk-core/telemetry: `ai.generateText.doGenerate`, `ai.streamText.doStream` and their siblings
are calls; `ai.generateText` above them tells of all of them, and is no call. Version 7 writes what `gen_ai` reads. What
an OpenAI-compatible provider sends is known from its source; of other providers only what was meant is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import Found, ModelCall, NoContent, Span, ToolSpan
from runback_gate.errors import DocumentError

_SETTINGS = {
    "maxOutputTokens": "max_tokens",
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop",
}
_TEXTS = ("text", "error-text")


def read(span: Span) -> Found | None:
    """What a span is."""
    attributes = span.attributes
    operation = str(attributes.get("ai.operationId", ""))
    if operation == "ai.toolCall":
        name, call_id = chat.text(attributes.get("ai.toolCall.name")), chat.text(attributes.get("ai.toolCall.id"))
        gave = attributes.get("ai.toolCall.result")
        return ToolSpan(span, name, chat.text(attributes.get("ai.toolCall.args")), _result(gave), call_id)
    if not operation.endswith((".doGenerate", ".doStream")):
        return None
    if "ai.prompt.messages" not in attributes:
        return NoContent(span, "recordInputs: true and recordOutputs: true in experimental_telemetry")
    return _call(span, operation)


def _result(gave: Any) -> str | None:
    """What a tool gave; the SDK writes each value as JSON, a text too."""
    try:
        return None if gave is None else chat.text(chat.embedded(gave, "ai.toolCall.result"))
    except DocumentError:
        return chat.text(gave)


def _call(span: Span, operation: str) -> ModelCall:
    attributes = span.attributes
    messages = chat.embedded(attributes["ai.prompt.messages"], "ai.prompt.messages")
    body: dict[str, Any] = {"model": attributes.get("ai.model.id")}
    body |= {
        wire: attributes[f"ai.settings.{name}"]
        for name, wire in _SETTINGS.items()
        if attributes.get(f"ai.settings.{name}") is not None
    }
    body["messages"] = [said for message in messages for said in _messages(message)]
    if tools := attributes.get("ai.prompt.tools"):
        body["tools"] = [_tool(chat.embedded(tool, "ai.prompt.tools")) for tool in tools]
        body |= _choice(attributes.get("ai.prompt.toolChoice"))
    streamed = operation.endswith("Stream")
    if streamed:
        body["stream"] = True
    lost: tuple[str, ...] = ("$.stream_options",) if streamed else ()
    if "Object" in operation:
        lost += ("$.response_format",)
    chat_api = str(attributes.get("ai.model.provider", "")).endswith(".chat")
    return ModelCall(
        span,
        body,
        _answer(attributes),
        "openai.chat" if chat_api else None,
        lost if chat_api else (*lost, "$"),
        agent=attributes.get("ai.telemetry.functionId"),
    )


def _answer(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    calls = chat.embedded(attributes.get("ai.response.toolCalls") or [], "ai.response.toolCalls")
    words = attributes.get("ai.response.text") or attributes.get("ai.response.object")
    reason = attributes.get("ai.response.finishReason")
    if reason is None and not calls and words is None:
        return None
    message = chat.assistant(
        words, [_tool_call(call) for call in calls], chat.text(attributes.get("ai.response.reasoning"))
    )
    usage = chat.usage(
        _first(attributes, "inputTokens", "promptTokens"),
        _first(attributes, "outputTokens", "completionTokens"),
        cached=_first(attributes, "cachedInputTokens"),
        reasoning=_first(attributes, "reasoningTokens"),
        total=_first(attributes, "totalTokens"),
    )
    choice = {"message": message, "finish_reason": reason}
    return chat.completion([choice], attributes.get("ai.response.model"), attributes.get("ai.response.id"), usage)


def _first(attributes: Mapping[str, Any], *names: str) -> Any:
    return next((value for name in names if (value := attributes.get(f"ai.usage.{name}")) is not None), None)


def _messages(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    role, content = message.get("role"), message.get("content")
    if not isinstance(content, list):
        return [{"role": role, "content": chat.text(content)}]
    if role == "tool":
        return [chat.result(part.get("toolCallId"), _output(part)) for part in content]
    texts = [chat.text(part.get("text")) for part in content if part.get("type") == "text"]
    if role == "assistant":
        calls = [_tool_call(part) for part in content if part.get("type") == "tool-call"]
        thoughts = [chat.text(part.get("text")) for part in content if part.get("type") == "reasoning"]
        return [chat.assistant("".join(texts), calls, "".join(thoughts))]
    if len(content) == 1 and texts:
        return [{"role": role, "content": texts[0]}]
    return [{"role": role, "content": [_part(part) for part in content]}]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "text", "text": part.get("text")}
    media = part.get("mediaType") or part.get("mimeType")
    data = part.get("data") or part.get("image")
    if isinstance(data, str) and (part.get("type") == "image" or str(media).startswith("image/")):
        url = data if data.startswith(("http:", "https:", "data:")) else f"data:{media or 'image/*'};base64,{data}"
        return {"type": "image_url", "image_url": {"url": url}}
    return dict(part)


def _output(part: Mapping[str, Any]) -> Any:
    """The text of a result; version 4 had it bare, later ones say its kind."""
    output = part.get("output")
    if isinstance(output, dict) and output.get("type") in _TEXTS:
        return output.get("value")
    if isinstance(output, dict) and "value" in output:
        return json.dumps(output["value"], ensure_ascii=False, separators=(",", ":"))
    return chat.text(part.get("result") if output is None else output)


def _tool_call(part: Mapping[str, Any]) -> dict[str, Any]:
    given = part.get("input") if "input" in part else part.get("args")
    if "toolName" not in part:
        raise DocumentError("a call without a name")
    return chat.call(part.get("toolCallId"), part["toolName"], given)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type", "function") != "function":
        return dict(tool)
    schema = tool.get("inputSchema") or tool.get("parameters")
    return chat.function(
        tool.get("name"), tool.get("description"), schema, **({"strict": tool["strict"]} if "strict" in tool else {})
    )


def _choice(value: Any) -> dict[str, Any]:
    """The field `tool_choice`, if there is one."""
    choice = chat.embedded(value, "ai.prompt.toolChoice") if value else None
    if not isinstance(choice, dict):
        return {}
    if choice.get("type") == "tool":
        return {"tool_choice": {"type": "function", "function": {"name": choice.get("toolName")}}}
    return {"tool_choice": choice.get("type")}
