"""OpenTelemetry's GenAI conventions: `gen_ai.*` attributes of spans, and of the event that stands for one.

In: a span. Out: its kind, its content and its parameters, in OpenAI's chat form.

    content(span).messages, parameters(span.attributes)

https://opentelemetry.io/docs/specs/semconv/gen-ai/, from v0.1.0 (`gen_ai.provider.name`, messages as attributes)
back to 1.27 (`gen_ai.system`). No attribute has the choice of tools, `parallel_tool_calls`, `stream_options` or `user`,
so what is read here is never an exact request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import Content, Span
from runback_gate.errors import DocumentError
from runback_gate.step import Api

CALLS: Final = frozenset(("chat", "generate_content", "text_completion", "completion"))
"""Operations that ask a model."""
TOOL: Final = "execute_tool"
DETAILS: Final = "gen_ai.client.inference.operation.details"
"""The event that holds what the span would."""
_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "stop_sequences": "stop",
    "choice.count": "n",
    "reasoning_effort": "reasoning_effort",
}
"""Names behind `gen_ai.request.`, and what they are on the wire."""
_ON_SPAN = ("input.messages", "output.messages", "system_instructions", "tool.definitions")


def whole(span: Span) -> dict[str, Any]:
    """The attributes of a span and of the event that holds its details."""
    details = (event.attributes for event in span.events if event.name == DETAILS)
    found: dict[str, Any] = dict(span.attributes)
    for more in details:
        found |= more
    return found


def operation(attributes: Mapping[str, Any]) -> str | None:
    """What a span does; older libraries say it in fields of their own."""
    named = attributes.get("gen_ai.operation.name") or attributes.get("llm.request.type")
    if named is None and "gen_ai.request.model" in attributes:
        return "chat"
    return named if isinstance(named, str) else None


def api(attributes: Mapping[str, Any]) -> Api | None:
    """The API in whose names the parameters are; None when that cannot be told."""
    provider = attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system")
    kind = attributes.get("openai.api.type", "chat_completions")
    return "openai.chat" if str(provider).lower() == "openai" and kind == "chat_completions" else None


def parameters(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request, but for its messages and tools."""
    found = {wire: attributes.get(f"gen_ai.request.{name}") for name, wire in _PARAMETERS.items()}
    found["model"] = attributes.get("gen_ai.request.model") or attributes.get("gen_ai.response.model")
    if attributes.get("gen_ai.request.stream") or attributes.get("gen_ai.is_streaming"):
        found["stream"] = True
    found["user"] = attributes.get("gen_ai.user") or attributes.get("llm.user")
    return {name: value for name, value in found.items() if value is not None and value != ""}


def lost(attributes: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that may have been sent and have no attribute."""
    names = ["parallel_tool_calls", "seed", "stream_options", "tool_choice", "user"]
    if "gen_ai.provider.name" not in attributes and "gen_ai.is_streaming" not in attributes:
        names.append("stream")  # v0.1.0 has a name for it
    if attributes.get("gen_ai.output.type", "text") != "text":
        names.append("response_format")
    return tuple(f"$.{name}" for name in sorted(names) if name not in body)


def counts(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tokens, by the newest name that is there."""

    def first(*names: str) -> Any:
        return next((value for name in names if (value := attributes.get(f"gen_ai.usage.{name}")) is not None), None)

    return chat.usage(
        first("input_tokens", "prompt_tokens"),
        first("output_tokens", "completion_tokens"),
        cached=first("cache_read.input_tokens", "cache_read_input_tokens"),
        reasoning=first("reasoning.output_tokens", "reasoning_tokens"),
        total=first("total_tokens"),
    )


def reasons(attributes: Mapping[str, Any]) -> list[Any]:
    """The finish reason of each answer."""
    value = attributes.get("gen_ai.response.finish_reasons")
    if isinstance(value, str):
        try:
            value = chat.embedded(value, "gen_ai.response.finish_reasons")
        except DocumentError:
            value = [value]
    return value if isinstance(value, list) else []


def setting(attributes: Mapping[str, Any]) -> str:
    """What turns content on."""
    if "gen_ai.provider.name" in attributes:
        older = "; of older packages also OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"
        return f"{_VARIABLE}=span_only{older}"
    return f"{_VARIABLE}=true"


def tool_run(attributes: Mapping[str, Any]) -> tuple[str, str, str | None, str]:
    """Name, arguments, result and call id of a span that runs a tool."""
    given = attributes.get("gen_ai.tool.call.arguments")
    gave = attributes.get("gen_ai.tool.call.result")
    name, call_id = attributes.get("gen_ai.tool.name"), attributes.get("gen_ai.tool.call.id")
    return chat.text(name), chat.text(given), None if gave is None else chat.text(gave), chat.text(call_id)


def content(attributes: Mapping[str, Any]) -> Content:
    """What was asked and answered.

    Raises:
        DocumentError: an attribute is no JSON.
    """
    asked, answered, instructions, tools = (
        None if (value := attributes.get(f"gen_ai.{name}")) is None else chat.embedded(value, f"gen_ai.{name}")
        for name in _ON_SPAN
    )
    doubts: list[str] = []
    messages = None if asked is None else list(_messages(asked, "gen_ai.input.messages", doubts))
    if instructions is not None:
        words = "\n".join(
            chat.text(_mapping(part).get("content")) for part in _list(instructions, "gen_ai.system_instructions")
        )
        messages = [{"role": "system", "content": words}, *(messages or [])]
    choices = None
    if answered is not None:
        choices = [_choice(item, doubts) for item in _list(answered, "gen_ai.output.messages")]
    found = None if tools is None else [_tool(item) for item in _list(tools, "gen_ai.tool.definitions")]
    return Content(messages, choices, found, tuple(doubts))


def _choice(value: Any, doubts: list[str]) -> dict[str, Any]:
    message = _mapping(value)
    said = list(_messages([message], "gen_ai.output.messages", doubts))
    if len(said) != 1 or said[0]["role"] != "assistant":
        raise DocumentError("gen_ai.output.messages: not one message of the assistant")
    return {"message": said[0], "finish_reason": message.get("finish_reason")}


def _messages(values: Any, name: str, doubts: list[str]) -> Iterable[dict[str, Any]]:
    for index, value in enumerate(_list(values, name)):
        message = _mapping(value)
        role = {"model": "assistant"}.get(str(message.get("role")), message.get("role"))
        parts = message.get("parts")
        beside = message.get("tool_calls")
        if beside or message.get("tool_call_id"):
            doubts.append(f"{name}[{index}]: calls beside the parts")
        yield from _message(
            role, [_mapping(part) for part in _list(parts or [], name)], beside or [], message.get("tool_call_id")
        )


def _message(role: Any, parts: list[dict[str, Any]], calls: list[Any], answers: Any) -> Iterable[dict[str, Any]]:
    calls = [
        *(
            chat.call(part.get("id"), part.get("name"), part.get("arguments"))
            for part in parts
            if part.get("type") == "tool_call"
        ),
        *calls,
    ]
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    thoughts = [chat.text(part.get("content")) for part in parts if part.get("type") == "reasoning"]
    rest = [_part(part) for part in parts if part.get("type") not in ("tool_call", "tool_call_response", "reasoning")]
    for part in results:
        yield chat.result(part.get("id"), part["response"] if "response" in part else part.get("result"))
    words: Any = rest[0]["text"] if len(rest) == 1 and rest[0].get("type") == "text" else rest or ""
    if role == "assistant":
        yield chat.assistant(words, calls, "\n".join(thoughts))
    elif rest or not results:
        yield {"role": role, "content": words} | ({"tool_call_id": answers} if answers else {})


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "text": chat.text(part.get("content"))}
    if kind == "uri" and part.get("modality") == "image":
        return {"type": "image_url", "image_url": {"url": part.get("uri")}}
    if kind == "blob" and part.get("modality") == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{part.get('mime_type')};base64,{part.get('content')}"}}
    if kind == "file":
        return {"type": "file", "file": {"file_id": part.get("file_id")}}
    return part


def _tool(value: Any) -> dict[str, Any]:
    tool = _mapping(value)
    if tool.get("type", "function") != "function":
        return tool
    fields = {**tool, **tool["function"]} if isinstance(tool.get("function"), dict) else tool
    more = {
        name: item
        for name, item in fields.items()
        if name not in ("type", "name", "description", "parameters", "function")
    }
    parameters = chat.embedded(fields.get("parameters"), "gen_ai.tool.definitions")
    return chat.function(fields.get("name"), fields.get("description"), parameters, **more)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentError(f"{name}: a list was expected")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError("an object was expected")
    return value
