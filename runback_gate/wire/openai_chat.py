"""OpenAI's chat completions on the wire, and whatever is compatible with them.

In: the JSON of a request body, or of an answer. Out: a `Request`, a `Response`, and a request body back.

    request = read_request(body)
    write_request(request, request.model) == body           # for every body that clients send
    read_answer(parse_json(data, path="answer")).tool_calls

https://platform.openai.com/docs/api-reference/chat. Of an answer the log probabilities are not kept. Reasoning stands
in fields of several names (`reasoning_content`, `reasoning`), which compatible servers made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.step import Message, Part, Request, Response, Role, Tool, Usage
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import (
    DECIDING,
    beyond,
    count,
    mapping,
    optional_list,
    optional_string,
    overlay,
    refuse_unknown,
    sequence,
    string,
)
from runback_gate.wire.openai_chat_parts import (
    FIELD,
    read_beside,
    read_call,
    read_legacy_call,
    read_part,
    read_parts,
    write_call,
    write_part,
)
from runback_gate.wire.openai_chat_stream import OpenaiChatStream
from runback_gate.wire.remembered import remembered
from runback_gate.wire.turns import instructions, named

API: Final = "openai.chat"

PARAMETERS = frozenset(
    "frequency_penalty logit_bias max_completion_tokens max_tokens min_p n presence_penalty reasoning_effort "
    "repetition_penalty seed stop temperature top_k top_p verbosity".split()
)
"""Fields of a body that an agent config states as parameters; all others are kept in `extra`."""

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_FINISH = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
    "model_length": "length",  # Mistral
    "eos_token": "stop",  # Text Generation Inference, as is the next
    "stop_sequence": "stop",
}
_MADE = "$made"
"""Stands for an id that the writer makes up, which no wire has."""
_FAILED = frozenset(("error", "abort", "insufficient_system_resource"))
_CHOICE = frozenset(
    "index message finish_reason logprobs native_finish_reason stop_reason matched_stop content_filter_results "
    "token_ids".split()
)
_MESSAGE = frozenset(
    "role content refusal tool_calls function_call reasoning_content reasoning reasoning_details annotations audio "
    "images name provider_specific_fields thinking_blocks extra_content citations".split()
)
_BESIDE = ("reasoning_content", "reasoning", "refusal", "audio", "images", "function_call")
"""Fields of a message that hold a part or a call of the answer beside its content."""
_NO_ANSWERS = DECIDING - {"choices"}
_KEPT = ("annotations", "citations", "reasoning_details", "thinking_blocks", "extra_content")
_NOT_KEPT = frozenset(("choices", "model", "usage", "object", "created", "obfuscation"))


def read_request(body: JsonValue) -> Request:
    """The request of a body.

    Raises:
        NotUnderstoodError: not a body of this API.
    """
    top = mapping(body, "$")
    items = sequence(top.get("messages"), "$.messages")
    messages = _message.each(items, "$.messages")
    first = messages[0] if messages and messages[0].role in ("system", "developer") else None
    tools = top.get("tools") or []
    parameters = {name: value for name, value in top.items() if name in PARAMETERS}
    model = optional_string(top.get("model"), "$.model")
    # What `write_request` makes, whatever stands in `extra`.
    stated = {"messages": True, "model": model is not None, "tools": bool(tools)}
    written = parameters.keys() | {name for name, has in stated.items() if has}
    return Request(
        model=model,
        system=None if first is None else first.content,
        messages=named(messages[first is not None :]),
        tools=tuple(_tool(item, f"$.tools[{index}]") for index, item in enumerate(sequence(tools, "$.tools"))),
        parameters=parameters,
        system_message=None if first is None or first == Message("system", first.content) else first,
        extra={name: value for name, value in top.items() if name not in written},
        api=API,
    )


@remembered
def _message(value: JsonValue, place: str) -> Message:
    wire = mapping(value, place)
    role = _ROLES.get(string(wire.get("role"), f"{place}.role"))
    if role is None:
        raise NotUnderstoodError(f"{place}.role", "a role that is not known")
    content = wire.get("content")
    if len(wire) == 2 and type(content) is str and role == wire["role"] != "tool":
        return Message(role, content)  # as most messages are
    parts = read_beside(wire) + tuple(read_parts(content, f"{place}.content", answer=False))
    calls = tuple(
        read_call(item, at, answer=False) for at, item in optional_list(wire.get("tool_calls"), f"{place}.tool_calls")
    )
    if (legacy := wire.get("function_call")) is not None:
        calls += (read_legacy_call(legacy, f"{place}.function_call"),)
    message = Message(
        role,
        content if isinstance(content, str) and not parts else "",
        calls,
        optional_string(wire.get("tool_call_id"), f"{place}.tool_call_id"),
        optional_string(wire.get("name"), f"{place}.name"),
        parts=parts,
    )
    made = replace(message, tool_call_id=message.tool_call_id or _MADE)
    return replace(message, extra=beyond(wire, _write_message(made, [call.id or _MADE for call in calls])))


def _tool(value: JsonValue, place: str) -> Tool:
    wire = mapping(value, place)
    function = wire.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        custom = wire.get("custom")
        named = [custom.get("name") if isinstance(custom, dict) else None, wire.get("name"), wire.get("type")]
        return Tool(next((name for name in named if isinstance(name, str)), ""), extra=wire)
    description, schema, strict = (function.get(name) for name in ("description", "parameters", "strict"))
    tool = Tool(
        function["name"],
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
        strict if isinstance(strict, bool) else None,
    )
    return replace(tool, extra=beyond(wire, _write_tool(tool)))


def _write_tool(tool: Tool) -> dict[str, Any]:
    if "type" in tool.extra:  # no function: the whole definition
        return tool.extra
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return overlay({"type": "function", "function": function}, tool.extra)


def write_request(request: Request, model: str | None) -> dict[str, Any]:
    """The body of a request. Parameters go out by their own names, as they were recorded."""
    written: dict[str, Any] = {**request.parameters, "messages": list(_messages(request))}
    if model is not None:
        written["model"] = model
    if request.tools:
        written["tools"] = [_write_tool(tool) for tool in request.tools]
    return {**request.extra, **written}


def _messages(request: Request) -> Iterator[dict[str, Any]]:
    if (system := instructions(request)) is not None:
        yield _write_message(system, [])
    waiting: list[str] = []
    for number, message in enumerate(request.messages):
        # A source that kept no ids still said which result follows which call: their order.
        ids: list[str] = []
        if message.tool_calls:
            waiting = ids = [call.id or f"call_{number}_{index}" for index, call in enumerate(message.tool_calls)]
        if message.role == "tool" and message.tool_call_id is None:
            name = next(iter(waiting), f"call_{number}")
            message = replace(message, tool_call_id=name)
        if message.tool_call_id is not None:
            waiting = [item for item in waiting if item != message.tool_call_id]
        yield _write_message(message, ids)


def _write_message(message: Message, ids: Sequence[str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": _content(message)}
    for part in message.parts:
        if FIELD in part.extra:
            wire[part.extra[FIELD]] = part.text
    if message.role == "tool":
        wire |= {"tool_call_id": message.tool_call_id, "content": wire["content"] or message.error or ""}
    elif message.name is not None:
        wire["name"] = message.name
    if message.tool_calls:
        wire["content"] = wire["content"] or None
        wire["tool_calls"] = [write_call(call, name) for call, name in zip(message.tool_calls, ids, strict=True)]
    return overlay(wire, message.extra)


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.parts:
        return message.content
    parts = [part for part in message.parts if FIELD not in part.extra and part.kind != "call"]
    beside = len(parts) < len(message.parts)
    if not parts or (beside and len(parts) == 1 and parts[0] == Part("text", parts[0].text)):
        return "" if not parts else message.content
    return [write_part(part) for part in parts]


def read_answer(value: JsonValue) -> Response:
    """The one answer of a completion.

    Raises:
        ErrorAnswerError: it is an error, or holds one.
        NotUnderstoodError: not a chat completion, or not understood whole.
    """
    top = mapping(value, "$")
    if top.get("error"):
        raise ErrorAnswerError("$.error", top["error"])
    refuse_unknown({name: top[name] for name in top.keys() & _NO_ANSWERS}, (), "$")
    choices = sequence(top.get("choices"), "$.choices")
    if len(choices) != 1:
        place = "$.choices[1]" if choices else "$.choices"
        raise NotUnderstoodError(place, "one answer was asked for, and no other number of them")
    choice = mapping(choices[0], "$.choices[0]")
    if choice.get("error"):
        raise ErrorAnswerError("$.choices[0].error", choice["error"])
    refuse_unknown(choice, _CHOICE, "$.choices[0]")
    message = mapping(choice.get("message"), "$.choices[0].message")
    response = _answer(message, "$.choices[0].message")
    kept = {name: item for name, item in top.items() if name not in _NOT_KEPT and item is not None}
    return Response(
        response.text,
        response.tool_calls,
        _finish(choice, response),
        optional_string(top.get("model"), "$.model"),
        _usage(top.get("usage")),
        parts=response.parts,
        extra={**kept, **response.extra},
    )


def _answer(wire: dict[str, Any], place: str) -> Response:
    refuse_unknown(wire, _MESSAGE, place)
    calls = [
        read_call(item, at, answer=True) for at, item in optional_list(wire.get("tool_calls"), f"{place}.tool_calls")
    ]
    content = wire.get("content")
    beside_it = [wire.get(name) for name in _BESIDE]
    if isinstance(content, (str, NoneType)) and beside_it.count(None) == len(_BESIDE) and not any(map(wire.get, _KEPT)):
        return Response(content or "", tuple(calls))  # as most answers are
    for name in ("reasoning_content", "reasoning", "refusal"):
        optional_string(wire.get(name), f"{place}.{name}")
    beside = read_beside(wire)
    parts = [*beside, *read_parts(content, f"{place}.content", answer=True), *_media(wire, place)]
    if (legacy := wire.get("function_call")) is not None:
        if calls:
            raise NotUnderstoodError(f"{place}.function_call", "a call beside tool_calls")
        calls = [read_legacy_call(legacy, f"{place}.function_call")]
    text = content if isinstance(content, str) else ""
    plain = all(part == Part("text", part.text) for part in parts)
    full = [part for part in parts if part.text or part.kind != "text"]
    if plain and len(full) <= 1 and parts:
        return Response(full[0].text if full else "", tuple(calls), extra=_kept(wire))
    return Response("" if full else text, tuple(calls), parts=tuple(full), extra=_kept(wire))


def _kept(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wire[name] for name in _KEPT if wire.get(name)}


def _media(wire: Mapping[str, Any], place: str) -> Iterator[Part]:
    """Sound and images that the model made."""
    if (audio := wire.get("audio")) is not None:
        sound = mapping(audio, f"{place}.audio")
        words = optional_string(sound.get("transcript"), f"{place}.audio.transcript") or ""
        data = optional_string(sound.get("data"), f"{place}.audio.data")
        yield Part("audio", words, data=data, extra={FIELD: "audio", **beyond(sound, {"transcript": 0, "data": 0})})
    for at, item in optional_list(wire.get("images"), f"{place}.images"):
        part = read_part(mapping(item, at), at)
        if part.kind != "image":
            raise NotUnderstoodError(at, "an image was expected")
        yield replace(part, extra={FIELD: "images"})


def _finish(choice: Mapping[str, Any], response: Response) -> str | None:
    place = "$.choices[0].finish_reason"
    said = optional_string(choice.get("finish_reason"), place)
    if said in _FAILED:
        raise ErrorAnswerError(place, {"message": f"finish_reason {said}"})
    if said is not None and said not in _FINISH:
        raise NotUnderstoodError(place, f"{said[:80]!r} is no finish reason that is known")
    reason = None if said is None else _FINISH[said]
    if reason == "tool_calls" and not response.tool_calls:
        raise NotUnderstoodError(place, f"{said}, but there is no call")
    return reason


def _usage(value: JsonValue) -> Usage:
    """Tokens, where the counts agree with each other.

    Most servers count reasoning in `completion_tokens`, some (xAI) beside it; the total tells. Where it fits neither
    way, nobody knows what is billed.
    """
    if not isinstance(value, dict):
        return Usage()
    asked, answered, total = (count(value.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    details = value.get("completion_tokens_details")
    reasoning = count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    known = value.get("prompt_tokens_details")
    cached = count(known.get("cached_tokens")) if isinstance(known, dict) else None
    return Usage(asked, _generated(asked, answered, total, reasoning or 0), reasoning, cached)


def _generated(asked: int | None, answered: int | None, total: int | None, reasoning: int) -> int | None:
    """All tokens that were generated."""
    if answered is None:
        return None
    if asked is None or total is None or asked + answered == total:
        return answered if reasoning <= answered else None
    return answered + reasoning if reasoning and asked + answered + reasoning == total else None


def read_stream() -> OpenaiChatStream:
    """The reader of one streamed answer."""
    return OpenaiChatStream()
