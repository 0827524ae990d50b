"""The context of a step as parts that can be left out: paragraphs of the prompt, messages, results of tools.

In: a `Request`. Out: its parts, and the request with some of them alone.

    parts = parts_of(request)
    with_parts(request, parts, {6, 40})                     # paragraph 7 of the prompt and one message

A call stays with its result: both are there, or neither is. Reasoning stays only beside all of its answer, since a
provider takes it back unchanged or not at all. What opens a conversation with the agent, or ends it there where it did
not, gets `STAND_IN` beside it: a model must be asked something. Model, tools and parameters are no parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from runback_gate.frozen import dataclass
from runback_gate.step import Message, Part, Request, ToolCall

STAND_IN: Final = Message("user", "Go on.")
"""What the customer says where the conversation would be empty, or begin or end with the agent."""

_BLANK: Final = re.compile(r"\n[ \t]*\n\s*")
_LINE: Final = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A part of the context."""

    kind: Literal["paragraph", "message", "result"]
    place: str
    """`system ¶ 7`, `message 18`, `message 18, tool get_policy`; messages count from 0."""
    text: str
    begin: int
    """Of a paragraph where it begins in the prompt; else the message."""
    end: int
    """Of a paragraph where it ends; of a result the message of its call; else the message."""
    call: int = -1
    """Of a result the place of its call among those of that message."""


def parts_of(request: Request) -> tuple[ContextPart, ...]:
    """The parts in order; a prompt without paragraphs is taken line by line."""
    return (*_paragraphs(request.system or ""), *_spoken(request.messages))


def _paragraphs(system: str) -> list[ContextPart]:
    breaks = _BLANK if _BLANK.search(system.strip()) else _LINE
    found: list[ContextPart] = []
    begin = 0
    for stop in [*(match.span() for match in breaks.finditer(system)), (len(system), len(system))]:
        if system[begin : stop[0]].strip():
            place = f"system ¶ {len(found) + 1}"
            found.append(ContextPart("paragraph", place, system[begin : stop[0]], begin, stop[0]))
        begin = stop[1]
    return found


def _spoken(messages: Sequence[Message]) -> list[ContextPart]:
    found: list[ContextPart] = []
    waiting: list[tuple[int, int, ToolCall]] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            asked = _asked(message, waiting)
            name = message.name or (asked[2].name if asked else "unknown")
            place, text = f"message {index}, tool {name}", message.content or message.error or ""
            if asked is None:
                found.append(ContextPart("message", place, text, index, index))
            else:
                waiting.remove(asked)
                found.append(ContextPart("result", place, text, index, asked[0], asked[1]))
            continue
        waiting += [(index, number, call) for number, call in enumerate(message.tool_calls)]
        if message.role != "assistant" or message.content:
            found.append(ContextPart("message", f"message {index}", message.content, index, index))
    return found


def _asked(result: Message, waiting: Sequence[tuple[int, int, ToolCall]]) -> tuple[int, int, ToolCall] | None:
    """The call that a result answers: by its id, or the first where there is none."""
    if not result.tool_call_id:
        return next(iter(waiting), None)
    return next((item for item in waiting if item[2].id == result.tool_call_id), None)


def with_parts(request: Request, parts: Sequence[ContextPart], keep: Collection[int]) -> Request:
    """The request with the parts at these places alone; with all of them it is the request itself."""
    if len(keep) == len(parts):
        return request
    chosen = [part for place, part in enumerate(parts) if place in keep]
    left = {part.begin: part for place, part in enumerate(parts) if place not in keep and part.kind != "paragraph"}
    system = "\n\n".join(part.text for part in chosen if part.kind == "paragraph")
    return replace(request, system=system or None, messages=_closed(request.messages, _kept(request.messages, left)))


def _kept(messages: Sequence[Message], left: Mapping[int, ContextPart]) -> list[Message]:
    """The messages without those that are left out, and without the calls of results that are."""
    gone: dict[int, set[int]] = {}
    for part in left.values():
        if part.kind == "result":
            gone.setdefault(part.end, set()).add(part.call)
    found: list[Message] = []
    whole = True
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        calls = gone.get(index, set())
        if message.role != "assistant":
            kept = None if index in left else message
        elif index not in left and not calls:
            # An entry that says nothing, such as reasoning, belongs to the one behind it.
            kept = message if message.content or message.tool_calls or whole else None
        else:
            kept = _trimmed(message, words=index not in left, calls=calls)
        whole = kept is message
        if kept is not None:
            found.append(replace(kept, joined=False) if kept.joined and index - 1 in left else kept)
    return found[::-1]


def _trimmed(message: Message, *, words: bool, calls: Collection[int]) -> Message | None:
    """An answer without its words or some of its calls; None where nothing is left."""
    kept = tuple(call for number, call in enumerate(message.tool_calls) if number not in calls)
    if not kept and not (words and message.content):
        return None
    if not message.parts:
        return replace(message, content=message.content if words else "", tool_calls=kept)
    parts: list[Part] = []
    number = 0
    for part in message.parts:
        if part.kind == "call":
            parts += [part] if number not in calls else []
            number += 1
        elif part.kind != "reasoning" and words:
            parts.append(part)
    return replace(message, content="", tool_calls=kept, parts=tuple(parts))


def _closed(before: Sequence[Message], kept: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as a conversation that a model can be asked."""
    if not kept:
        return (STAND_IN,)
    opens = kept[0].role == "assistant" and before[0].role != "assistant"
    ends = kept[-1].role == "assistant" and before[-1].role != "assistant"
    return (*((STAND_IN,) if opens else ()), *kept, *((STAND_IN,) if ends else ()))
