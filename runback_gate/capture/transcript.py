"""Chat-format transcripts, JSON or JSONL, to runs: one step per assistant turn.

In: bytes of a transcript file, the tools and the agent's name. Out: `Run`s whose steps are `semantic`: rebuilt from
messages, with what the transcript did not keep (parameters, usage, latency, often the model) unknown.

    runs = read_transcripts(data, path="runs.jsonl", agent="airline", tools=tools)

Three shapes are read: a list of messages, an object with `messages` (and perhaps `model`, `tools`), or a list of such
objects; JSONL holds one of the first two a line. Other fields of the object become labels of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from runback_gate.canonical import JsonValue, canonical_bytes, digest_bytes, parse_json
from runback_gate.capture.runs import Turn, Turns
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.step import (
    Message,
    Request,
    RequestField,
    Response,
    Run,
    Source,
    Step,
    Tool,
    ToolCall,
    tools_from_json,
)

MAX_TRANSCRIPT_BYTES = 512 << 20
MAX_LINE_BYTES = 64 << 20
_PLACEHOLDERS = {"image_url": "[image]", "input_audio": "[audio]", "file": "[file]"}
_KNOWN = {
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "error",
    "is_error",
    "refusal",
    "annotations",
    "audio",
}


def read_transcripts(
    data: bytes, *, path: str, agent: str, tools: tuple[Tool, ...] | None = None, model: str | None = None
) -> tuple[Run, ...]:
    """Read every run of a transcript file.

    Args:
        data: the file's bytes.
        path: how the file is named in errors; its stem begins every run id.
        agent: name of the agent whose runs these are.
        tools: the tools that it had; None when neither the caller nor the transcript knows.
        model: `provider/model` to note in place of what the transcript says.

    Raises:
        InputError: not such a transcript; the error names line and message.
    """
    runs = []
    for number, (line, value) in enumerate(_records(data, path), 1):
        runs.append(_run(value, Location(path, line), number, agent, tools, model))
    if not runs:
        raise InputError(f"{path}: no run", hint="an empty transcript judges nothing")
    return tuple(runs)


def _records(data: bytes, path: str) -> Iterator[tuple[int | None, JsonValue]]:
    lines = path.endswith((".jsonl", ".ndjson"))
    if not lines and (path.endswith(".json") or data.lstrip()[:1] == b"["):
        value = parse_json(data, path=path, max_bytes=MAX_TRANSCRIPT_BYTES)
        many = isinstance(value, list) and value and not _is_message(value[0])
        yield from ((None, item) for item in (cast("list[JsonValue]", value) if many else [value]))
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, parse_json(line, path=path, max_bytes=MAX_LINE_BYTES)
            except DocumentError as error:
                column = error.location.column if error.location else None
                place = Location(path, number, column)
                raise DocumentError(error.message, hint="one JSON object a line", location=place) from error


def _is_message(value: JsonValue) -> bool:
    return isinstance(value, dict) and "role" in value


def _run(
    value: JsonValue, place: Location, number: int, agent: str, tools: tuple[Tool, ...] | None, model: str | None
) -> Run:
    record = {"messages": value} if isinstance(value, list) else value
    if not isinstance(record, dict) or not isinstance(record.get("messages"), list) or not record["messages"]:
        raise InputError("no `messages` here", hint='chat format: {"messages": [{"role": …}]}', location=place)
    said = cast("list[JsonValue]", record["messages"])
    messages = [_message(item, place, index) for index, item in enumerate(said)]
    if tools is None and "tools" in record:
        tools = tools_from_json(record["tools"], f"{place}: tools")
    named = model or _text(record.get("model"))
    unknown: list[RequestField] = ["parameters"]
    unknown += [field for field, missing in (("model", named is None), ("tools", tools is None)) if missing]  # type: ignore[misc]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(place.path).stem).strip("-.") or "run"
    run_id = f"{stem}-{number:04d}-{digest_bytes(canonical_bytes(said))[7:15]}"
    labels = {key: item for key, item in record.items() if key not in ("messages", "tools", "model")}
    turns = Turns(_turns(messages, run_id, agent, named, tools or (), tuple(unknown)))
    return Run(run_id, agent, turns, labels)


def _turns(
    messages: list[Message],
    run: str,
    agent: str,
    model: str | None,
    tools: tuple[Tool, ...],
    unknown: tuple[RequestField, ...],
) -> Iterator[Turn]:
    start = 1 if messages[0].role in ("system", "developer") else 0
    system = messages[0].content if start else None
    if system is None:
        unknown = (*unknown, "system")
    turn, before = 0, start
    for index, message in enumerate(messages[start:], start):
        if message.role == "assistant":
            request = Request(model=model, system=system, messages=tuple(messages[before:index]), tools=tools)
            response = Response(text=message.content, tool_calls=message.tool_calls, error=message.error)
            step = Step(agent, request, response, Source(run=run, event=turn, grade="semantic", unknown=unknown))
            yield Turn(step, turn - 1 if turn else None, before - start)
            turn, before = turn + 1, index


def _message(value: JsonValue, place: Location, index: int) -> Message:
    where = f"messages[{index}]"
    if not isinstance(value, dict):
        raise InputError(f"{where}: an object was expected", location=place)
    if unknown := sorted(set(value) - _KNOWN):
        hint = "turn it into tool_calls first" if "function_call" in unknown else None
        raise InputError(f"{where}: unknown field {unknown[0]!r}", hint=hint, location=place)
    role = value.get("role")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise InputError(
            f"{where}: unknown role {role!r}", hint="system, developer, user, assistant or tool", location=place
        )
    calls = value.get("tool_calls") or []
    if not isinstance(calls, list) or (calls and role != "assistant"):
        raise InputError(f"{where}: tool_calls is a list, of the assistant", location=place)
    return Message(
        role=role,  # type: ignore[arg-type]
        content=_content(value.get("content"), f"{where}.content", place) or _text(value.get("refusal")) or "",
        tool_calls=tuple(_call(item, f"{where}.tool_calls[{number}]", place) for number, item in enumerate(calls)),
        tool_call_id=_text(value.get("tool_call_id")),
        name=_text(value.get("name")),
        error=_error(value),
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _error(value: dict[str, JsonValue]) -> str | None:
    if isinstance(error := value.get("error"), str) and error:
        return error
    return _text(value.get("content")) or "error" if value.get("is_error") is True else None


def _content(value: JsonValue, where: str, place: Location) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InputError(f"{where}: text or a list of parts was expected", location=place)
    parts = []
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        text = _PLACEHOLDERS.get(str(kind)) or (
            _text(part.get("text") or part.get("refusal")) if isinstance(part, dict) else None
        )
        if text is None:
            raise InputError(f"{where}: unknown part {kind!r}", location=place)
        parts.append(text)
    return "\n".join(parts)


def _call(value: JsonValue, where: str, place: Location) -> ToolCall:
    function: Any = value.get("function") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InputError(f"{where}: {{id, function: {{name, arguments}}}} was expected", location=place)
    arguments = function.get("arguments", "")
    if not isinstance(arguments, str):  # some exporters write the object instead of its text
        arguments = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return ToolCall(id=_text(value.get("id")) or "", name=function["name"], arguments=arguments)
