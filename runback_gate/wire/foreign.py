"""A request that was recorded in one API, for another.

In: a `Request` with the names of its own API. Out: the same question in the names of the other, and what it cannot say.

    asked, unsent = adapt(request, "anthropic.messages")
    unsent                                                  # ("tool_choice", "messages[].reasoning")

Words, media, calls and results go over, and the parameters that have a name there. Reasoning with its signature,
provider-run tools and every field in `extra` stay behind and are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runback_gate.step import Api, Message, Part, Request, Tool, ToolCall, text_of

_LIMIT: dict[Api, str] = {
    "openai.chat": "max_tokens",
    "openai.responses": "max_output_tokens",
    "anthropic.messages": "max_tokens",
    "google.generate": "maxOutputTokens",
    "bedrock.converse": "maxTokens",
}
_STOP: dict[Api, str] = {
    "openai.chat": "stop",
    "anthropic.messages": "stop_sequences",
    "google.generate": "stopSequences",
    "bedrock.converse": "stopSequences",
}
_SAMPLING: dict[Api, dict[str, str]] = {
    "openai.chat": {"top_p": "top_p", "temperature": "temperature", "seed": "seed", "top_k": "top_k"},
    "openai.responses": {"top_p": "top_p", "temperature": "temperature"},
    "anthropic.messages": {"top_p": "top_p", "temperature": "temperature", "top_k": "top_k"},
    "google.generate": {"top_p": "topP", "temperature": "temperature", "seed": "seed", "top_k": "topK"},
    "bedrock.converse": {"top_p": "topP", "temperature": "temperature"},
}
_COMMON = {
    **dict.fromkeys(("max_completion_tokens", *_LIMIT.values()), "limit"),
    **dict.fromkeys(_STOP.values(), "stop"),
    **{name: common for names in _SAMPLING.values() for common, name in names.items()},
}
"""What a parameter of any API says."""
_TRANSPORT = frozenset(("stream", "stream_options"))
"""Fields that say how an answer comes, not which."""
_PORTABLE = frozenset(("text", "image", "audio", "file", "refusal"))


def adapt(request: Request, api: Api) -> tuple[Request, tuple[str, ...]]:
    """The request for an API, and the names of what is not sent; itself, where it is of that API or of none."""
    if request.api in (None, api):
        return request, ()
    unsent: dict[str, None] = dict.fromkeys(
        name for name in request.extra if not name.startswith("$") and name not in _TRANSPORT
    )
    parameters = _parameters(request.parameters, api, unsent)
    if request.system_message is not None:
        _bare(request.system_message, unsent, "system")
    adapted = Request(
        model=request.model,
        system=request.system,
        messages=_identified(_merged([_bare(message, unsent, "messages[]") for message in request.messages])),
        tools=tuple(tool for tool in (_tool(tool, unsent) for tool in request.tools) if tool is not None),
        parameters=parameters,
    )
    return adapted, tuple(unsent)


def _parameters(given: Mapping[str, Any], api: Api, unsent: dict[str, None]) -> dict[str, Any]:
    names = {"limit": _LIMIT.get(api), "stop": _STOP.get(api), **_SAMPLING[api]}
    found: dict[str, Any] = {}
    for name, value in given.items():
        target = names.get(_COMMON.get(name, ""))
        if target is None:
            unsent[name] = None
        elif target != "stop" and target == _STOP.get(api) and isinstance(value, str):
            found[target] = [value]
        else:
            found[target] = value
    return found


def _bare(message: Message, unsent: dict[str, None], place: str) -> Message:
    """A message without what only its API understands."""
    unsent |= dict.fromkeys(f"{place}.{name}" for name in _names(message.extra))
    parts: list[Part] = []
    for part in message.parts:
        if part.kind in _PORTABLE:
            unsent |= dict.fromkeys(f"{place}.{name}" for name in _names(part.extra))
            parts.append(replace(part, extra={}, signature=None))
        elif part.kind != "call":
            unsent[f"{place}.{part.kind if part.kind == 'reasoning' else part.extra.get('type', 'part')}"] = None
    calls = tuple(_call(call, unsent, place) for call in message.tool_calls)
    plain = all(part.kind == "text" for part in parts)
    content = text_of(parts) if message.parts else message.content
    bare = Message(message.role, content, calls, message.tool_call_id, message.name, message.error)
    return bare if plain else replace(bare, content="", parts=tuple(parts))


def _call(call: ToolCall, unsent: dict[str, None], place: str) -> ToolCall:
    unsent |= dict.fromkeys(f"{place}.tool_calls[].{name}" for name in _names(call.extra))
    return replace(call, extra={})


def _names(extra: Mapping[str, Any]) -> list[str]:
    inner = [extra["$message"]] if isinstance(extra.get("$message"), dict) else []
    return [name for fields in (extra, *inner) for name in fields if not name.startswith("$")]


def _tool(tool: Tool, unsent: dict[str, None]) -> Tool | None:
    """A tool; None for one that the provider runs itself."""
    names = _names(tool.extra)
    if names and not tool.parameters and not tool.description:
        unsent[f"tools[].{tool.name}"] = None
        return None
    unsent |= dict.fromkeys(f"tools[].{name}" for name in names)
    return replace(tool, extra={})


def _merged(messages: Sequence[Message]) -> list[Message]:
    """Messages of the assistant in a row as one, for APIs that have one a turn."""
    found: list[Message] = []
    for message in messages:
        last = found[-1] if found else None
        if last is None or not last.role == message.role == "assistant":
            found.append(message)
            continue
        parts: tuple[Part, ...] = ()
        if last.parts or message.parts:
            parts = tuple(part for item in (last, message) for part in item.parts or _text(item.content))
        content = "" if parts else "\n".join(item.content for item in (last, message) if item.content)
        found[-1] = Message("assistant", content, last.tool_calls + message.tool_calls, parts=parts)
    return found


def _text(content: str) -> tuple[Part, ...]:
    return (Part("text", content),) if content else ()


def _identified(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Calls and results with ids: where an API has none, names and order say which result is whose."""
    found: list[Message] = []
    waiting: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        if message.tool_calls:
            calls = tuple(
                replace(call, id=call.id or f"call_{number}_{index}") for index, call in enumerate(message.tool_calls)
            )
            waiting = [(call.id, call.name) for call in calls]
            found.append(replace(message, tool_calls=calls))
        elif message.role == "tool" and message.tool_call_id is None:
            fitting = [item for item in waiting if message.name in (None, item[1])] or waiting
            identity = fitting[0][0] if fitting else f"call_{number}"
            waiting = [item for item in waiting if item[0] != identity]
            found.append(replace(message, tool_call_id=identity))
        else:
            found.append(message)
    return tuple(found)
