"""The parts and calls of a chat message, of a request and of an answer alike, both ways.

In: JSON of a content part or a tool call. Out: a `Part`, a `ToolCall`, and their JSON.

    part = read_part({"type": "text", "text": "Hello"}, "$.messages[0].content[0]")
    write_part(part)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.step import Part, PartKind, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import (
    argument_text,
    beyond,
    mapping,
    optional_string,
    overlay,
    refuse_deciding,
    refuse_unknown,
    sequence,
    string,
)

FIELD = "$field"
"""In `extra` of a part: the field of the message that it has to itself, beside the content."""

_REASONING = ("reasoning_content", "reasoning")
_CALL = frozenset(("id", "type", "index", "function", "custom"))
_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,([A-Za-z0-9+/=]*)", re.ASCII)


def read_beside(wire: Mapping[str, Any]) -> tuple[Part, ...]:
    """Reasoning and a refusal that stand in fields of their own, and the text that they stand beside."""
    texts = {name: wire[name] for name in (*_REASONING, "refusal") if isinstance(wire.get(name), str) and wire[name]}
    if texts.get("reasoning") == texts.get("reasoning_content"):
        texts.pop("reasoning", None)  # one thought in two fields
    parts = [
        Part("refusal" if name == "refusal" else "reasoning", text, extra={FIELD: name}) for name, text in texts.items()
    ]
    if parts and isinstance(wire.get("content"), str) and wire["content"]:
        parts.append(Part("text", wire["content"]))
    return tuple(sorted(parts, key=lambda part: ("reasoning", "text", "refusal").index(part.kind)))


def read_parts(content: JsonValue, place: str, *, answer: bool) -> Iterator[Part]:
    """The parts of a content list; nothing of a plain text. An unknown one is `other`, or refused in an answer."""
    if content is None or isinstance(content, str):
        return
    for index, item in enumerate(sequence(content, place)):
        wire = mapping(item, f"{place}[{index}]")
        part = read_part(wire, f"{place}[{index}]")
        if answer and part.kind == "other":
            raise NotUnderstoodError(f"{place}[{index}].type", "a part of an answer that is not known")
        part = part if part.kind == "other" else replace(part, extra=beyond(wire, write_part(part)))
        if answer:
            refuse_deciding(part.extra, f"{place}[{index}]")
        yield part


def read_part(wire: dict[str, Any], place: str) -> Part:
    """One part, with what it does not say kept apart by the caller."""
    kind = wire.get("type")
    if kind in ("text", "refusal") and isinstance(wire.get(kind), str):
        return Part(kind, wire[kind])
    if kind == "thinking":
        inner = wire.get("thinking")
        texts = (
            [inner] if isinstance(inner, str) else [item.get("text") for item in sequence(inner, f"{place}.thinking")]
        )
        return Part("reasoning", "\n".join(string(text, f"{place}.thinking") for text in texts))
    inner = wire.get(kind) if isinstance(kind, str) else None
    if not isinstance(inner, dict):
        return Part("other", extra=wire)
    if kind == "image_url" and isinstance(inner.get("url"), str):
        return _source("image", inner["url"])
    if kind == "input_audio" and isinstance(inner.get("data"), str):
        return Part("audio", media_type=f"audio/{inner.get('format')}", data=inner["data"])
    if kind == "file" and isinstance(inner.get("file_id"), str):
        return Part("file", url=inner["file_id"])
    if kind == "file" and isinstance(inner.get("file_data"), str):
        found = _source("file", inner["file_data"])
        return found if found.data is not None else Part("file", data=found.url)
    return Part("other", extra=wire)


def _source(kind: PartKind, url: str) -> Part:
    found = _DATA_URL.fullmatch(url)
    return Part(kind, media_type=found[1], data=found[2]) if found else Part(kind, url=url)


def write_part(part: Part) -> dict[str, Any]:
    """The JSON of a part."""
    wire: dict[str, Any] = {}
    data = part.data if part.media_type is None else f"data:{part.media_type};base64,{part.data}"
    if part.kind in ("text", "refusal"):
        wire = {"type": part.kind, part.kind: part.text}
    elif part.kind == "reasoning":
        wire = {"type": "thinking", "thinking": part.text}
    elif part.kind == "image":
        wire = {"type": "image_url", "image_url": {"url": part.url or data}}
    elif part.kind == "audio":
        form = (part.media_type or "").removeprefix("audio/")
        wire = {"type": "input_audio", "input_audio": {"data": part.data, "format": form}}
    elif part.kind == "file":
        wire = {"type": "file", "file": {"file_id": part.url} if part.url else {"file_data": data}}
    return overlay(wire, part.extra)


def read_call(value: JsonValue, place: str, *, answer: bool) -> ToolCall:
    """A call; of an answer it must have a name and no field that is not known."""
    wire = mapping(value, place)
    custom = wire.get("type") == "custom" and isinstance(wire.get("custom"), dict)
    function = mapping(wire.get("custom" if custom else "function"), f"{place}.function")
    name = string(function.get("name"), f"{place}.function.name")
    if answer:
        if not name:
            raise NotUnderstoodError(f"{place}.function.name", "a call without a name")
        refuse_unknown(function, ("name", "arguments", "input"), f"{place}.function")
    arguments = argument_text(function.get("input" if custom else "arguments"), f"{place}.function.arguments")
    call = ToolCall(optional_string(wire.get("id"), f"{place}.id") or "", name, arguments)
    if answer:
        call = replace(call, extra={key: item for key, item in wire.items() if key not in _CALL and item is not None})
        refuse_deciding(call.extra, place)
        return call
    return replace(call, extra=beyond(wire, write_call(call, call.id or "$made")))


def read_legacy_call(value: JsonValue, place: str) -> ToolCall:
    """A call in the field `function_call`."""
    wire = mapping(value, place)
    arguments = argument_text(wire.get("arguments"), f"{place}.arguments")
    return ToolCall("", string(wire.get("name"), f"{place}.name"), arguments)


def write_call(call: ToolCall, name: str) -> dict[str, Any]:
    """The JSON of a call, under this id."""
    wire = {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return overlay(wire, call.extra)
