"""What the stages of an import hand to each other.

In: nothing. Out: values, from a place in a file to a conversation whose messages are those of `step`.

    Located("$[3]", 4, {"messages": []})
    Entry((Message("user", "Hi"),)), Entry((Message("assistant", "Hello"),), Response("Hello"))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from runback_gate.canonical import JsonValue
from runback_gate.frozen import dataclass
from runback_gate.step import Api, Grade, Message, Note, Part, Response, Tool, ToolRun, Usage


@dataclass(frozen=True, slots=True)
class Located:
    """A JSON value and where it stands in its file."""

    place: str
    """JSON path, such as `$.samples[3]`; of a line its own `$`."""
    line: int | None
    """Of JSONL: the line, from 1."""
    value: Any

    def child(self, path: str, value: Any) -> Located:
        """A part of it."""
        return Located(self.place + path, self.line, value)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation, which may be several messages of ours."""

    messages: tuple[Message, ...]
    response: Response | None = None
    """Of an entry of the assistant: the answer that it is."""
    at: str | None = None
    """RFC 3339 time."""
    agent: str | None = None
    """Of an entry of the assistant: who of several agents answers; None where there is one alone."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, of a source that keeps request and answer beside each other."""

    messages: tuple[Message, ...]
    response: Response
    system: Message | None = None
    tools: tuple[Tool, ...] | None = None
    model: str | None = None
    parameters: dict[str, Any] | None = None
    at: str | None = None
    agent: str | None = None
    graded: Grade = "semantic"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One run, as a source tells it: either what was said in order, or the calls one by one."""

    where: Located
    said: Any
    """What was said, as it stands in the file; its digest is part of the id of the run."""
    format: str
    """Name of the format, as `--format` takes it."""
    entries: Sequence[Entry] = ()
    calls: Sequence[Call] = ()
    api: Api | None = None
    """The API whose own messages these are; None for a format that no API has."""
    system: Message | None = None
    tools: tuple[Tool, ...] | None = None
    """None where the source does not say."""
    model: str | None = None
    parameters: dict[str, Any] | None = None
    """By their names in the API; None where the source does not say."""
    labels: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    """Of the run, as the source names it."""
    parent: str | None = None
    agent: str | None = None
    at: str | None = None
    status: Literal["ok", "error"] | None = None
    error: str | None = None
    notes: tuple[Note, ...] = ()
    tool_runs: tuple[ToolRun, ...] = ()


def without(value: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """An object without some of its fields."""
    return {name: item for name, item in value.items() if name not in names}


def entry_of(message: Message, at: str | None = None, **known: Any) -> Entry:
    """The entry of one message. Of one of the assistant: with its answer, of which `known` says what is not in it."""
    if message.role != "assistant":
        return Entry((message,), None, at)
    if known or message.error:
        return Entry((message,), answer_of((message,), **known), at)
    return Entry((message,), Response(message.content, message.tool_calls, parts=message.parts), at)


def answer_of(messages: Sequence[Message], **known: Any) -> Response:
    """The answer that messages of the assistant are."""
    if known:
        known = {name: value for name, value in known.items() if value is not None}
    if len(messages) == 1:
        message = messages[0]
        if message.error:
            known = {"error": message.error, **known}
        return Response(message.content, message.tool_calls, parts=message.parts, **known)
    if error := next((message.error for message in messages if message.error), None):
        known = {"error": error, **known}
    calls = tuple(call for message in messages for call in message.tool_calls)
    return Response("", calls, parts=tuple(part for message in messages for part in _in_parts(message)), **known)


def _in_parts(message: Message) -> Sequence[Part]:
    if message.parts:
        missing = len(message.tool_calls) - sum(part.kind == "call" for part in message.parts)
        return (*message.parts, *(Part("call"),) * missing)
    words = (Part("text", message.content),) if message.content else ()
    return (*words, *(Part("call"),) * len(message.tool_calls))


def token_usage(value: JsonValue) -> Usage:
    """Tokens by the names that most sources give them; what is no count of tokens says nothing."""
    if not isinstance(value, dict):
        return Usage()
    asked = _count(value, "prompt_tokens", "input_tokens", "inputTokens", "promptTokens", "input")
    answered = _count(value, "completion_tokens", "output_tokens", "outputTokens", "completionTokens", "output")
    inner = value.get("output_token_details") or value.get("completion_tokens_details")
    thought = _count(inner, "reasoning", "reasoning_tokens") if isinstance(inner, dict) else None
    known = value.get("input_token_details") or value.get("prompt_tokens_details")
    cached = _count(known, "cache_read", "cached_tokens") if isinstance(known, dict) else None
    return Usage(asked, answered, thought, cached)


def _count(value: dict[str, Any], *names: str) -> int | None:
    found = (value.get(name) for name in names)
    return next((item for item in found if type(item) is int and 0 <= item < 2**53), None)


_FINISH = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "completed", "eos"), "stop"),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call", "tool-calls", "tool_call"), "tool_calls"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens"), "length"),
    **dict.fromkeys(("content_filter", "content-filter", "refusal", "safety"), "content_filter"),
}


def finish_reason(value: JsonValue) -> str | None:
    """A finish reason by our names; None where nothing is said, or nothing that is known."""
    return _FINISH.get(value.lower()) if isinstance(value, str) else None
