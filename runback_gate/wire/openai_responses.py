"""OpenAI's Responses on the wire.

In: the JSON of a request body, or of an answer. Out: a `Request`, a `Response`, and a request body back; see `wire`.

https://platform.openai.com/docs/api-reference/responses. Each item of `input` is one `Message`; those of the assistant
behind its first are `joined`. Tools that OpenAI runs itself, and actions such as those of a shell or of a computer, are
calls as well, so that policies see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.step import Message, Part, Request, Response, Role, Tool, ToolCall, Usage
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import (
    argument_text,
    beyond,
    count,
    kept,
    mapping,
    optional_list,
    optional_string,
    overlay,
    refuse_deciding,
    refuse_unknown,
    sequence,
    string,
)
from runback_gate.wire.openai_responses_parts import (
    ITEM,
    read_call,
    read_part,
    read_parts,
    reasoning,
    write_call,
    write_part,
    write_reasoning,
)
from runback_gate.wire.openai_responses_stream import OpenaiResponsesStream
from runback_gate.wire.remembered import remembered
from runback_gate.wire.turns import instructions, items_of, named

API: Final = "openai.responses"

PARAMETERS = frozenset("max_output_tokens max_tool_calls reasoning temperature text top_logprobs top_p".split())
"""Fields of a body that an agent config states as parameters; all others are kept in `extra`."""

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_OUTPUTS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}
_OF_ANSWERS = frozenset(("mcp_list_tools", "compaction", "item_reference"))
_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


_CALL = frozenset("type id call_id name arguments input status namespace created_by caller".split())
"""Fields of an item that is a call of a function."""


def read_request(body: JsonValue) -> Request:
    """The request of a body.

    Raises:
        NotUnderstoodError: not a body of this API.
    """
    top = mapping(body, "$")
    given = top.get("input")
    instructions = optional_string(top.get("instructions"), "$.instructions")
    messages: list[Message] = [Message("user", given)] if isinstance(given, str) else []
    for at, item in () if isinstance(given, str) else optional_list(given, "$.input"):
        message = _message(mapping(item, at), at)
        follows = bool(messages) and messages[-1].role == message.role == "assistant"
        messages.append(replace(message, joined=follows))
    first = None
    if instructions is None and messages and messages[0].role in ("system", "developer") and messages[0].content:
        taken = messages.pop(0)
        first = replace(taken, extra={**taken.extra, ITEM: True})
    tools = sequence(top.get("tools") or [], "$.tools")
    request = Request(
        model=optional_string(top.get("model"), "$.model"),
        system=instructions if first is None else first.content,
        messages=named(messages),
        tools=tuple(_tool(mapping(item, f"$.tools[{index}]"), f"$.tools[{index}]") for index, item in enumerate(tools)),
        parameters={name: value for name, value in top.items() if name in PARAMETERS},
        system_message=first,
        api=API,
    )
    written = write_request(request, request.model)
    extra = {name: value for name, value in top.items() if name not in written}
    if isinstance(given, str):
        extra[ITEM] = "text"
    elif given is None:
        extra[ITEM] = "none"
    return replace(request, extra=extra)


@remembered
def _message(wire: dict[str, Any], place: str) -> Message:
    kind = wire.get("type", "message")
    if kind == "message" and wire.get("role") in _ROLES:
        content = wire.get("content")
        parts = tuple(read_parts(content, f"{place}.content"))
        message = Message(_ROLES[wire["role"]], content if isinstance(content, str) else "", parts=parts)
    elif kind == "reasoning":
        message = Message("assistant", parts=(reasoning(wire, place),))
    elif kind in ("function_call", "custom_tool_call"):
        return Message("assistant", "", (read_call(wire, place),))
    elif kind in _OUTPUTS:
        output = wire.get("output")
        identity = optional_string(wire.get("call_id"), f"{place}.call_id")
        text = output if isinstance(output, str) else ""
        message = Message("tool", text, (), identity, parts=tuple(read_parts(output, f"{place}.output")))
    else:
        # Items that this package does not model, such as those of tools that OpenAI runs, stay whole.
        role: Role = "tool" if str(kind).endswith("_output") else _ROLES.get(str(wire.get("role")), "assistant")
        return Message(role, parts=(Part("other", extra={ITEM: True, **wire}),))
    return replace(message, extra=beyond(wire, _write_item(message)))


def _write_item(message: Message) -> dict[str, Any]:
    """One item; of a message of the assistant in this API, which holds one thing."""
    if message.role == "tool":
        output: Any = [write_part(part, "input") for part in message.parts] or message.content or message.error or ""
        wire = {"type": "function_call_output", "call_id": message.tool_call_id, "output": output}
        return overlay(wire, message.extra)
    if message.tool_calls:
        return write_call(message.tool_calls[0])
    if len(message.parts) == 1 and message.parts[0].kind == "reasoning":
        return overlay(write_reasoning(message.parts[0]), message.extra)
    side = "output" if message.role == "assistant" else "input"
    content: Any = [write_part(part, side) for part in message.parts] or message.content
    return overlay({"role": message.role, "content": content}, message.extra)


def _items(message: Message) -> Iterator[dict[str, Any]]:
    """The items of a message: as many as it holds things."""
    if len(message.parts) == 1 and ITEM in message.parts[0].extra:
        yield {name: value for name, value in message.parts[0].extra.items() if name != ITEM}
    elif message.role != "assistant" or _is_one_item(message):
        yield _write_item(message)
    else:
        words: list[Part] = []
        for item in items_of(message):
            if isinstance(item, Part) and item.kind != "reasoning":
                words.append(item)
                continue
            if words:
                yield _write_item(Message("assistant", parts=tuple(words)))
                words = []
            yield write_call(item) if isinstance(item, ToolCall) else write_reasoning(item)
        if words:
            yield _write_item(Message("assistant", parts=tuple(words)))


def _is_one_item(message: Message) -> bool:
    thoughts = sum(part.kind == "reasoning" for part in message.parts)
    return not (message.tool_calls or thoughts) or len(message.tool_calls) + len(message.parts) == 1


def _tool(wire: dict[str, Any], place: str) -> Tool:
    if wire.get("type") != "function":
        name = wire.get("name", wire.get("type"))
        return Tool(name if isinstance(name, str) else "", extra={"type": None, **wire})
    description, schema, strict = (wire.get(field) for field in ("description", "parameters", "strict"))
    tool = Tool(
        string(wire.get("name"), f"{place}.name"),
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
        strict if isinstance(strict, bool) else None,
    )
    return replace(tool, extra=beyond(wire, _write_tool(tool)))


def _write_tool(tool: Tool) -> dict[str, Any]:
    if "type" in tool.extra:  # no function: the whole definition
        return {name: value for name, value in tool.extra.items() if (name, value) != ("type", None)}
    wire: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    if tool.parameters:
        wire["parameters"] = tool.parameters
    if tool.strict is not None:
        wire["strict"] = tool.strict
    return overlay(wire, tool.extra)


def write_request(request: Request, model: str | None) -> dict[str, Any]:
    """The body of a request."""
    form = request.extra.get(ITEM)
    items = [item for message in request.messages for item in _items(message)]
    system = instructions(request)
    written: dict[str, Any] = dict(request.parameters)
    if system is not None and ITEM in system.extra:
        items.insert(0, _write_item(system))
    elif system is not None:
        written["instructions"] = system.content
    if form != "none" or items:
        plain = form == "text" and len(items) == 1 and not request.messages[0].parts
        written["input"] = request.messages[0].content if plain else items
    if model is not None:
        written["model"] = model
    if request.tools:
        written["tools"] = [_write_tool(tool) for tool in request.tools]
    return {**{name: value for name, value in request.extra.items() if name != ITEM}, **written}


def read_answer(value: JsonValue) -> Response:
    """The answer.

    Raises:
        ErrorAnswerError: it is an error, or failed.
        NotUnderstoodError: no answer of this API, or not understood whole.
    """
    top = mapping(value, "$")
    if top.get("error") or top.get("status") in ("failed", "cancelled"):
        raise ErrorAnswerError("$.error", top.get("error") or {"message": f"status {top['status']}"})
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for at, item in optional_list(top.get("output"), "$.output"):
        for found in _answered(mapping(item, at), at):
            calls += [found] if isinstance(found, ToolCall) else []
            parts.append(Part("call") if isinstance(found, ToolCall) else found)
    if "output" not in top:
        raise NotUnderstoodError("$.output", "a list was expected")
    words = [part for part in parts if part.kind != "call"]
    plain = len(words) <= 1 and all(part == Part("text", part.text) for part in words) and parts[: len(words)] == words
    extra = kept(top, _KNOWN)
    refuse_deciding(extra, "$")
    return Response(
        words[0].text if plain and words else "",
        tuple(calls),
        _finish(top, calls),
        optional_string(top.get("model"), "$.model"),
        _usage(top.get("usage")),
        parts=() if plain else tuple(parts),
        extra=extra,
    )


_KNOWN = frozenset(
    "object created_at completed_at status output error incomplete_details model usage instructions tools tool_choice "
    "temperature top_p reasoning text parallel_tool_calls max_output_tokens truncation store metadata background "
    "previous_response_id prompt_cache_key safety_identifier top_logprobs user output_text".split()
)
"""Fields of an answer that are modelled, or repeat the request."""


_THOUGHT = ("summary", "content")
"""Fields of reasoning that are read, and kept as they stood."""


def _answered(wire: dict[str, Any], place: str) -> Iterator[Part | ToolCall]:
    kind = wire.get("type")
    if kind == "message":
        refuse_unknown(wire, ("type", "id", "role", "status", "content", "phase"), place)
        for at, item in optional_list(wire.get("content"), f"{place}.content"):
            part = read_part(mapping(item, at))
            if part.kind not in ("text", "refusal"):
                raise NotUnderstoodError(f"{at}.type", "a part of an answer that is not known")
            extra = {name: value for name, value in part.extra.items() if name != "type" and value not in (None, [])}
            refuse_deciding(extra, at)
            if part.text or part.kind != "text":
                yield replace(part, extra=extra)
    elif kind == "reasoning":
        thought = reasoning(wire, place)
        refuse_deciding({name: value for name, value in thought.extra.items() if name not in _THOUGHT}, place)
        for name in _THOUGHT:
            for at, item in optional_list(wire.get(name), f"{place}.{name}"):
                refuse_deciding({key: value for key, value in item.items() if key != "text"}, at)
        yield thought
    elif kind in ("function_call", "custom_tool_call"):
        refuse_unknown(wire, _CALL, place)
        call = read_call(wire, place)
        if not call.name:
            raise NotUnderstoodError(f"{place}.name", "a call without a name")
        yield replace(call, extra={} if kind == "function_call" else call.extra)
    elif isinstance(kind, str) and (kind.endswith("_call") or kind == "mcp_approval_request"):
        name = optional_string(wire.get("name"), f"{place}.name") or kind.removesuffix("_call")
        action = wire.get("arguments", wire.get("action", wire.get("operation", {})))
        identity = optional_string(wire.get("call_id") or wire.get("id"), f"{place}.id") or ""
        yield ToolCall(identity, name, argument_text(action, place), wire)
    elif isinstance(kind, str) and (kind in _OF_ANSWERS or kind.endswith("_call_output")):
        yield Part("other", extra={ITEM: True, **wire})
    else:
        raise NotUnderstoodError(f"{place}.type", "a part of an answer that is not known")


def _finish(top: dict[str, Any], calls: list[ToolCall]) -> str | None:
    status = optional_string(top.get("status"), "$.status")
    if status == "incomplete":
        reason = mapping(top.get("incomplete_details") or {}, "$.incomplete_details").get("reason")
        if reason not in _INCOMPLETE:
            raise NotUnderstoodError("$.incomplete_details.reason", "no reason that is known")
        return _INCOMPLETE[str(reason)]
    if status is not None and status != "completed":
        raise NotUnderstoodError("$.status", f"{status[:80]!r} is no answer that is over")
    return None if status is None else "tool_calls" if calls else "stop"


def _usage(value: JsonValue) -> Usage:
    """Tokens; reasoning and what came from the cache are counted within the others, as the total must show."""
    if not isinstance(value, dict):
        return Usage()
    asked, answered, total = (count(value.get(name)) for name in ("input_tokens", "output_tokens", "total_tokens"))
    inner, outer = value.get("input_tokens_details"), value.get("output_tokens_details")
    thought = count(outer.get("reasoning_tokens")) if isinstance(outer, dict) else None
    cached = count(inner.get("cached_tokens")) if isinstance(inner, dict) else None
    if None not in (asked, answered, total) and (asked or 0) + (answered or 0) != total:
        answered = None
    if answered is not None and thought is not None and thought > answered:
        answered = None
    return Usage(asked, answered, thought, cached)


def read_stream() -> OpenaiResponsesStream:
    """The reader of one streamed answer."""
    return OpenaiResponsesStream()
