"""OpenInference spans, as Arize's instrumentation writes them.

In: a span. Out: a call of a model, a run of a tool, or None.

    read(span)

https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md. `input.value` of a client library is
the body that was sent, so the step can be exact; a framework has its own objects there, and the body is made of
`llm.input_messages`, `llm.tools` and `llm.invocation_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import Found, ModelCall, NoContent, Span, ToolSpan
from runback_gate.errors import DocumentError, RunbackError
from runback_gate.step import Api
from runback_gate.wire import format_of

_HIDDEN: Final = "__REDACTED__"
_SHAPES: tuple[tuple[Api, str, str | None], ...] = (
    ("anthropic.messages", "messages", "anthropic"),
    ("openai.chat", "messages", None),
    ("openai.responses", "input", None),
    ("google.generate", "contents", None),
)
"""An API, a field that its bodies have, and the system that has to be named."""
_FRAMEWORKS: dict[str, str] = {"_type": "openai-chat"}
"""What LangChain says of a client whose parameters are those of the wire."""


def read(span: Span) -> Found | None:
    """What a span is."""
    attributes = span.attributes
    kind = attributes.get("openinference.span.kind")
    if kind == "TOOL":
        return _tool_run(span)
    if kind != "LLM":
        return None
    given = attributes.get("input.value")
    asked = chat.numbered(attributes, "llm.input_messages")
    if (given is None or given == _HIDDEN) and not asked:
        return NoContent(span, "OPENINFERENCE_HIDE_INPUTS=false and OPENINFERENCE_HIDE_OUTPUTS=false")
    return _sent(span, given) or _rebuilt(span, asked)


def _sent(span: Span, given: Any) -> ModelCall | None:
    """The call, when its body is kept as it was sent."""
    try:
        body = (
            chat.embedded(given, "input.value")
            if span.attributes.get("input.mime_type") == "application/json"
            else None
        )
    except DocumentError:
        return None
    if not isinstance(body, dict):
        return None
    system = str(span.attributes.get("llm.system") or span.attributes.get("llm.provider") or "").lower()
    for api, field, named in _SHAPES:
        if field in body and "model" in body and named in (None, system):
            try:
                format_of(api).read_request(body)
            except RunbackError:
                continue
            return ModelCall(
                span, body, _answered(span, api), api, agent=_agent(span), conversation=_conversation(span)
            )
    return None


def _answered(span: Span, api: Api) -> dict[str, Any] | None:
    """The answer as it was sent, where that is kept and understood; else the one that the attributes tell."""
    try:
        value = chat.embedded(span.attributes.get("output.value"), "output.value")
        if isinstance(value, dict):
            format_of(api).read_answer(value)
            return value
    except RunbackError:
        pass
    return _completion(span) if api == "openai.chat" else None


def _rebuilt(span: Span, asked: list[dict[str, Any]]) -> ModelCall:
    attributes = span.attributes
    given = chat.embedded(attributes.get("llm.invocation_parameters") or "{}", "llm.invocation_parameters")
    if not isinstance(given, dict):
        raise DocumentError("llm.invocation_parameters: an object was expected")
    parameters = {name: value for name, value in given.items() if value is not None and not name.startswith("_")}
    tools = [
        chat.embedded(item.get("tool.json_schema"), "llm.tools") for item in chat.numbered(attributes, "llm.tools")
    ]
    parameters.pop("model_name", None)
    body = {"model": attributes.get("llm.model_name"), **parameters, "messages": [_message(item) for item in asked]}
    if tools:
        body["tools"] = tools
    whole = all(given.get(name) == value for name, value in _FRAMEWORKS.items())
    doubts = () if asked else ("llm.input_messages",)
    api: Api | None = "openai.chat" if whole else None
    return ModelCall(
        span,
        body,
        _completion(span),
        api,
        () if whole else ("$",),
        () if given else ("parameters",),
        doubts,
        _agent(span),
        _conversation(span),
    )


def _completion(span: Span) -> dict[str, Any] | None:
    attributes = span.attributes
    reason = attributes.get("llm.finish_reason")
    said = [_message(item) for item in chat.numbered(attributes, "llm.output_messages")]
    counts = chat.usage(
        *(attributes.get(f"llm.token_count.{name}") for name in ("prompt", "completion")),
        total=attributes.get("llm.token_count.total"),
        cached=attributes.get("llm.token_count.prompt_details.cache_read"),
        reasoning=attributes.get("llm.token_count.completion_details.reasoning"),
    )
    choices = [{"message": message, "finish_reason": reason} for message in said]
    return chat.completion(choices, attributes.get("llm.model_name"), None, counts) if said else None


def _message(item: dict[str, Any]) -> dict[str, Any]:
    fields = {name.removeprefix("message."): value for name, value in item.items()}
    role, content = fields.get("role"), fields.get("content")
    parts = [_part(part) for part in chat.numbered(fields, "contents")]
    calls = []
    for call in chat.numbered(fields, "tool_calls"):
        inner = {name.removeprefix("tool_call."): value for name, value in call.items()}
        calls.append(chat.call(inner.get("id"), inner.get("function.name"), inner.get("function.arguments")))
    if legacy := fields.get("function_call_name"):
        calls.append(chat.call("", legacy, fields.get("function_call_arguments_json")))
    if role == "assistant":
        return chat.assistant(content or parts, calls)
    if role in ("tool", "function"):
        return chat.result(fields.get("tool_call_id"), content if content is not None else parts)
    return {"role": role, "content": chat.text(content) if content is not None else parts}


def _part(item: dict[str, Any]) -> dict[str, Any]:
    fields = {name.removeprefix("message_content."): value for name, value in item.items()}
    if fields.get("type") == "text":
        return {"type": "text", "text": chat.text(fields.get("text"))}
    if url := fields.get("image.image.url"):
        return {"type": "image_url", "image_url": {"url": url}}
    return fields


def _tool_run(span: Span) -> ToolSpan:
    attributes = span.attributes
    gave = attributes.get("output.value")
    call_id = chat.text(attributes.get("tool_call.id"))
    if isinstance(gave, str) and attributes.get("output.mime_type") == "application/json":
        gave, call_id = _langchain(gave, call_id)
    given = chat.text(attributes.get("input.value") or attributes.get("tool.parameters"))
    return ToolSpan(span, chat.text(attributes.get("tool.name") or span.name), given, gave, call_id)


def _langchain(gave: str, call_id: str) -> tuple[str, str]:
    """What LangChain's message of a result says of its words and its call."""
    try:
        value = chat.embedded(gave, "output.value")
    except DocumentError:
        return gave, call_id
    message = value.get("data") if isinstance(value, dict) and value.get("type") == "tool" else None
    if not isinstance(message, Mapping):
        return gave, call_id
    return chat.text(message.get("content")), call_id or chat.text(message.get("tool_call_id"))


def _agent(span: Span) -> str | None:
    name = span.attributes.get("agent.name")
    return name if isinstance(name, str) else None


def _conversation(span: Span) -> str | None:
    name = span.attributes.get("session.id")
    return name if isinstance(name, str) else None
