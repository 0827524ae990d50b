"""Anthropic's Messages on the wire.

In: the JSON of a request body, or of an answer. Out: a `Request`, a `Response`, and a request body back; see `wire`.

https://platform.claude.com/docs/en/api/messages. A message of the user that holds results of tools becomes several
messages (`Message.joined`). Tools that Anthropic runs itself are calls as well, so that policies see them; their
results stand among the parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.step import Message, Part, Request, Response, Tool, ToolCall, Usage
from runback_gate.wire.anthropic_messages_stream import AnthropicMessagesStream
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import (
    argument_text,
    beyond,
    count,
    kept,
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

API: Final = "anthropic.messages"

PARAMETERS = frozenset(("max_tokens", "stop_sequences", "temperature", "thinking", "top_k", "top_p"))
"""Fields of a body that an agent config states as parameters; all others are kept in `extra`."""

_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_RESULTS = (
    "web_search_tool_result web_fetch_tool_result code_execution_tool_result bash_code_execution_tool_result "
    "text_editor_code_execution_tool_result tool_search_tool_result mcp_tool_result container_upload"
)
_OF_ANSWERS = tuple(_RESULTS.split())
"""Parts of an answer that are no words and no call."""
_STOP = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # it goes on when it is sent back
    "refusal": "content_filter",
}
_TOP = frozenset("id type role model content stop_reason stop_sequence usage container context_management".split())


def read_request(body: JsonValue) -> Request:
    """The request of a body.

    Raises:
        NotUnderstoodError: not a body of this API.
    """
    top = mapping(body, "$")
    system = _system(top.get("system"))
    messages: list[Message] = []
    for index, item in enumerate(sequence(top.get("messages"), "$.messages")):
        messages += _message(mapping(item, f"$.messages[{index}]"), f"$.messages[{index}]")
    tools = sequence(top.get("tools") or [], "$.tools")
    request = Request(
        model=optional_string(top.get("model"), "$.model"),
        system=None if system is None else system.content,
        messages=named(messages),
        tools=tuple(_tool(mapping(item, f"$.tools[{index}]"), index) for index, item in enumerate(tools)),
        parameters={name: value for name, value in top.items() if name in PARAMETERS},
        system_message=system if system is not None and system.parts else None,
        api=API,
    )
    written = write_request(request, request.model)
    return replace(request, extra={name: value for name, value in top.items() if name not in written})


def _system(value: JsonValue) -> Message | None:
    if value is None or value == []:
        return None
    if isinstance(value, str):
        return Message("system", value)
    return Message("system", parts=tuple(_parts(value, "$.system")))


@remembered
def _message(wire: dict[str, Any], place: str) -> list[Message]:
    role, content = wire.get("role"), wire.get("content")
    if role not in ("user", "assistant", "system"):
        raise NotUnderstoodError(f"{place}.role", "a role that is not known")
    if isinstance(content, str):
        return with_rest([Message(role, content)], wire, _write_message)
    at = f"{place}.content"
    blocks = [(f"{at}[{n}]", mapping(item, f"{at}[{n}]")) for n, item in enumerate(sequence(content, at))]
    if role == "user":
        items = [
            _result(block, where) if block.get("type") == "tool_result" else _part(block, answer=False)
            for where, block in blocks
        ]
        return with_rest(split(items), wire, _write_message)
    text, parts, calls = in_order(_item(block, where, answer=False) for where, block in blocks)
    if text and not calls:  # without parts it would be written as a plain text
        text, parts = "", (Part("text", text),)
    return with_rest([Message(role, text, calls, parts=parts)], wire, _write_message)


def _result(wire: dict[str, Any], place: str) -> Message:
    content = wire.get("content")
    plain = content is None or isinstance(content, str)
    parts = () if plain else tuple(_parts(content, f"{place}.content"))
    text = content if isinstance(content, str) else ""
    message = Message("tool", text, (), optional_string(wire.get("tool_use_id"), f"{place}.tool_use_id"), parts=parts)
    if wire.get("is_error") is True:
        message = replace(message, error=message.content or "error")
    return replace(message, extra=beyond(wire, _write_result(message)))


def _parts(value: Any, place: str) -> Iterator[Part]:
    for index, item in enumerate(sequence(value, place)):
        yield _part(mapping(item, f"{place}[{index}]"), answer=False)


def _item(wire: dict[str, Any], place: str, *, answer: bool) -> Part | ToolCall:
    if wire.get("type") not in _CALLS:
        part = _part(wire, answer=answer)
        if answer and part.kind == "other" and wire.get("type") not in _OF_ANSWERS:
            raise NotUnderstoodError(f"{place}.type", "a part of an answer that is not known")
        if answer and part.kind != "other":
            refuse_deciding(part.extra, place)
        return part
    name = string(wire.get("name"), f"{place}.name")
    if answer and not name:
        raise NotUnderstoodError(f"{place}.name", "a call without a name")
    call = ToolCall(
        optional_string(wire.get("id"), f"{place}.id") or "", name, argument_text(wire.get("input"), f"{place}.input")
    )
    if answer:
        known = ("type", "id", "name", "input")
        own = {} if wire["type"] == "tool_use" else {"type": wire["type"]}
        beside = kept(wire, known)
        refuse_deciding(beside, place)
        return replace(call, extra={**own, **beside})
    return replace(call, extra=beyond(wire, _write_call(call)))


def _part(wire: dict[str, Any], *, answer: bool) -> Part:
    kind, source = wire.get("type"), wire.get("source")
    part = Part("other", extra=wire)
    if kind == "text" and isinstance(wire.get("text"), str):
        part = Part("text", wire["text"])
    elif kind == "thinking" and isinstance(wire.get("thinking"), str):
        signature = wire.get("signature")
        part = Part("reasoning", wire["thinking"], signature=signature if isinstance(signature, str) else None)
    elif kind == "redacted_thinking" and isinstance(wire.get("data"), str):
        part = Part("reasoning", signature=wire["data"], extra={"type": kind})
    elif kind in ("image", "document") and isinstance(source, dict):
        part = _media("image" if kind == "image" else "file", source) or part
    if part.kind == "other":
        return part
    written = _write_part(part)
    own = {"type": kind} if kind == "redacted_thinking" else {}
    return replace(part, extra={**own, **(kept(wire, written) if answer else beyond(wire, written))})


def _media(kind: Any, source: dict[str, Any]) -> Part | None:
    form, data, media_type = (source.get(name) for name in ("type", "data", "media_type"))
    if form == "base64" and isinstance(data, str) and isinstance(media_type, str):
        return Part(kind, media_type=media_type, data=data)
    if form == "text" and isinstance(data, str) and isinstance(media_type, str):
        return Part(kind, data, media_type=media_type)
    if form == "url" and isinstance(source.get("url"), str):
        return Part(kind, url=source["url"])
    return None


def _write_part(part: Part) -> dict[str, Any]:
    if part.kind == "text":
        return overlay({"type": "text", "text": part.text}, part.extra)
    if part.kind == "reasoning" and part.extra.get("type") == "redacted_thinking":
        return overlay({"data": part.signature}, part.extra)
    if part.kind == "reasoning":
        thinking = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return overlay({name: value for name, value in thinking.items() if value is not None}, part.extra)
    if part.kind in ("image", "file"):
        source = {"type": "url", "url": part.url}
        if part.data is not None:
            source = {"type": "base64", "media_type": part.media_type, "data": part.data}
        elif part.text:
            source = {"type": "text", "media_type": part.media_type, "data": part.text}
        return overlay({"type": "image" if part.kind == "image" else "document", "source": source}, part.extra)
    return part.extra if part.kind == "other" else {"type": "text", "text": part.text}


def _write_call(call: ToolCall) -> dict[str, Any]:
    wire = {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_value(call.arguments)}
    return overlay(wire, call.extra)


def _write_result(message: Message) -> dict[str, Any]:
    content = [_write_part(part) for part in message.parts] or message.content or message.error or ""
    wire: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": content}
    return overlay(wire | ({} if message.error is None else {"is_error": True}), message.extra)


def _tool(wire: dict[str, Any], index: int) -> Tool:
    name = string(wire.get("name", wire.get("type")), f"$.tools[{index}].name")
    if wire.get("type", "custom") != "custom":
        return Tool(name, extra=wire)
    description, schema, strict = (wire.get(field) for field in ("description", "input_schema", "strict"))
    tool = Tool(
        name,
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
        strict if isinstance(strict, bool) else None,
    )
    return replace(tool, extra=beyond(wire, _write_tool(tool)))


def _write_tool(tool: Tool) -> dict[str, Any]:
    if tool.extra.get("type", "custom") != "custom":  # one that Anthropic runs: the whole definition
        return tool.extra
    wire: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters or {"type": "object"}}
    if tool.description:
        wire["description"] = tool.description
    if tool.strict is not None:
        wire["strict"] = tool.strict
    return overlay(wire, tool.extra)


def write_request(request: Request, model: str | None) -> dict[str, Any]:
    """The body of a request."""
    groups = grouped(request.messages, same_api=request.api == API)
    written: dict[str, Any] = {**request.parameters, "messages": [_write_message(group) for group in groups]}
    if model is not None:
        written["model"] = model
    if (system := instructions(request)) is not None:
        written["system"] = [_write_part(part) for part in system.parts] or system.content
    if request.tools:
        written["tools"] = [_write_tool(tool) for tool in request.tools]
    return {**request.extra, **written}


def _write_message(group: list[Message]) -> dict[str, Any]:
    first = group[0]
    role = first.role if first.role in ("assistant", "system") else "user"
    content: Any = blocks_of(group, result=_write_result, call=_write_call, part=_write_part)
    if len(group) == 1 and first.role != "tool" and not first.parts and not first.tool_calls:
        content = first.content
    return overlay({"role": role, "content": content}, first.extra.get(MESSAGE, {}))


def read_answer(value: JsonValue) -> Response:
    """The answer.

    Raises:
        ErrorAnswerError: it is an error.
        NotUnderstoodError: no message of this API, or not understood whole.
    """
    top = mapping(value, "$")
    if top.get("error") or top.get("type") == "error":
        raise ErrorAnswerError("$.error", top.get("error") or top)
    refuse_unknown(top, _TOP, "$")
    blocks = sequence(top.get("content"), "$.content")
    items = [
        _item(mapping(item, f"$.content[{index}]"), f"$.content[{index}]", answer=True)
        for index, item in enumerate(blocks)
    ]
    text, parts, calls = in_order(item for item in items if item != Part("text", ""))
    said = optional_string(top.get("stop_reason"), "$.stop_reason")
    if said is not None and said not in _STOP:
        raise NotUnderstoodError("$.stop_reason", f"{said[:80]!r} is no stop reason that is known")
    if said == "tool_use" and not calls:
        raise NotUnderstoodError("$.stop_reason", "tool_use, but there is no call")
    return Response(
        text,
        calls,
        None if said is None else _STOP[said],
        optional_string(top.get("model"), "$.model"),
        _usage(top.get("usage")),
        parts=parts,
        extra=kept(top, ("type", "role", "model", "content", "stop_reason", "usage")),
    )


def _usage(value: JsonValue) -> Usage:
    """Tokens; what came from the cache and went into it is counted beside `input_tokens`, thinking in the output."""
    if not isinstance(value, dict):
        return Usage()
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    asked, answered, read, wrote = (count(value.get(name)) for name in names)
    whole = None if asked is None else asked + (read or 0) + (wrote or 0)
    return Usage(whole, answered, None, read, wrote)


def read_stream() -> AnthropicMessagesStream:
    """The reader of one streamed answer."""
    return AnthropicMessagesStream()
