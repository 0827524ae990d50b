"""Messages of APIs that put results of tools, and the text beside them, into one message of the user.

In: what one message on the wire holds, part by part. Out: `Message`s, one for each result and one for each run of other
parts; and back, which of them make one message.

    messages = split(parts)                                 # all but the first are `joined`
    [list(group) for group in grouped(messages, same_api=True)]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runback_gate.step import Message, Part, Request, ToolCall
from runback_gate.wire.fields import beyond
from runback_gate.wire.remembered import Kept

MESSAGE = "$message"
"""In `extra` of the first of several: the fields of the wire's message itself that are not modelled."""


def split(parts: Iterable[Message | Part]) -> list[Message]:
    """The messages of one message of the user: a result (a `Message`) stands alone, other parts in runs."""
    found: list[Message] = []
    run: list[Part] = []
    for part in parts:
        if isinstance(part, Part):
            run.append(part)
            continue
        if run:
            found.append(Message("user", parts=tuple(run)))
            run = []
        found.append(part)
    if run or not found:
        found.append(Message("user", parts=tuple(run)))
    return [found[0], *(replace(message, joined=True) for message in found[1:])]


def with_rest(
    messages: list[Message], wire: Mapping[str, Any], write: Callable[[list[Message]], Mapping[str, Any]]
) -> list[Message]:
    """The messages of one on the wire, the first with what they do not say of it."""
    rest = beyond(wire, write(messages))
    return [replace(messages[0], extra={**messages[0].extra, MESSAGE: rest}), *messages[1:]] if rest else messages


def grouped(messages: Sequence[Message], *, same_api: bool) -> Iterator[list[Message]]:
    """The messages that make one on the wire each: as recorded, or in another API those of one side in a row."""
    group: list[Message] = []
    for message in messages:
        side = message.role == "assistant"
        if group and (message.joined if same_api else side == (group[-1].role == "assistant")):
            group.append(message)
        else:
            if group:
                yield group
            group = [message]
    if group:
        yield group


def instructions(request: Request) -> Message | None:
    """The instructions in the form of the wire; where a config has stated others since, those in its place and role."""
    kept = request.system_message
    if request.system is None or (kept is not None and kept.content == request.system):
        return None if request.system is None else kept
    if kept is None:
        return Message("system", request.system)
    return Message(kept.role, request.system, extra={key: kept.extra[key] for key in _PLACES if key in kept.extra})


_PLACES = ("$field", "$item")
"""In `extra` of instructions: where they stand in the body."""


def named(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Messages, those of tools with the name of the tool that ran."""
    names: dict[str, str] = {}
    found = []
    for message in messages:
        if message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls if call.id}
        ran = names.get(message.tool_call_id or "") if message.role == "tool" and message.name is None else None
        found.append(message if ran is None else _as(message, ran))
    return tuple(found)


_named: Kept[tuple[int, str], tuple[Message, Message]] = Kept()
"""By what a message is as an object, which stays referred to, and a name: the message with that name."""
_OBJECTS = 512
"""Bytes of two messages beside what they say."""


def _as(message: Message, name: str) -> Message:
    """A message by a name; of one that each body repeats the same object."""
    known = _named.find((id(message), name))
    if known is None:
        known = message, replace(message, name=name)
        if not message.parts and not message.extra:  # which may be of any size
            _named.keep((id(message), name), known, _OBJECTS + len(message.content))
    return known[1]


def in_order(items: Iterable[Part | ToolCall]) -> tuple[str, tuple[Part, ...], tuple[ToolCall, ...]]:
    """Text, parts and calls of an answer: parts only where it is more than one plain text before its calls."""
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for item in items:
        calls += [item] if isinstance(item, ToolCall) else []
        parts.append(Part("call") if isinstance(item, ToolCall) else item)
    words = parts[: len(parts) - len(calls)]
    calls_last = all(part.kind == "call" for part in parts[len(words) :])
    if calls_last and len(words) <= 1 and all(part.text and part == Part("text", part.text) for part in words):
        return words[0].text if words else "", (), tuple(calls)
    return "", tuple(parts), tuple(calls)


def items_of(message: Message) -> Iterator[Part | ToolCall]:
    """Parts and calls of a message in order."""
    calls = iter(message.tool_calls)
    for part in message.parts or ((Part("text", message.content),) if message.content else ()):
        if part.kind != "call":
            yield part
        elif (call := next(calls, None)) is not None:
            yield call
    yield from calls


def blocks_of(
    group: Iterable[Message],
    *,
    result: Callable[[Message], dict[str, Any]],
    call: Callable[[ToolCall], dict[str, Any]],
    part: Callable[[Part], dict[str, Any]],
) -> list[dict[str, Any]]:
    """The blocks of one wire message, in order: a tool's entry is its result, any other its parts and calls."""
    blocks: list[dict[str, Any]] = []
    for message in group:
        if message.role == "tool":
            blocks.append(result(message))
        else:
            blocks += [call(item) if isinstance(item, ToolCall) else part(item) for item in items_of(message)]
    return blocks


def arguments_value(text: str) -> Any:
    """The object of an argument text, for APIs that send one; a text that is none is kept under one name."""
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"arguments": text}
