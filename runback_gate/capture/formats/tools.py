"""Tool definitions of any API.

In: a list in the form of OpenAI (nested, flat, the old `functions`), Anthropic, Google, Bedrock or MCP, or its JSON as
a text. Out: `Tool`s.

    read_tools([{"name": "look", "input_schema": {"type": "object"}}], "$.tools")
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runback_gate.step import Tool
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping, sequence

_INNER = ("function", "toolSpec", "tool", "custom")
_DECLARED = ("functionDeclarations", "function_declarations")
_SCHEMAS = (
    "parameters input_schema inputSchema parametersJsonSchema parameters_json_schema params input_json_schema schema "
    "args_schema json_schema".split()
)


def read_tools(value: Any, place: str) -> tuple[Tool, ...]:
    """The tools, in order.

    Raises:
        NotUnderstoodError: not a list of tools, or two of one name.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError:
            raise NotUnderstoodError(place, "a list of tools was expected") from None
    if isinstance(value, dict):
        value = value["tools"] if "tools" in value else _named(value) if value else []
    tools = tuple(_each(value, place))
    names: set[str] = set()
    for tool in tools:
        if tool.name in names:
            raise NotUnderstoodError(place, f"two tools are named {tool.name[:80]!r}")
        names.add(tool.name)
    return tools


def _named(value: dict[str, Any]) -> list[Any]:
    """A map of tools by name, as the AI SDK has it; or one tool alone."""
    if "name" in value or "function" in value or any(name in value for name in _DECLARED):
        return [value]
    return [{"name": name, **(item if isinstance(item, dict) else {})} for name, item in value.items()]


def _each(value: Any, place: str) -> Iterator[Tool]:
    for index, item in enumerate(sequence(value, place)):
        at = f"{place}[{index}]"
        wire = _unwrapped(item, at)
        declared = next((wire[name] for name in _DECLARED if name in wire), None)
        if declared is not None:
            yield from _each(declared, at)
        else:
            yield _tool(wire, at)


def _unwrapped(item: Any, place: str) -> dict[str, Any]:
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except ValueError:
            return {"name": item}
    wire = mapping(item, place)
    inner = next((wire[name] for name in _INNER if isinstance(wire.get(name), dict)), None)
    return inner if inner is not None else wire


def _tool(wire: dict[str, Any], place: str) -> Tool:
    name = wire.get("name") or wire.get("type")
    if not isinstance(name, str) and len(wire) == 1 and isinstance(next(iter(wire.values())), dict):
        name = next(iter(wire))  # one that the provider runs, such as {"googleSearch": {}}
    if not isinstance(name, str) or not name:
        raise NotUnderstoodError(place, "a tool without a name")
    schema: dict[str, Any] = next((wire[field] for field in _SCHEMAS if isinstance(wire.get(field), dict)), {})
    if list(schema) == ["json"] and isinstance(schema["json"], dict):
        schema = schema["json"]
    elif list(schema) == ["jsonSchema"] and isinstance(schema["jsonSchema"], dict):
        schema = schema["jsonSchema"]
    description, strict = wire.get("description"), wire.get("strict")
    return Tool(
        name,
        description if isinstance(description, str) else "",
        schema,
        strict if isinstance(strict, bool) else None,
    )
