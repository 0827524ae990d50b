"""The arguments of a call, held to the JSON Schema that its tool was offered with.

In: a call as expressions see it; the tools come from the data that is judged. Out: a boolean, or ValueError.

    matches_schema({"name": "issue_refund", "arguments": {"amount": 40}})

A schema is compiled once and its work is counted once for each answer, also when another answer had compiled it: what a
rule may cost does not depend on what was judged before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from runback_gate.canonical import digest_bytes, exact_bytes
from runback_gate.cel.work import current_work, spend, weight
from runback_gate.errors import ExpressionError

if TYPE_CHECKING:
    from runback_gate.cel.json_schema import JsonSchemaProgram

_ENTRY = 60_000
"""Units of compiling one entry of a schema: the library takes about half a millisecond."""


def matches_schema(call: dict[str, Any]) -> bool:
    """Whether the arguments of a call keep the JSON Schema of its tool, as the request offered it.

    In a policy over runs the call is one of `run.calls`, held to the request of its step. A call of a tool that was not
    offered, and arguments that are no object, do not. Tools that nobody knows and a schema that cannot be checked are
    errors.
    """
    work = current_work()
    if work is None:
        raise ValueError("matchesSchema(): there is no request")
    tools = _tools(work.data.values, call)
    schemas = [tool.get("parameters") for tool in tools if tool.get("name") == call.get("name")]
    if len(schemas) > 1:
        raise ValueError("matchesSchema(): two tools of the request have this name")
    arguments = call.get("arguments")
    if not schemas or not isinstance(arguments, dict):
        return False
    if not isinstance(schemas[0], dict):
        raise ValueError("matchesSchema(): the parameters of the tool are no JSON Schema")
    spend(weight(schemas[0]))
    written = exact_bytes(schemas[0])
    # A `{` or `,` for each entry, and a few that stand in texts.
    work.budget.prepare(digest_bytes(written).encode(), _ENTRY * (written.count(b"{") + written.count(b",")))
    outcome = _program(written).decide(json.dumps(arguments, ensure_ascii=False), work.budget)
    if outcome.error is not None:
        raise ValueError(f"matchesSchema(): {outcome.error}")
    return outcome.value is True


def _tools(data: Mapping[str, Any], call: Mapping[str, Any]) -> list[Any]:
    """The tools that were offered when a call was made."""
    step: Any = data
    if "run" in data:
        steps, at = data["run"].get("steps", []), call.get("step")
        if type(at) is not int or not 0 <= at < len(steps):
            raise ValueError("matchesSchema(): the call has no step: take it from run.calls")
        step = steps[at]
    tools = step.get("request", {}).get("tools")
    if not isinstance(tools, list):
        raise ValueError("matchesSchema(): the tools of the request are not known")
    return [tool for tool in tools if isinstance(tool, dict)]


# Agents have tens of tools, and a gate a few agents.
@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> JsonSchemaProgram | str:
    """A schema, compiled, or why it cannot be."""
    # Imported here: few rules use it, and every run would pay for the library.
    from runback_gate.cel.json_schema import JsonSchemaProgram  # noqa: PLC0415

    try:
        return JsonSchemaProgram(cast("dict[str, Any]", json.loads(schema)))
    except ExpressionError as error:
        return error.message


def schema_problem(schema: object) -> str:
    """Why the parameters of a tool could not be checked, before a call of it is judged; empty where they can."""
    if not isinstance(schema, dict):
        return "it is no JSON Schema"
    found = _compiled(exact_bytes(schema))
    return found if isinstance(found, str) else ""


def _program(schema: bytes) -> JsonSchemaProgram:
    found = _compiled(schema)
    if isinstance(found, str):
        raise ValueError(f"matchesSchema(): the schema of the tool cannot be checked: {found}")
    return found
