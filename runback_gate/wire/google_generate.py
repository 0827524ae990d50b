"""Google's generateContent on the wire, of the Gemini API and of Vertex AI.

In: the JSON of a request body, or of an answer. Out: a `Request`, a `Response`, and a request body back; see `wire`.

https://ai.google.dev/api/generate-content. The model stands in the address, not in the body. Parameters are those of
`generationConfig`. Results are JSON objects; their text is that JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.step import Message, Part, PartKind, Request, Response, Tool, ToolCall, Usage
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import (
    argument_text,
    beyond,
    count,
    filled,
    kept,
    left,
    mapping,
    optional_string,
    overlay,
    refuse_deciding,
    refuse_unknown,
    sequence,
    string,
)
from runback_gate.wire.google_generate_stream import GoogleGenerateStream
from runback_gate.wire.remembered import remembered
from runback_gate.wire.turns import (
    MESSAGE,
    arguments_value,
    blocks_of,
    grouped,
    in_order,
    instructions,
    split,
    with_rest,
)

API: Final = "google.generate"

PARAMETERS = frozenset(
    "candidateCount frequencyPenalty maxOutputTokens mediaResolution presencePenalty responseJsonSchema "
    "responseMimeType responseModalities responseSchema seed stopSequences temperature thinkingConfig topK topP".split()
)
"""Fields of `generationConfig`, which an agent config states as parameters."""

NEW = "$new"
"""In `extra` of a tool: another object of `tools` begins with it."""
SCHEMA = "$schema_field"
"""In `extra` of a tool: the field of its schema, where it is not `parametersJsonSchema`."""
FIELD = "$field"
"""In `extra` of the instructions: the field that they stand in, where it is not `systemInstruction`."""

_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
        "IMAGE_RECITATION MODEL_ARMOR".split(),
        "content_filter",
    ),
}
_FAILED = frozenset(
    "OTHER MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE NO_IMAGE "
    "IMAGE_OTHER MALFORMED_RESPONSE".split()
)
_TOP = frozenset(
    "candidates usageMetadata modelVersion responseId promptFeedback createTime modelStatus sdkHttpResponse".split()
)
_CANDIDATE = frozenset(
    "content finishReason finishMessage index safetyRatings citationMetadata groundingMetadata groundingAttributions "
    "avgLogprobs logprobsResult urlContextMetadata tokenCount".split()
)
_OF_ANSWERS = frozenset(("executableCode", "codeExecutionResult"))


def read_request(body: JsonValue) -> Request:
    """The request of a body.

    Raises:
        NotUnderstoodError: not a body of this API.
    """
    top = mapping(body, "$")
    messages: list[Message] = []
    for index, item in enumerate(sequence(top.get("contents") or [], "$.contents")):
        messages += _message(mapping(item, f"$.contents[{index}]"), f"$.contents[{index}]")
    system = _system(top)
    request = Request(
        system=None if system is None else system.content,
        messages=tuple(messages),
        tools=tuple(_tools(top.get("tools") or [])),
        parameters=mapping(top.get("generationConfig") or {}, "$.generationConfig"),
        system_message=None if system == Message("system", "" if system is None else system.content) else system,
        api=API,
    )
    return replace(request, extra=left(top, write_request(request, None)))


def _system(top: dict[str, Any]) -> Message | None:
    name = next((name for name in ("systemInstruction", "system_instruction") if top.get(name) is not None), None)
    if name is None:
        return None
    wire = mapping(top[name], f"$.{name}")
    parts = tuple(_parts(wire.get("parts") or [], f"$.{name}.parts"))
    one = len(parts) == 1 and parts[0].text and parts[0] == Part("text", parts[0].text)
    message = Message("system", parts[0].text) if one else Message("system", parts=parts)
    rest = beyond(wire, _write_system(message))
    extra: dict[str, Any] = {MESSAGE: rest} if rest else {}
    return replace(message, extra=extra if name == "systemInstruction" else {**extra, FIELD: name})


def _write_system(message: Message) -> dict[str, Any]:
    parts = [_write_part(part) for part in message.parts] or [{"text": message.content}]
    return overlay({"parts": parts}, message.extra.get(MESSAGE, {}))


@remembered
def _message(wire: dict[str, Any], place: str) -> list[Message]:
    role, at = wire.get("role", "user"), f"{place}.parts"
    if role not in ("user", "model", "function"):
        raise NotUnderstoodError(f"{place}.role", "a role that is not known")
    parts = [
        (f"{at}[{n}]", mapping(item, f"{at}[{n}]")) for n, item in enumerate(sequence(wire.get("parts") or [], at))
    ]
    if role == "model":
        text, kept_parts, calls = in_order(_item(part, where) for where, part in parts)
        return with_rest([Message("assistant", text, calls, parts=kept_parts)], wire, _write_message)
    messages = split(_result(part, where) if "functionResponse" in part else _part(part) for where, part in parts)
    plain = [
        replace(message, parts=()) if message.content and message.parts == (Part("text", message.content),) else message
        for message in messages
    ]
    return with_rest(plain, wire, _write_message)


def _result(wire: dict[str, Any], place: str) -> Message:
    result = mapping(wire["functionResponse"], f"{place}.functionResponse")
    value = result.get("response")
    error = value.get("error") if isinstance(value, dict) else None
    message = Message(
        "tool",
        _json(value) if isinstance(value, dict) else "",
        (),
        optional_string(result.get("id"), f"{place}.functionResponse.id"),
        optional_string(result.get("name"), f"{place}.functionResponse.name"),
        None if not error else error if isinstance(error, str) else _json(error),
    )
    return replace(message, extra=beyond(wire, _write_result(message)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parts(value: Any, place: str) -> Iterator[Part]:
    for index, item in enumerate(sequence(value, place)):
        yield _part(mapping(item, f"{place}[{index}]"))


def _item(wire: dict[str, Any], place: str) -> Part | ToolCall:
    if "functionCall" not in wire:
        return _part(wire)
    function = mapping(wire["functionCall"], f"{place}.functionCall")
    call = ToolCall(
        optional_string(function.get("id"), f"{place}.functionCall.id") or "",
        string(function.get("name"), f"{place}.functionCall.name"),
        argument_text(function.get("args"), f"{place}.functionCall.args"),
    )
    return replace(call, extra=beyond(wire, _write_call(call)))


def _part(wire: dict[str, Any]) -> Part:
    part = Part("other", extra=wire)
    signature = wire.get("thoughtSignature")
    if isinstance(wire.get("text"), str) and wire.get("thought") is True:
        part = Part("reasoning", wire["text"], signature=signature if isinstance(signature, str) else None)
    elif isinstance(wire.get("text"), str):
        part = Part("text", wire["text"])
    elif isinstance(inner := wire.get("inlineData"), dict) and isinstance(inner.get("data"), str):
        part = Part(_kind(inner.get("mimeType")), media_type=_text(inner.get("mimeType")), data=inner["data"])
    elif isinstance(inner := wire.get("fileData"), dict) and isinstance(inner.get("fileUri"), str):
        part = Part(_kind(inner.get("mimeType")), media_type=_text(inner.get("mimeType")), url=inner["fileUri"])
    return part if part.kind == "other" else replace(part, extra=beyond(wire, _write_part(part)))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _kind(media_type: Any) -> PartKind:
    first = str(media_type).partition("/")[0]
    return "image" if first == "image" else "audio" if first == "audio" else "file"


def _write_part(part: Part) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if part.kind == "reasoning":
        wire = {"text": part.text, "thought": True} | (
            {} if part.signature is None else {"thoughtSignature": part.signature}
        )
    elif part.data is not None:
        wire = {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    elif part.url is not None:
        wire = {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
    elif part.kind != "other":
        wire = {"text": part.text}
    return overlay(wire, part.extra)


def _write_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "args": arguments_value(call.arguments)}
    return overlay({"functionCall": {"id": call.id, **function} if call.id else function}, call.extra)


def _write_result(message: Message) -> dict[str, Any]:
    try:
        value = json.loads(message.content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        words = message.content or message.error or ""
        value = {"error": words} if message.error is not None else {"result": words}
    result: dict[str, Any] = {"name": message.name or "", "response": value}
    if message.tool_call_id:
        result["id"] = message.tool_call_id
    return overlay({"functionResponse": result}, message.extra)


def _tools(value: Any) -> Iterator[Tool]:
    functions = False
    for index, item in enumerate(sequence(value, "$.tools")):
        wire = mapping(item, f"$.tools[{index}]")
        declared = wire.get("functionDeclarations")
        if not isinstance(declared, list) or len(wire) != 1:
            yield Tool(next(iter(wire), ""), extra=wire)
            functions = False
            continue
        for number, function in enumerate(declared):
            place = f"$.tools[{index}].functionDeclarations[{number}]"
            tool = _function(mapping(function, place), place)
            yield replace(tool, extra={**tool.extra, NEW: True}) if functions and number == 0 else tool
        functions = True


def _function(wire: dict[str, Any], place: str) -> Tool:
    name = string(wire.get("name"), f"{place}.name")
    field = "parameters" if "parameters" in wire else "parametersJsonSchema"
    schema, description = wire.get(field), wire.get("description")
    tool = Tool(
        name,
        description if isinstance(description, str) else "",
        schema if isinstance(schema, dict) else {},
        extra={SCHEMA: field} if field == "parameters" else {},
    )
    return replace(tool, extra={**tool.extra, **beyond(wire, _write_function(tool))})


def _write_function(tool: Tool) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    if tool.parameters:
        wire[tool.extra.get(SCHEMA, "parametersJsonSchema")] = tool.parameters
    return overlay(wire, tool.extra)


def _write_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] | None = None
    for tool in tools:
        if "name" not in tool.extra and tool.name in tool.extra:  # one that Google runs: the whole object
            found.append(tool.extra)
            functions = None
            continue
        if functions is None or NEW in tool.extra:
            functions = []
            found.append({"functionDeclarations": functions})
        functions.append(_write_function(tool))
    return found


def write_request(request: Request, model: str | None) -> dict[str, Any]:  # noqa: ARG001  it stands in the address
    """The body of a request."""
    groups = grouped(request.messages, same_api=request.api == API)
    written: dict[str, Any] = {"contents": [_write_message(group) for group in groups]}
    if (system := instructions(request)) is not None:
        written[system.extra.get(FIELD, "systemInstruction")] = _write_system(system)
    if request.parameters:
        written["generationConfig"] = request.parameters
    if request.tools:
        written["tools"] = _write_tools(request.tools)
    return filled(written, request.extra)


def _write_message(group: list[Message]) -> dict[str, Any]:
    role = "model" if group[0].role == "assistant" else "user"
    parts = blocks_of(group, result=_write_result, call=_write_call, part=_write_part)
    return overlay({"role": role, "parts": parts}, group[0].extra.get(MESSAGE, {}))


def read_answer(value: JsonValue) -> Response:
    """The one candidate of an answer.

    Raises:
        ErrorAnswerError: it is an error.
        NotUnderstoodError: no answer of this API, or not understood whole.
    """
    top = mapping(value, "$")
    if top.get("error"):
        raise ErrorAnswerError("$.error", top["error"])
    refuse_unknown(top, _TOP, "$")
    candidates = sequence(top.get("candidates") or [], "$.candidates")
    model, usage = optional_string(top.get("modelVersion"), "$.modelVersion"), _usage(top.get("usageMetadata"))
    extra = kept(top, ("candidates", "usageMetadata", "modelVersion"))
    blocked = mapping(top.get("promptFeedback") or {}, "$.promptFeedback").get("blockReason")
    if not candidates and blocked:
        return Response("", (), "content_filter", model, usage, extra=extra)
    if len(candidates) != 1:
        place = "$.candidates[1]" if candidates else "$.candidates"
        raise NotUnderstoodError(place, "one answer was asked for, and no other number of them")
    candidate = mapping(candidates[0], "$.candidates[0]")
    refuse_unknown(candidate, _CANDIDATE, "$.candidates[0]")
    text, parts, calls = in_order(_answered(candidate))
    return Response(text, calls, _finish(candidate, calls), model, usage, parts=parts, extra=extra)


def _answered(candidate: dict[str, Any]) -> Iterator[Part | ToolCall]:
    """Parts and calls; texts in a row are one, as they are cut where a stream was."""
    last: Part | None = None
    content = mapping(candidate.get("content") or {}, "$.candidates[0].content")
    refuse_unknown(content, ("parts", "role"), "$.candidates[0].content")
    for index, wire in enumerate(sequence(content.get("parts") or [], "$.candidates[0].content.parts")):
        place = f"$.candidates[0].content.parts[{index}]"
        item = _item(mapping(wire, place), place)
        if isinstance(item, ToolCall) and not item.name:
            raise NotUnderstoodError(f"{place}.functionCall.name", "a call without a name")
        if isinstance(item, ToolCall) or item.kind != "other":
            refuse_deciding(item.extra, place)
        elif _OF_ANSWERS.isdisjoint(wire):
            raise NotUnderstoodError(place, "a part of an answer that is not known")
        if item == Part("text", ""):
            continue
        if isinstance(item, Part) and last is not None and last.kind == item.kind in ("text", "reasoning"):
            signature = item.signature or last.signature
            last = replace(last, text=last.text + item.text, signature=signature, extra={**last.extra, **item.extra})
            continue
        if last is not None:
            yield last
        last = item if isinstance(item, Part) else None
        if isinstance(item, ToolCall):
            yield item
    if last is not None:
        yield last


def _finish(candidate: dict[str, Any], calls: tuple[ToolCall, ...]) -> str | None:
    place = "$.candidates[0].finishReason"
    said = optional_string(candidate.get("finishReason"), place)
    if said in _FAILED:
        words = candidate.get("finishMessage")
        raise ErrorAnswerError(place, {"message": f"finishReason {said}: {words or ''}"})
    if said in (None, "FINISH_REASON_UNSPECIFIED"):
        return None
    if said not in _FINISH:
        raise NotUnderstoodError(place, f"{str(said)[:80]!r} is no finish reason that is known")
    return "tool_calls" if calls and said == "STOP" else _FINISH[str(said)]


def _usage(value: JsonValue) -> Usage:
    """Tokens; thoughts are counted beside those of the candidate, and what tools of Google's read beside the prompt."""
    if not isinstance(value, dict):
        return Usage()
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    asked, read, answered, thought = (count(value.get(name)) for name in names)
    total, cached = count(value.get("totalTokenCount")), count(value.get("cachedContentTokenCount"))
    whole = None if asked is None else asked + (read or 0)
    generated = None if answered is None and thought is None else (answered or 0) + (thought or 0)
    if None not in (whole, total) and (whole or 0) + (generated or 0) != total:
        generated = None
    return Usage(whole, generated, thought, cached)


def read_stream() -> GoogleGenerateStream:
    """The reader of one streamed answer."""
    return GoogleGenerateStream()
