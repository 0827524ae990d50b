"""Messages of AutoGen: those of its models, and those that its agents and teams exchange.

In: `{"type": "AssistantMessage", "content": [{"id": …, "name": …, "arguments": …}]}`, `{"type":
"ToolCallRequestEvent", "source": …, "content": […]}`. Out: one `Entry` or more for each.

https://microsoft.github.io/autogen/stable/reference/python/autogen_core.models.html,
https://microsoft.github.io/autogen/stable/reference/python/autogen_agentchat.messages.html. What an agent sums up of
the results of its tools is no answer of a model, and neither is a handoff: both are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.model import Entry, Located, entry_of, token_usage
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Part, Role, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import argument_text, mapping, optional_list, string
from runback_gate.wire.turns import in_order

NAME: Final = "autogen"
API: Final = None

_ANSWERS = frozenset(
    "AssistantMessage ToolCallRequestEvent TextMessage MultiModalMessage StructuredMessage StopMessage "
    "CodeGenerationEvent".split()
)
_RESULTS = frozenset("FunctionExecutionResultMessage ToolCallExecutionEvent".split())
_ASKED = frozenset("SystemMessage UserMessage CodeExecutionEvent".split())
_PASSED = frozenset(
    "ToolCallSummaryMessage HandoffMessage UserInputRequestedEvent MemoryQueryEvent ModelClientStreamingChunkEvent "
    "SelectSpeakerEvent SelectorEvent".split()
)
"""What is no answer of a model and stands in no request."""
_KNOWN = frozenset("type source content thought models_usage".split())
_USERS = ("user", "user_proxy", "UserProxy", "human", "system")


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    kind = item.get("type")
    return isinstance(kind, str) and (kind in _KINDS or kind.startswith("StructuredMessage[")) and "content" in item


_KINDS = _ANSWERS | _RESULTS | _ASKED | _PASSED | {"ThoughtEvent"}


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return marks(item)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries; what an agent thought stands with the answer that follows."""
    thoughts: list[Part] = []
    for item in items:
        wire = mapping(item.value, item.place)
        kind = str(wire.get("type")).partition("[")[0]
        if kind in _PASSED:
            reader.pass_over(f"type {kind}", wire)
        elif kind == "ThoughtEvent":
            thoughts.append(Part("reasoning", string(wire.get("content"), f"{item.place}.content")))
        elif kind in _RESULTS:
            yield from _results(wire, item.place, reader)
        elif kind in _ANSWERS and wire.get("source") not in _USERS:
            yield _answer(wire, item.place, thoughts, reader)
            thoughts = []
        elif kind in _ANSWERS or kind in _ASKED:
            yield _asked(wire, kind, item.place, reader)
        else:
            raise NotUnderstoodError(f"{item.place}.type", f"unknown message {kind[:40]!r}")


def _answer(wire: dict[str, Any], place: str, thoughts: Sequence[Part], reader: Reader) -> Entry:
    reader.leave(wire, _KNOWN)
    content = wire.get("content")
    parts: list[Part | ToolCall] = [*thoughts]
    if isinstance(wire.get("thought"), str) and wire["thought"]:
        parts.append(Part("reasoning", wire["thought"]))
    if isinstance(content, list):
        parts += [_part(item, at) for at, item in optional_list(content, f"{place}.content")]
    elif isinstance(content, dict):
        parts.append(Part("text", json.dumps(content, ensure_ascii=False)))
    elif content:
        parts.append(Part("text", string(content, f"{place}.content")))
    text, kept, calls = in_order(parts)
    source = wire.get("source")
    entry = entry_of(Message("assistant", text, calls, parts=kept), usage=token_usage(wire.get("models_usage")))
    return Entry(entry.messages, entry.response, agent=source if isinstance(source, str) else None)


def _part(item: Any, place: str) -> Part | ToolCall:
    if isinstance(item, str):
        return Part("text", item)
    wire = mapping(item, place)
    if isinstance(wire.get("name"), str) and "arguments" in wire:
        identity = wire.get("id")
        arguments = argument_text(wire["arguments"], f"{place}.arguments")
        return ToolCall(identity if isinstance(identity, str) else "", wire["name"], arguments)
    if isinstance(wire.get("data"), str):
        return Part("image", data=wire["data"])
    raise NotUnderstoodError(place, "unknown content")


def _asked(wire: dict[str, Any], kind: str, place: str, reader: Reader) -> Entry:
    reader.leave(wire, _KNOWN | {"result"})
    content = wire.get("content")
    if kind == "CodeExecutionEvent" and isinstance(wire.get("result"), dict):
        content = wire["result"].get("output")
    role: Role = "system" if kind == "SystemMessage" else "user"
    if isinstance(content, str):
        return Entry((Message(role, content),))
    if isinstance(content, dict):
        return Entry((Message(role, json.dumps(content, ensure_ascii=False)),))
    parts = [_part(item, at) for at, item in optional_list(content, f"{place}.content")]
    if not all(isinstance(part, Part) for part in parts):
        raise NotUnderstoodError(f"{place}.content", "calls of somebody else than an agent")
    return Entry((Message(role, parts=tuple(part for part in parts if isinstance(part, Part))),))


def _results(wire: dict[str, Any], place: str, reader: Reader) -> Iterator[Entry]:
    reader.leave(wire, _KNOWN)
    for at, item in optional_list(wire.get("content"), f"{place}.content"):
        result = mapping(item, at)
        reader.leave(result, ("content", "name", "call_id", "is_error"))
        text = string(result.get("content"), f"{at}.content")
        identity, name = result.get("call_id"), result.get("name")
        error = (text or "error") if result.get("is_error") is True else None
        yield Entry((Message("tool", text, (), identity or None, name, error),))
