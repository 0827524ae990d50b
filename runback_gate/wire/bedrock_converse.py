"""Bedrock's Converse on the wire.

In: the JSON of a request body, or of an answer. Out: a `Request`, a `Response`, and a request body back; see `wire`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The model stands in the address, not
in the body. Parameters are those of `inferenceConfig`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.step import Message, Part, PartKind, Request, Response, Tool, ToolCall, Usage
from runback_gate.wire.bedrock_converse_stream import BedrockConverseStream
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import (
    argument_text,
    beyond,
    count,
    filled,
    kept,
    left,
    mapping,
    optional_string,
    overlay,
    refuse_deciding,
    refuse_unknown,
    sequence,
    string,
)
from runback_gate.wire.remembered import remembered
from runback_gate.wire.turns import (
    MESSAGE,
    arguments_value,
    blocks_of,
    grouped,
    in_order,
    instructions,
    named,
    split,
    with_rest,
)

API: Final = "bedrock.converse"

PARAMETERS = frozenset(("maxTokens", "stopSequences", "temperature", "topP"))
"""Fields of `inferenceConfig`, which an agent config states as parameters."""

_STOP = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_FAILED = frozenset(("malformed_model_output", "malformed_tool_use"))
_TOP = frozenset(
    "output stopReason usage metrics trace performanceConfig serviceTier additionalModelResponseFields "
    "ResponseMetadata".split()
)
_DOCUMENTS = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
}
_FORMATS = {media_type: name for name, media_type in _DOCUMENTS.items()}


def read_request(body: JsonValue) -> Request:
    """The request of a body.

    Raises:
        NotUnderstoodError: not a body of this API.
    """
    top = mapping(body, "$")
    messages: list[Message] = []
    for index, item in enumerate(sequence(top.get("messages") or [], "$.messages")):
        messages += _message(mapping(item, f"$.messages[{index}]"), f"$.messages[{index}]")
    parts = tuple(_parts(top.get("system") or [], "$.system"))
    system = Message("system", parts=parts) if parts else None
    config = mapping(top.get("toolConfig") or {}, "$.toolConfig")
    tools = sequence(config.get("tools") or [], "$.toolConfig.tools")
    request = Request(
        system=None if system is None else system.content,
        messages=named(messages),
        tools=tuple(_tool(item, f"$.toolConfig.tools[{index}]") for index, item in enumerate(tools)),
        parameters=mapping(top.get("inferenceConfig") or {}, "$.inferenceConfig"),
        system_message=None if system is None or parts == (Part("text", system.content),) else system,
        api=API,
    )
    return replace(request, extra=left(top, write_request(request, None)))


@remembered
def _message(wire: dict[str, Any], place: str) -> list[Message]:
    role, at = wire.get("role"), f"{place}.content"
    if role not in ("user", "assistant"):
        raise NotUnderstoodError(f"{place}.role", "a role that is not known")
    blocks = [(f"{at}[{n}]", mapping(item, f"{at}[{n}]")) for n, item in enumerate(sequence(wire.get("content"), at))]
    if role == "user":
        items = [_result(block, where) if "toolResult" in block else _part(block) for where, block in blocks]
        messages = [_plain(message) for message in split(items)]
    else:
        text, parts, calls = in_order(_item(block, where) for where, block in blocks)
        messages = [Message("assistant", text, calls, parts=parts)]
    return with_rest(messages, wire, _write_message)


def _plain(message: Message) -> Message:
    """A message of one text, which is written alike."""
    only = message.parts == (Part("text", message.content),) and message.content and message.role == "user"
    return replace(message, parts=()) if only else message


def _result(wire: dict[str, Any], place: str) -> Message:
    result = mapping(wire["toolResult"], f"{place}.toolResult")
    parts = tuple(_parts(result.get("content") or [], f"{place}.toolResult.content"))
    message = Message("tool", "", (), optional_string(result.get("toolUseId"), place), parts=parts)
    if result.get("status") == "error":
        message = replace(message, error=message.content or "error")
    if parts == (Part("text", message.content),) and message.content:
        message = replace(message, parts=())
    return replace(message, extra=beyond(wire, _write_result(message)))


def _parts(value: Any, place: str) -> Iterator[Part]:
    for index, item in enumerate(sequence(value, place)):
        yield _part(mapping(item, f"{place}[{index}]"))


def _item(wire: dict[str, Any], place: str) -> Part | ToolCall:
    if "toolUse" not in wire:
        return _part(wire)
    use = mapping(wire["toolUse"], f"{place}.toolUse")
    identity = optional_string(use.get("toolUseId"), f"{place}.toolUse.toolUseId") or ""
    name = string(use.get("name"), f"{place}.toolUse.name")
    call = ToolCall(identity, name, argument_text(use.get("input"), f"{place}.toolUse.input"))
    return replace(call, extra=beyond(wire, _write_call(call)))


def _part(wire: dict[str, Any]) -> Part:
    part = Part("other", extra=wire)
    reasoning = wire.get("reasoningContent")
    if isinstance(wire.get("text"), str):
        part = Part("text", wire["text"])
    elif isinstance(reasoning, dict) and isinstance(words := reasoning.get("reasoningText"), dict):
        signature, text = words.get("signature"), words.get("text")
        part = Part(
            "reasoning",
            text if isinstance(text, str) else "",
            signature=signature if isinstance(signature, str) else None,
        )
    elif isinstance(wire.get("image"), dict):
        part = _media("image", wire["image"]) or part
    elif isinstance(wire.get("document"), dict):
        part = _media("file", wire["document"]) or part
    return part if part.kind == "other" else replace(part, extra=beyond(wire, _write_part(part)))


def _media(kind: PartKind, wire: dict[str, Any]) -> Part | None:
    form, source = wire.get("format"), wire.get("source")
    media_type = f"image/{form}" if kind == "image" else _DOCUMENTS.get(str(form))
    if not isinstance(source, dict) or media_type is None:
        return None
    if isinstance(source.get("bytes"), str):
        return Part(kind, media_type=media_type, data=source["bytes"])
    location = source.get("s3Location")
    if isinstance(location, dict) and isinstance(location.get("uri"), str):
        return Part(kind, media_type=media_type, url=location["uri"])
    return None


def _write_part(part: Part) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if part.kind == "reasoning":
        words = {"text": part.text} | ({} if part.signature is None else {"signature": part.signature})
        wire = {"reasoningContent": {"reasoningText": words}}
    elif part.kind in ("image", "file"):
        media_type = part.media_type or ""
        form = media_type.removeprefix("image/") if part.kind == "image" else _FORMATS.get(media_type, "txt")
        source = {"s3Location": {"uri": part.url}} if part.data is None else {"bytes": part.data}
        inner: dict[str, Any] = {"format": form, "source": source}
        wire = {"image": inner} if part.kind == "image" else {"document": {"name": "document", **inner}}
    elif part.kind != "other":
        wire = {"text": part.text}
    return overlay(wire, part.extra)


def _write_call(call: ToolCall) -> dict[str, Any]:
    use = {"toolUseId": call.id, "name": call.name, "input": arguments_value(call.arguments)}
    return overlay({"toolUse": use}, call.extra)


def _write_result(message: Message) -> dict[str, Any]:
    words = message.content or message.error
    content = [_write_part(part) for part in message.parts] or ([{"text": words}] if words else [])
    result: dict[str, Any] = {"toolUseId": message.tool_call_id, "content": content}
    if message.error is not None:
        result["status"] = "error"
    return overlay({"toolResult": result}, message.extra)


def _tool(value: Any, place: str) -> Tool:
    wire = mapping(value, place)
    spec = wire.get("toolSpec")
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        return Tool(next(iter(wire), ""), extra={**wire, "toolSpec": None})
    schema = spec.get("inputSchema")
    schema = schema.get("json") if isinstance(schema, dict) else None
    description, strict = spec.get("description"), spec.get("strict")
    tool = Tool(
        spec["name"],
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
        strict if isinstance(strict, bool) else None,
    )
    return replace(tool, extra=beyond(wire, _write_tool(tool)))


def _write_tool(tool: Tool) -> dict[str, Any]:
    if tool.extra.get("toolSpec", "") is None:  # no function, such as a cache point: the whole definition
        return {name: value for name, value in tool.extra.items() if name != "toolSpec"}
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.parameters or {"type": "object"}}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return overlay({"toolSpec": spec}, tool.extra)


def write_request(request: Request, model: str | None) -> dict[str, Any]:  # noqa: ARG001  it stands in the address
    """The body of a request."""
    groups = grouped(request.messages, same_api=request.api == API)
    written: dict[str, Any] = {"messages": [_write_message(group) for group in groups]}
    if (system := instructions(request)) is not None:
        written["system"] = [_write_part(part) for part in system.parts] or [{"text": system.content}]
    if request.parameters:
        written["inferenceConfig"] = request.parameters
    if request.tools:
        written["toolConfig"] = {"tools": [_write_tool(tool) for tool in request.tools]}
    return filled(written, request.extra)


def _write_message(group: list[Message]) -> dict[str, Any]:
    role = "assistant" if group[0].role == "assistant" else "user"
    content = blocks_of(group, result=_write_result, call=_write_call, part=_write_part)
    return overlay({"role": role, "content": content}, group[0].extra.get(MESSAGE, {}))


def read_answer(value: JsonValue) -> Response:
    """The answer.

    Raises:
        ErrorAnswerError: it is an error.
        NotUnderstoodError: no answer of this API, or not understood whole.
    """
    top = mapping(value, "$")
    if "output" not in top and ("message" in top or "__type" in top):
        raise ErrorAnswerError("$", top)
    refuse_unknown(top, _TOP, "$")
    output = mapping(top.get("output"), "$.output")
    refuse_unknown(output, ("message",), "$.output")
    message = mapping(output.get("message"), "$.output.message")
    refuse_unknown(message, ("role", "content"), "$.output.message")
    at = "$.output.message.content"
    items = []
    for index, block in enumerate(sequence(message.get("content"), at)):
        item = _item(mapping(block, f"{at}[{index}]"), f"{at}[{index}]")
        known = "citationsContent" in block or "reasoningContent" in block
        if isinstance(item, ToolCall) or item.kind != "other":
            refuse_deciding(item.extra, f"{at}[{index}]")
        if isinstance(item, Part) and item.kind == "other" and not known:
            raise NotUnderstoodError(f"{at}[{index}]", "a part of an answer that is not known")
        if isinstance(item, ToolCall) and not item.name:
            raise NotUnderstoodError(f"{at}[{index}].toolUse.name", "a call without a name")
        items += [] if item == Part("text", "") else _cited(item)
    text, parts, calls = in_order(items)
    reason = _finish(optional_string(top.get("stopReason"), "$.stopReason"), calls)
    extra = kept(top, ("output", "stopReason", "usage", "metrics", "ResponseMetadata"))
    return Response(text, calls, reason, usage=_usage(top.get("usage")), parts=parts, extra=extra)


def _cited(item: Part | ToolCall) -> list[Part | ToolCall]:
    """Text with its sources is text: the words of `citationsContent`, which keeps the rest."""
    cited = item.extra.get("citationsContent") if isinstance(item, Part) and item.kind == "other" else None
    if cited is None:
        return [item]
    blocks = sequence(mapping(cited, "citationsContent").get("content") or [], "citationsContent.content")
    words = [
        string(mapping(block, "citationsContent").get("text"), "citationsContent.content.text") for block in blocks
    ]
    return [Part("text", "".join(words), extra=item.extra)]


def _finish(said: str | None, calls: tuple[ToolCall, ...]) -> str | None:
    if said in _FAILED:
        raise ErrorAnswerError("$.stopReason", {"message": f"stopReason {said}"})
    if said is not None and said not in _STOP:
        raise NotUnderstoodError("$.stopReason", f"{said[:80]!r} is no stop reason that is known")
    if said == "tool_use" and not calls:
        raise NotUnderstoodError("$.stopReason", "tool_use, but there is no call")
    return None if said is None else _STOP[said]


def _usage(value: JsonValue) -> Usage:
    """Tokens; the total tells whether what concerns the cache is counted beside `inputTokens`."""
    if not isinstance(value, dict):
        return Usage()
    names = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    asked, answered, total, read, wrote = (count(value.get(name)) for name in names)
    if asked is None or answered is None:
        return Usage(asked, answered, None, read, wrote)
    beside = asked + (read or 0) + (wrote or 0)
    if total is None or beside + answered == total:
        return Usage(beside, answered, None, read, wrote)
    return Usage(asked if asked + answered == total else None, answered, None, read, wrote)


def read_stream() -> BedrockConverseStream:
    """The reader of one streamed answer."""
    return BedrockConverseStream()
