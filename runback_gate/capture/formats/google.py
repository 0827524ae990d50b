"""Google's contents under the field names of the wire, where Python dumped them under its own.

In: `{"function_call": {"args": {}, "name": "look", "id": None}}`. Out:
`{"functionCall": {"args": {}, "name": "look"}}`.

    camel(part), camel_answer({"candidates": [...], "usage_metadata": {...}})
"""

from __future__ import annotations

import re
from typing import Any

NAMES = {
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "inline_data": "inlineData",
    "file_data": "fileData",
    "thought_signature": "thoughtSignature",
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
    "video_metadata": "videoMetadata",
}
"""Of the fields of a part."""


def camel(part: Any) -> Any:
    """A part by the names of the wire, without the fields that a dump has as null."""
    if not isinstance(part, dict):
        return part
    found = {}
    for name, value in part.items():
        if value is not None and not (name == "thought" and value is False):
            deeper = name in ("inline_data", "file_data", "inlineData", "fileData")
            found[NAMES.get(name, name)] = camel(value) if deeper else _call(value) if "function" in name else value
    return found


def _call(value: Any) -> Any:
    """A call or a response without its null fields; what it was called with stays as it is."""
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


_REASONS = (
    "FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION OTHER BLOCKLIST PROHIBITED_CONTENT SPII "
    "MALFORMED_FUNCTION_CALL".split()
)
"""By their numbers in Vertex AI's protobuf."""


def camel_answer(value: dict[str, Any]) -> dict[str, Any]:
    """An answer by the names of the wire."""
    answer = _keys(value)
    answer["candidates"] = [_keys(item) if isinstance(item, dict) else item for item in answer["candidates"]]
    for candidate in answer["candidates"]:
        reason = candidate.get("finishReason") if isinstance(candidate, dict) else None
        if isinstance(reason, int) and 0 < reason < len(_REASONS):
            candidate["finishReason"] = _REASONS[reason]
        content = candidate.get("content") if isinstance(candidate, dict) else None
        if isinstance(content, dict) and isinstance(content.get("parts"), list):
            candidate["content"] = {**content, "parts": [camel(part) for part in content["parts"]]}
    if isinstance(answer.get("usageMetadata"), dict):
        answer["usageMetadata"] = _keys(answer["usageMetadata"])
    return answer


def _keys(value: dict[str, Any]) -> dict[str, Any]:
    """The object without its null fields, with their names as on the wire."""
    found = {}
    for name, item in value.items():
        if item is not None:
            found[re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)] = item
    return found
