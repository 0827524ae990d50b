"""Messages and answers as plain text, whole: what a person reads of them.

In: a `Message` or a `Response`. Out: text. Arguments stand one a line, so that a difference of two answers is one of
their arguments; what is no text is named.

    answer_text(response)     # 'issue_refund(\\n  order: "P-1042",\\n  amount: 250\\n)'
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from runback_gate.canonical import parse_json
from runback_gate.errors import RunbackError
from runback_gate.step import Message, Part, Response, ToolCall

WHO = {"user": "customer", "assistant": "agent", "system": "instructions", "developer": "instructions", "tool": "tool"}
"""How the roles of a conversation are called on screen."""
_PLAIN = json.JSONEncoder(ensure_ascii=False).encode
_INDENTED = json.JSONEncoder(ensure_ascii=False, indent=2).encode


def speaker(message: Message) -> str:
    """`customer`, `agent`, `tool lookup_order`."""
    return f"{WHO[message.role]} {message.name}" if message.name else WHO[message.role]


def message_text(message: Message) -> str:
    """What a message says, with its calls, its error and the kinds of what is no text."""
    text = message.content if not message.parts else "\n".join(_parts(message.parts))
    error = f"error: {message.error}" if message.error else ""
    return "\n".join(filter(None, (text, *map(call_text, message.tool_calls), error)))


def answer_text(response: Response) -> str:
    """What a model answered: text, refusal and reasoning in order, calls, an error; how it ended where that matters."""
    text = response.text if not response.parts else "\n".join(_parts(response.parts))
    error = f"error: {response.error}" if response.error else ""
    ended = "" if response.finish_reason in (None, "stop", "tool_calls") else f"[ended by {response.finish_reason}]"
    return "\n".join(filter(None, (text, *map(call_text, response.tool_calls), error, ended)))


def call_text(call: ToolCall) -> str:
    """A call with an argument a line; arguments that are no JSON object stand as the model wrote them."""
    try:
        arguments = parse_json(call.arguments or "{}", path="")
    except RunbackError:
        arguments = None
    if not isinstance(arguments, dict):
        return f"{call.name}({call.arguments})"
    if not arguments:
        return f"{call.name}()"
    return f"{call.name}(\n" + ",\n".join(f"  {key}: {_json(value)}" for key, value in arguments.items()) + "\n)"


def _json(value: object) -> str:
    if isinstance(value, (dict, list)):
        return _INDENTED(value).replace("\n", "\n  ")
    return _PLAIN(value)


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.kind == "text":
            yield part.text
        elif part.kind != "call":
            yield f"[{part.kind}] {part.text}".rstrip()
