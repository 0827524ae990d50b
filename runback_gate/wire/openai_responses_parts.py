"""Parts, reasoning and calls of OpenAI's Responses, of a request and of an answer alike, both ways.

In: JSON of a content part or an item. Out: a `Part`, a `ToolCall`, and their JSON.

    part = read_part({"type": "input_text", "text": "Hello"})
    write_part(part, "input")
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.step import Part, PartKind, ToolCall
from runback_gate.wire.fields import argument_text, beyond, mapping, optional_string, overlay, sequence, string

ITEM = "$item"
"""In `extra`: of a part, that it is an item of its own; of the instructions, that they stand among the items; of a
request, that its `input` is one text, or missing."""

_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,([A-Za-z0-9+/=]*)", re.ASCII)


def read_parts(content: JsonValue, place: str) -> Iterator[Part]:
    """The parts of a content list; nothing of a plain text or of none."""
    if content is None or isinstance(content, str):
        return
    for index, item in enumerate(sequence(content, place)):
        yield read_part(mapping(item, f"{place}[{index}]"))


def read_part(wire: dict[str, Any]) -> Part:
    """One part; one that is not known is `other`."""
    kind = wire.get("type")
    part = Part("other", extra=wire)
    if kind in ("input_text", "output_text", "text") and isinstance(wire.get("text"), str):
        part = Part("text", wire["text"])
    elif kind == "refusal" and isinstance(wire.get("refusal"), str):
        part = Part("refusal", wire["refusal"])
    elif kind == "input_image" and isinstance(wire.get("image_url"), str):
        part = _source("image", wire["image_url"])
    elif kind == "input_file" and isinstance(wire.get("file_url"), str):
        part = Part("file", url=wire["file_url"])
    elif kind == "input_file" and isinstance(wire.get("file_data"), str):
        found = _source("file", wire["file_data"])
        part = found if found.data is not None else Part("file", data=wire["file_data"])
    if part.kind == "other":
        return part
    side = "output" if kind == "output_text" else "input"
    extra = beyond(wire, write_part(part, side))
    return replace(part, extra={**extra, "type": kind} if part.kind == "text" and kind == "output_text" else extra)


def _source(kind: PartKind, url: str) -> Part:
    found = _DATA_URL.fullmatch(url)
    return Part(kind, media_type=found[1], data=found[2]) if found else Part(kind, url=url)


def write_part(part: Part, side: str) -> dict[str, Any]:
    """The JSON of a part, of a side that speaks: `input` or `output`."""
    wire: dict[str, Any] = {}
    data = part.data if part.media_type is None else f"data:{part.media_type};base64,{part.data}"
    if part.kind == "refusal":
        wire = {"type": "refusal", "refusal": part.text}
    elif part.kind == "image":
        wire = {"type": "input_image", "image_url": part.url or data}
    elif part.kind == "file":
        wire = {"type": "input_file", "file_url": part.url} if part.url else {"type": "input_file", "file_data": data}
    elif part.kind != "other":
        wire = {"type": f"{side}_text", "text": part.text}
    return overlay(wire, part.extra)


def reasoning(wire: dict[str, Any], place: str) -> Part:
    """An item of reasoning: its summary, or the thoughts themselves where a server shows them."""
    texts = [*(wire.get("content") or []), *(wire.get("summary") or [])]
    words = [string(mapping(text, place).get("text"), f"{place}.summary") for text in texts]
    signature = optional_string(wire.get("encrypted_content"), f"{place}.encrypted_content")
    part = Part("reasoning", "\n".join(words), signature=signature)
    return replace(part, extra=beyond(wire, write_reasoning(part)))


def write_reasoning(part: Part) -> dict[str, Any]:
    """The item of a thought."""
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    wire: dict[str, Any] = {"type": "reasoning", "summary": summary}
    if part.signature is not None:
        wire["encrypted_content"] = part.signature
    return overlay(wire, part.extra)


def read_call(wire: dict[str, Any], place: str) -> ToolCall:
    """A call of a function, or of a tool that takes text."""
    arguments = wire.get("input" if wire.get("type") == "custom_tool_call" else "arguments")
    call = ToolCall(
        optional_string(wire.get("call_id"), f"{place}.call_id") or "",
        string(wire.get("name"), f"{place}.name"),
        argument_text(arguments, f"{place}.arguments"),
    )
    own = {"type": "custom_tool_call"} if wire.get("type") == "custom_tool_call" else {}
    call = replace(call, extra=own)
    return replace(call, extra={**own, **beyond(wire, write_call(call))})


def write_call(call: ToolCall) -> dict[str, Any]:
    """The item of a call."""
    field = "input" if call.extra.get("type") == "custom_tool_call" else "arguments"
    wire = {"type": "function_call", "call_id": call.id, "name": call.name, field: call.arguments}
    return overlay(wire, call.extra)
