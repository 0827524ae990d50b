"""Pieces of OpenAI's chat form, which the conventions are read into.

In: words, calls, results and counts, as a convention has them. Out: JSON that `wire.openai_chat` reads.

    assistant("", [call("c1", "lookup_order", {"id": 1})])
    completion([{"message": …, "finish_reason": "tool-calls"}], "gpt-5", "chatcmpl-1", usage(140, 21))
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.errors import DocumentError

_FINISH = {
    **dict.fromkeys(("tool_call", "tool-calls", "tool_use", "function_call"), "tool_calls"),
    **dict.fromkeys(("end_turn", "stop_sequence", "end", "completed", "STOP"), "stop"),
    **dict.fromkeys(("max_tokens", "max_output_tokens", "MAX_TOKENS"), "length"),
    **dict.fromkeys(("content-filter", "refusal", "SAFETY"), "content_filter"),
}
"""Spellings of finish reasons; every other goes on as it is, to be refused where nobody knows it."""


def finish(reason: Any) -> str | None:
    """A finish reason in OpenAI's words."""
    return None if not isinstance(reason, str) or not reason else _FINISH.get(reason, reason)


def embedded(value: Any, name: str) -> Any:
    """JSON that stands in an attribute as a text; what is structured already stays.

    Raises:
        DocumentError: it is none, as after an exporter cut it.
    """
    return parse_json(value, path=name) if isinstance(value, str) else value


def text(value: Any) -> str:
    """A text, or the JSON of another value."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def call(name_of_call: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """A tool call."""
    function = {"name": name, "arguments": text(arguments)}
    return {"id": text(name_of_call), "type": "function", "function": function}


def assistant(content: Any, calls: Sequence[dict[str, Any]], reasoning: str = "") -> dict[str, Any]:
    """A message of the assistant."""
    message: dict[str, Any] = {"role": "assistant", "content": content or (None if calls else "")}
    if calls:
        message["tool_calls"] = list(calls)
    if reasoning:
        message["reasoning_content"] = reasoning
    return message


def result(name_of_call: Any, content: Any) -> dict[str, Any]:
    """The result of a tool; without an id where the source kept none."""
    message = {"role": "tool", "content": text(content)}
    return {**message, "tool_call_id": name_of_call} if name_of_call else message


def function(name: Any, description: Any, parameters: Any, **more: Any) -> dict[str, Any]:
    """A tool definition."""
    fields = {"name": name, "description": description, "parameters": parameters, **more}
    return {"type": "function", "function": {key: item for key, item in fields.items() if item not in (None, "")}}


def usage(
    asked: Any, answered: Any, *, cached: Any = None, reasoning: Any = None, total: Any = None
) -> dict[str, Any] | None:
    """Counts of tokens."""
    counts: dict[str, Any] = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": total}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return {key: item for key, item in counts.items() if item is not None} or None


def completion(
    choices: Iterable[Mapping[str, Any]], model: Any, name: Any, counts: dict[str, Any] | None
) -> dict[str, Any]:
    """An answer; its choices may spell their finish reasons in any way."""
    found = [
        {**choice, "index": index, "finish_reason": finish(choice.get("finish_reason"))}
        for index, choice in enumerate(choices)
    ]
    fields = {"id": name, "model": model, "choices": found, "usage": counts}
    return {key: item for key, item in fields.items() if item is not None}


def numbered(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The items of attributes such as `PREFIX.0.role`, each with the names behind its number.

    Raises:
        DocumentError: the numbers have a gap, so an item is missing.
    """
    items: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if name.startswith(f"{prefix}."):
            number, _, rest = name[len(prefix) + 1 :].partition(".")
            if number.isdecimal() and len(number) < 7:
                items.setdefault(int(number), {})[rest] = value
    if items and max(items) != len(items) - 1:
        raise DocumentError(f"{prefix}: an item is missing")
    return [items[number] for number in sorted(items)]


def has_calls(messages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any message calls a tool or tells what one gave."""
    return any(
        message.get("tool_calls") or message.get("function_call") or message.get("role") == "tool"
        for message in messages
    )
