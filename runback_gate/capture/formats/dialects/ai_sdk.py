"""Messages of Vercel's AI SDK: those of the model and those of the interface.

In: `{"role": "assistant", "content": [{"type": "tool-call", …}]}`, or `{"role": "assistant", "parts": [{"type":
"tool-search", "state": "output-available", …}]}`. Out: one `Entry` or more for each.

https://ai-sdk.dev/docs/reference/ai-sdk-core/model-message, https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from runback_gate.capture.formats.model import Entry, Located, entry_of
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Part, Role, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import argument_text, mapping, optional_list, string
from runback_gate.wire.turns import in_order

NAME: Final = "ai-sdk"
API: Final = None

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_PARTS = frozenset("tool-call tool-result tool-approval-request tool-approval-response".split())
_UI = frozenset("step-start source-url source-document dynamic-tool tool-invocation source".split())
_KNOWN = ("role", "content", "parts", "toolInvocations", "reasoning")
_ERRORS = ("error-text", "error-json", "execution-denied")


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    if "toolInvocations" in item:
        return True
    parts = item.get("parts")
    if isinstance(parts, list):
        return bool(parts) and "role" in item and all(_is_ui(part) for part in parts)
    content = item.get("content")
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") in _PARTS for part in content)


def _is_ui(part: Any) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "reasoning"):
        return "text" in part or "reasoning" in part
    return isinstance(kind, str) and (kind in _UI or kind == "file" or kind.startswith(("tool-", "data-")))


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    return item.get("role") in _ROLES and (marks(item) or isinstance(item.get("content"), (str, list)))


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    for item in items:
        wire = mapping(item.value, item.place)
        reader.leave(wire, _KNOWN)
        role = _ROLES.get(str(wire.get("role")))
        if role is None:
            raise NotUnderstoodError(f"{item.place}.role", f"unknown role {str(wire.get('role'))[:40]!r}")
        parts = [*optional_list(wire.get("parts"), f"{item.place}.parts")]
        parts = parts or _content(wire, item.place)
        yield from _entries(role, parts, reader)


def _content(wire: Mapping[str, Any], place: str) -> list[tuple[str, Any]]:
    """The parts of the content; those of version 4 had calls and their results beside it."""
    content = wire.get("content")
    found: list[tuple[str, Any]] = []
    for at, item in optional_list(wire.get("toolInvocations"), f"{place}.toolInvocations"):
        found.append((at, {"type": "tool-invocation", "toolInvocation": item}))
    if isinstance(content, str):
        return [*found, (f"{place}.content", {"type": "text", "text": content})] if content or not found else found
    return [*found, *optional_list(content, f"{place}.content")]


class _Answer:
    """What one step of the assistant says, and what its calls came to."""

    def __init__(self) -> None:
        self.items: list[Part | ToolCall] = []
        self.results: list[Message] = []

    def entries(self) -> Iterator[Entry]:
        """The answer, then the results."""
        if self.items:
            text, parts, calls = in_order(item for item in self.items if item != Part("text", ""))
            yield entry_of(Message("assistant", text, calls, parts=parts))
        for message in self.results:
            yield Entry((message,))


def _entries(role: Role, parts: Sequence[tuple[str, Any]], reader: Reader) -> Iterator[Entry]:
    answer = _Answer()
    words: list[Part] = []
    for place, value in parts:
        part = mapping(value, place)
        kind = str(part.get("type"))
        if kind.startswith(("data-", "source", "tool-approval")):
            reader.ignored[kind] += 1
            continue
        if kind == "step-start" or (answer.results and kind in ("text", "reasoning", "tool-call")):
            yield from answer.entries()
            answer = _Answer()
        if kind == "step-start":
            continue
        if kind == "tool-result":
            answer.results.append(_result(part))
        elif kind == "tool-call":
            answer.items.append(_call(part, place))
        elif kind in ("dynamic-tool", "tool-invocation") or kind.startswith("tool-"):
            _take_tool(_invocation(part, place), place, answer)
        elif role == "assistant":
            answer.items.append(_said(part, place, reader))
        else:
            words.append(_said(part, place, reader))
    if role == "assistant" or answer.results:
        yield from answer.entries() if answer.items or answer.results else [entry_of(Message(role, ""))]
        return
    plain = len(words) <= 1 and all(part == Part("text", part.text) for part in words)
    text = words[0].text if plain and words else ""
    yield Entry((Message(role, text, parts=() if plain else tuple(words)),))


def _said(part: dict[str, Any], place: str, reader: Reader) -> Part:
    kind = part.get("type")
    reader.leave(part, ("type", "text", "reasoning", "image", "data", "url", "mediaType", "mimeType", "details"))
    if kind == "text":
        return Part("text", string(part.get("text"), f"{place}.text"))
    if kind in ("reasoning", "redacted-reasoning"):
        thought = part.get("text") or part.get("reasoning")
        return Part("reasoning", thought if isinstance(thought, str) else "")
    if kind in ("image", "file"):
        media = part.get("mediaType") or part.get("mimeType")
        source = part.get("image") or part.get("url") or part.get("data")
        text = source if isinstance(source, str) else None
        is_url = (text is not None and "://" in text[:16]) or str(text).startswith("data:")
        known = media if isinstance(media, str) else None
        shown = "image" if kind == "image" or str(media).startswith("image/") else "file"
        return Part(shown, media_type=known, url=text if is_url else None, data=None if is_url else text)  # type: ignore[arg-type]
    raise NotUnderstoodError(f"{place}.type", f"unknown part {str(kind)[:40]!r}")


def _call(part: dict[str, Any], place: str) -> ToolCall:
    given = part.get("input", part.get("args"))
    identity = part.get("toolCallId")
    return ToolCall(
        identity if isinstance(identity, str) else "",
        string(part.get("toolName"), f"{place}.toolName"),
        argument_text(given, f"{place}.input"),
    )


def _result(part: dict[str, Any]) -> Message:
    output = part.get("output", part.get("result"))
    failed = part.get("isError") is True
    if (
        isinstance(output, dict)
        and isinstance(output.get("type"), str)
        and output.keys() <= {"type", "value", "reason"}
    ):
        failed = failed or output["type"] in _ERRORS
        output = output.get("value", output.get("reason"))
    text = output if isinstance(output, str) else "" if output is None else json.dumps(output, ensure_ascii=False)
    name, identity = part.get("toolName"), part.get("toolCallId")
    return Message(
        "tool",
        text,
        tool_call_id=identity if isinstance(identity, str) else None,
        name=name if isinstance(name, str) else None,
        error=(text or "error") if failed else None,
    )


def _invocation(part: dict[str, Any], place: str) -> dict[str, Any]:
    """A part of the interface that is a call with what came of it."""
    if part.get("type") == "tool-invocation":
        return mapping(part.get("toolInvocation"), f"{place}.toolInvocation")
    kind = string(part.get("type"), f"{place}.type")
    return part if kind == "dynamic-tool" else {**part, "toolName": kind.removeprefix("tool-")}


def _take_tool(part: dict[str, Any], place: str, answer: _Answer) -> None:
    answer.items.append(_call(part, place))
    state = part.get("state")
    if state in ("output-error", "output-denied") or part.get("errorText"):
        words = part.get("errorText")
        answer.results.append(_result({**part, "output": words or str(state), "isError": True}))
    elif state in ("output-available", "result") or "output" in part or "result" in part:
        answer.results.append(_result(part))
