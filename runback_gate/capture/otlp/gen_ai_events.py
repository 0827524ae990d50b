"""The older GenAI conventions: one event a message, as log records or as events of the span.

In: the events of a span. Out: its content, in OpenAI's chat form.

    content(span.events)

https://github.com/open-telemetry/semantic-conventions/blob/v1.30.0/docs/gen-ai/gen-ai-events.md:
`gen_ai.system.message`, `.user.`, `.assistant.`, `.tool.` and `gen_ai.choice`. Before them, the span events
`gen_ai.content.prompt` and `gen_ai.content.completion` held all messages. None has the tools that were offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import Content, SpanEvent
from runback_gate.errors import DocumentError

_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "developer", "user", "assistant", "tool")}


def content(events: Iterable[SpanEvent]) -> Content:
    """What was asked and answered.

    Raises:
        DocumentError: an event is not formed as the convention says.
    """
    messages: list[dict[str, Any]] = []
    choices: dict[int, dict[str, Any]] = {}
    heard = False
    for event in events:
        fields = _fields(event)
        if event.name in _ROLES:
            # Without content an event has the ids of its calls at most.
            heard = heard or "content" in fields or "tool_calls" in fields
            messages.append(_message(_ROLES[event.name], fields))
        elif event.name == "gen_ai.choice":
            choices[_index(fields)] = _choice(fields)
        elif event.name == "gen_ai.content.prompt" and "gen_ai.prompt" in fields:
            heard = True
            messages += _prompt(fields["gen_ai.prompt"])
        elif event.name == "gen_ai.content.completion" and "gen_ai.completion" in fields:
            said = [{"message": message, "finish_reason": None} for message in _prompt(fields["gen_ai.completion"])]
            choices |= dict(enumerate(said))
    if not heard:
        return Content()
    return Content(messages, [choices[index] for index in sorted(choices)] or None)


def _fields(event: SpanEvent) -> dict[str, Any]:
    body = event.body if isinstance(event.body, dict) else {}
    return {**event.attributes, **body}


def _index(fields: Mapping[str, Any]) -> int:
    index = fields.get("index", 0)
    if type(index) is not int:
        raise DocumentError("gen_ai.choice: the index is not a number")
    return index


def _choice(fields: Mapping[str, Any]) -> dict[str, Any]:
    message = chat.embedded(fields.get("message") or {}, "gen_ai.choice")
    if not isinstance(message, dict):
        raise DocumentError("gen_ai.choice: the message is not an object")
    said = {**message, "tool_calls": message.get("tool_calls") or fields.get("tool_calls")}
    return {"message": _message("assistant", said), "finish_reason": fields.get("finish_reason")}


def _message(role: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    said = fields.get("content")
    if role == "tool":
        return chat.result(fields.get("id"), said)
    if role == "assistant":
        calls = chat.embedded(fields.get("tool_calls") or [], "tool_calls")
        return chat.assistant(said, [_call(item) for item in calls])
    return {"role": fields.get("role", role), "content": said if isinstance(said, list) else chat.text(said)}


def _call(value: Any) -> dict[str, Any]:
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict):
        raise DocumentError("tool_calls: a call without its function")
    return chat.call(value.get("id"), function.get("name"), function.get("arguments"))


def _prompt(value: Any) -> list[dict[str, Any]]:
    messages = chat.embedded(value, "gen_ai.prompt")
    messages = messages if isinstance(messages, list) else [messages]
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        raise DocumentError("gen_ai.prompt: messages were expected")
    return messages
