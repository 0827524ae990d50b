"""Summarizes an answer in one line, and finds where two requests first differ.

summarize(response)                       # 'escalate(reason: "dispute")'
first_difference({"a": [1]}, {"a": [2]})  # 'a[0]'
"""

from __future__ import annotations

import json

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.documents import cut
from runback_gate.errors import RunbackError
from runback_gate.step import Response, ToolCall

SUMMARY_LENGTH = 120

_json = json.JSONEncoder(ensure_ascii=False).encode


def summarize(response: Response) -> str:
    """The answer on one line of at most 120 characters: its calls, else its error, else its text in quotes."""
    if response.tool_calls:
        text = ", ".join(map(_call, response.tool_calls))
    elif response.error is not None:
        text = f"error: {response.error}"
    else:
        text = _json(" ".join(response.text.split()))
    return cut(" ".join(text.split()), SUMMARY_LENGTH)


def _call(call: ToolCall) -> str:
    try:
        arguments = parse_json(call.arguments or "{}", path="")
    except RunbackError:
        arguments = call.arguments
    if not isinstance(arguments, dict):
        return f"{call.name}({cut(call.arguments, 60)})"
    pairs = (f"{key}: {cut(_json(item), 60)}" for key, item in arguments.items())
    return f"{call.name}({', '.join(pairs)})"


def first_difference(left: JsonValue, right: JsonValue, path: str = "") -> str | None:
    """The JSON path of the first place where two values differ, keys in sorted order; None when they are equal."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            where = f"{path}.{key}" if path else key
            if key not in left or key not in right:
                return where
            if found := first_difference(left[key], right[key], where):
                return found
        return None
    if isinstance(left, list) and isinstance(right, list):
        for index, (one, other) in enumerate(zip(left, right, strict=False)):
            if found := first_difference(one, other, f"{path}[{index}]"):
                return found
        return None if len(left) == len(right) else f"{path}[{min(len(left), len(right))}]"
    same = left == right and isinstance(left, bool) == isinstance(right, bool)
    return None if same else path or "(all)"
