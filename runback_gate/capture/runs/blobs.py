"""Large parts of messages and answers (images, audio, files) as values of their own, named by digest.

In: the JSON of a message or answer. Out: the same, with the bytes of each large part in a value line; and back.

    lean = take_out(to_json(message), store, blobs)     # {"kind": "image", "blob": "sha256:…", "size": 48211}
    whole = put_back(lean, {"sha256:…": "iVBORw0…"})
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from runback_gate.canonical import JsonValue, digest_bytes
from runback_gate.errors import IntegrityError
from runback_gate.step import Grade, Message, Part, Step

MAX_PART = 16 << 20
"""Longest base64 text of a part that is stored."""
INLINE = 4096
"""Longest base64 text that stands in its message."""


def take_out(value: JsonValue, store: Callable[[JsonValue], str], blobs: dict[str, str]) -> JsonValue:
    """The value without the bytes of its large parts; `blobs` gets the id of the value line of each, by digest."""
    parts: Any = value.get("parts") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not any(len(part.get("data", "")) > INLINE for part in parts or ()):
        return value
    return {**value, "parts": [_lean(part, store, blobs) for part in parts]}


def _lean(part: dict[str, Any], store: Callable[[JsonValue], str], blobs: dict[str, str]) -> JsonValue:
    text = part.get("data", "")
    if len(text) <= INLINE or "blob" in part or "size" in part:
        return part
    data = _decoded(text)
    if data is None:
        return part
    digest = digest_bytes(data)
    blobs[digest] = store(text)
    return {**{key: item for key, item in part.items() if key != "data"}, "blob": digest, "size": len(data)}


def put_back(value: JsonValue, blobs: Mapping[str, str]) -> JsonValue:
    """The value with the bytes of those parts whose base64 text is given by their digest.

    Raises:
        IntegrityError: a text is not that of its digest.
    """
    if not blobs or not isinstance(value, dict) or not isinstance(value.get("parts"), list):
        return value
    return {**value, "parts": [_whole(part, blobs) for part in cast("list[Any]", value["parts"])]}


def _whole(part: Any, blobs: Mapping[str, str]) -> JsonValue:
    text = blobs.get(part.get("blob", ""))
    if text is None:
        return cast("JsonValue", part)
    data = _decoded(text)
    if data is None or digest_bytes(data) != part["blob"] or len(data) != part.get("size"):
        raise IntegrityError("the bytes of a part are not those that it names")
    return {**{key: item for key, item in part.items() if key not in ("blob", "size")}, "data": text}


def bounded(step: Step) -> Step:
    """The step without the bytes of parts beyond the limit: digest and length stay, and it is no longer `exact`."""
    held = (*step.request.messages, step.request.system_message, step.response)
    if not any(value.parts for value in held if value is not None):
        return step
    lost: list[str] = []

    def message(value: Message, place: str) -> Message:
        if not value.parts:
            return value
        parts = tuple(_bounded(part, f"{place}.parts[{at}]", lost) for at, part in enumerate(value.parts))
        return value if parts == value.parts else replace(value, parts=parts)

    request, response = step.request, step.response
    said = tuple(message(item, f"request.messages[{at}]") for at, item in enumerate(request.messages))
    system = None if request.system_message is None else message(request.system_message, "request.system_message")
    parts = tuple(_bounded(part, f"response.parts[{at}]", lost) for at, part in enumerate(response.parts))
    if not lost:
        return step
    grade: Grade = "semantic" if step.source.grade == "exact" else step.source.grade
    return replace(
        step,
        request=replace(request, messages=said, system_message=system),
        response=replace(response, parts=parts),
        source=replace(step.source, grade=grade, lost=(*step.source.lost, *lost)),
    )


def _bounded(part: Part, place: str, lost: list[str]) -> Part:
    if part.data is None or len(part.data) <= MAX_PART:
        return part
    lost.append(f"{place}.data")
    data = _decoded(part.data) or part.data.encode()
    return replace(part, data=None, blob=digest_bytes(data), size=len(data))


def _decoded(text: str) -> bytes | None:
    """The bytes of a base64 text; None when they do not give this text again."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
