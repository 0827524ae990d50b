"""OpenAI's chat completions on the wire: a request to its body, a body to an answer, a refusal to its kind.

In: a `Request`, or the JSON that a server sent. Out: JSON to send, or an `Answer`. Pure: nothing is sent here.

    body = to_body(request, "gpt-4o-mini")
    answer = read_answer(parse_json(data, path="answer"))
    answer.response.text, answer.fingerprint
    failure("openai", 429, b'{"error": {"code": "insufficient_quota"}}', headers)   # ProviderError, kind "refused"
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast

from runback_gate.canonical import MAX_INTEGER, JsonValue, parse_json
from runback_gate.errors import ErrorKind, ProviderError, RunbackError
from runback_gate.step import Message, Request, Response, Tool, ToolCall, Usage

MAX_BODY_BYTES = 8 << 20
"""Largest answer that is read."""

_OWN = ("model", "messages", "tools")
_NOT_KEPT = frozenset(("[image]", "[audio]", "[file]"))
"""What stands in a recording for a part that is no text; see `step.Message.content`."""
_KINDS: dict[int, ErrorKind] = {
    401: "authentication",
    403: "authentication",
    408: "time-out",
    413: "context too long",
    429: "rate limit",
}
_TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "context length",
    "context window",
    "prompt is too long",
    "exceed_context_size",
    "too many tokens",
)
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "credit balance is too low")
_MAX_SAID = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came."""

    response: Response
    fingerprint: str | None
    """`system_fingerprint`: the same seed promises the same answer only under the same fingerprint."""


class GarbageError(Exception):
    """What came is no answer in this format."""


def to_body(request: Request, model: str) -> dict[str, Any]:
    """The JSON of a request. Parameters go out by their own names, as they were recorded.

    Raises:
        ProviderError: `refused`, for parameters that would change what is asked or ask for several answers at once,
            and for a conversation of which parts were not recorded: without them another question would be asked.
    """
    if taken := [name for name in _OWN if name in request.parameters]:
        raise ProviderError("refused", f"parameters.{taken[0]} is no parameter: the agent config states it beside them")
    if request.parameters.get("n", 1) != 1:
        raise ProviderError("refused", "parameters.n: one answer is judged at a time", hint="ask for trials instead")
    for message in request.messages:
        if "[" in message.content and not _NOT_KEPT.isdisjoint(message.content.split("\n")):
            raise ProviderError("refused", "an image, sound or file of the conversation was not recorded")
    body = {**request.parameters, "model": model, "messages": list(_messages(request))}
    return {**body, "tools": [_tool(tool) for tool in request.tools]} if request.tools else body


def _messages(request: Request) -> Iterator[dict[str, Any]]:
    if request.system is not None:
        yield {"role": "system", "content": request.system}
    waiting: list[str] = []
    for number, message in enumerate(request.messages):
        if message.tool_calls:
            # A source that kept no ids still said which result follows which call: their order.
            ids = [call.id or f"call_{number}_{index}" for index, call in enumerate(message.tool_calls)]
            waiting = list(ids)
            yield _assistant(message, ids)
        elif message.role == "tool":
            name = message.tool_call_id or next(iter(waiting), f"call_{number}")
            waiting = [item for item in waiting if item != name]
            yield {"role": "tool", "tool_call_id": name, "content": message.content or message.error or ""}
        else:
            yield {"role": message.role, "content": message.content}


def _assistant(message: Message, ids: list[str]) -> dict[str, Any]:
    calls = [
        {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for name, call in zip(ids, message.tool_calls, strict=True)
    ]
    return {"role": "assistant", "content": message.content or None, "tool_calls": calls}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def read_answer(value: JsonValue, latency: float | None = None) -> Answer:
    """The first choice of a completion. A refusal of the model is its text.

    Args:
        value: the JSON that came.
        latency: seconds from request to complete answer.

    Raises:
        GarbageError: not a chat completion.
    """
    top = _mapping(value, "the answer")
    choices = top.get("choices")
    if not isinstance(choices, list) or not choices:
        raise GarbageError("no choices")
    choice = _mapping(choices[0], "choices[0]")
    message = _mapping(choice.get("message"), "choices[0].message")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise GarbageError("tool_calls is no list")
    response = Response(
        text=_content(message.get("content")) or _text(message.get("refusal")) or "",
        tool_calls=tuple(_call(item, index) for index, item in enumerate(calls)),
        finish_reason=_text(choice.get("finish_reason")),
        model=_text(top.get("model")),
        usage=_usage(top.get("usage")),
        latency_ms=None if latency is None else max(0, round(latency * 1000)),
    )
    return Answer(response, _text(top.get("system_fingerprint")))


def _mapping(value: JsonValue, what: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise GarbageError(f"{what} is no object")
    return value


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _content(value: JsonValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    parts = value if isinstance(value, list) else [value]
    texts = [part.get("text") or part.get("refusal") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise GarbageError("content is no text")
    return "\n".join(cast("list[str]", texts))


def _call(value: JsonValue, index: int) -> ToolCall:
    call = _mapping(value, f"tool_calls[{index}]")
    function = _mapping(call.get("function"), f"tool_calls[{index}].function")
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        raise GarbageError(f"tool_calls[{index}] has no name")
    if not isinstance(arguments, str):  # some servers send the object instead of its text
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return ToolCall(_text(call.get("id")) or "", name, arguments)


def _usage(value: JsonValue) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    return Usage(_count(value.get("prompt_tokens")), _count(value.get("completion_tokens")))


def _count(value: JsonValue) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= cast("int", value) <= MAX_INTEGER else None  # type: ignore[return-value]


def failure(
    provider: str, status: int, data: bytes, headers: Mapping[str, str], *, secret: str | None = None
) -> ProviderError:
    """What a status other than 200 means; the words of the provider are kept, the key in them is not."""
    said = _said(data)
    if secret:
        # Before it is cut: half a key is one, too.
        said = said.replace(secret, "[key]")
    kind = kind_of(status, said.lower())
    said = said[:_MAX_SAID]
    # Providers quote the key that they do not know, or most of it.
    quote = "" if kind == "authentication" or not said else f": {said}"
    return ProviderError(
        kind,
        f"{provider}: HTTP {status}{quote}",
        retry_after=retry_after(headers) if kind in ("rate limit", "server") else None,
        hint="check the key that apiKeyEnv names in runback.yaml" if kind == "authentication" else None,
    )


def kind_of(status: int, said: str) -> ErrorKind:
    """Why there is no answer, by the HTTP status and the lower-case words that came with it."""
    if status in (400, 413, 422, 500) and any(sign in said for sign in _TOO_LONG):
        return "context too long"
    if status == 429 and any(sign in said for sign in _NO_MONEY):
        return "refused"
    return _KINDS.get(status, "server" if status >= 500 else "refused")


def _said(data: bytes) -> str:
    """The words of an error body: its code and message where it is JSON, else how it begins."""
    text = data[: 64 << 10].decode("utf-8", "replace")
    try:
        error: Any = parse_json(data, path="error")
    except RunbackError:
        return " ".join(text.split())
    error = error.get("error", error) if isinstance(error, dict) else error
    if isinstance(error, dict):
        parts = [str(error[name]) for name in ("code", "type", "message") if isinstance(error.get(name), (str, int))]
        text = ": ".join(dict.fromkeys(parts)) or text
    return " ".join(text.split())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by Retry-After (RFC 9110, 10.2.3) in seconds or as a date, or by OpenAI's retry-after-ms.

    A date is held against the Date that the same server sent, so that no clock of ours must agree with it.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
