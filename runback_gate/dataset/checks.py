"""The short checks of a case: one mechanism, each is a CEL expression over the answer (save
`jsonSchema`, and `judge`, which asks a model).

In: one entry of `checks:` as written. Out: its title and its CEL source, true when the answer keeps the check.

    Check(toolNotCalled="issue_refund").expression      # '!response.tool_calls.exists(c, c.name == "issue_refund")'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from runback_gate.cel.literal import literal
from runback_gate.rubric import Rubric
from runback_gate.schema import Model

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches", "exists"]

_TEXT_OPERATORS = ("contains", "startsWith", "endsWith", "matches")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    "as break const continue else false for function if import in let loop package namespace null return true var void "
    "while".split()
)
_STEP = re.compile(r"(?P<key>[^.\[\]]+)|\[(?P<index>\d{1,6})\]|\.")

Name = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(min_length=1, max_length=2048)]


class ToolCalled(Model):
    """A call that the answer must hold."""

    name: Name = Field(description="Name of the tool.")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Arguments that the call must carry; others may stand beside them."
    )


class Argument(Model):
    """A fact that must hold of an argument in every call of a tool; the tool must be called."""

    tool: Name = Field(description="Name of the tool.")
    path: Name = Field(
        pattern=r"^[^.\[\]]+(\.[^.\[\]]+|\[[0-9]{1,6}\])*$",
        description="Path into the arguments: `amount`, `order.items[0].id`.",
    )
    op: Operator = Field("==", description="How the argument is held against the value.")
    value: Any = Field(None, description="What it is held against; left out for `exists`.")

    @model_validator(mode="after")
    def _comparable(self) -> Argument:
        given = "value" in self.model_fields_set
        if given == (self.op == "exists"):
            raise ValueError("`exists` takes no value" if given else f"`{self.op}` needs a value")
        if self.op in _TEXT_OPERATORS and not isinstance(self.value, str):
            raise ValueError(f"`{self.op}` needs a text as value")
        if self.op == "in" and not isinstance(self.value, list):
            raise ValueError("`in` needs a list as value")
        return self


class Check(Model):
    """One thing that the step must keep doing. Exactly one field is given."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    toolCalled: Name | ToolCalled | None = Field(None, description="A tool that is called.")  # noqa: N815
    toolNotCalled: Name | None = Field(None, description="A tool that is not called.")  # noqa: N815
    contains: Text | None = Field(None, description="Text that the answer contains, to the letter.")
    notContains: Text | None = Field(None, description="Text that the answer does not contain.")  # noqa: N815
    matches: Text | None = Field(None, description="RE2 pattern that is found in the answer.")
    equals: str | None = Field(None, max_length=2048, description="The whole text of the answer.")
    jsonSchema: dict[str, Any] | None = Field(None, description="JSON Schema that the answer's text keeps.")  # noqa: N815
    finishReason: Name | None = Field(None, description="Why the model stopped: stop, tool_calls, length.")  # noqa: N815
    noError: Literal[True] | None = Field(None, description="The provider answered without an error.")  # noqa: N815
    maxTokens: int | None = Field(None, ge=0, description="Most output tokens.")  # noqa: N815
    maxLatencyMs: int | None = Field(None, ge=0, description="Longest time to the whole answer, milliseconds.")  # noqa: N815
    maxCostUsd: str | None = Field(  # noqa: N815
        None,
        pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$",
        description="Highest cost in US dollars, a decimal in quotes.",
    )
    argument: Argument | None = Field(None, description="A fact about an argument of a tool call.")
    cel: Text | None = Field(None, description="Any CEL expression; true means kept.")
    judge: Rubric | None = Field(None, description="A rubric by which a judge model grades the answer.")

    @model_validator(mode="after")
    def _one(self) -> Check:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            given = ", ".join(sorted(self.model_fields_set)) or "none"
            raise ValueError(f"a check has exactly one field, here: {given}")
        return self

    @property
    def kind(self) -> str:
        """The field that is given."""
        return next(iter(self.model_fields_set))

    @property
    def implied(self) -> str:
        """The incomplete answer that the check asks for: `length` for `finishReason: length`; else empty."""
        return "length" if self.finishReason == "length" else ""

    @property
    def title(self) -> str:
        """The check on one line, for tables: `toolCalled escalate`."""
        value = getattr(self, self.kind)
        if isinstance(value, ToolCalled):
            return (
                f"toolCalled {value.name}({', '.join(value.arguments)})"
                if value.arguments
                else f"toolCalled {value.name}"
            )
        if isinstance(value, Argument):
            return f"argument {value.tool}.{value.path} {value.op}"
        if isinstance(value, Rubric):
            named = ", ".join(item.name for item in value.criteria if "criteria" in value.model_fields_set)
            return f"judge {named or ' '.join(value.rubric[:60].split())}"
        return self.kind if isinstance(value, (dict, bool)) else " ".join(f"{self.kind} {value}".split())

    @property
    def expression(self) -> str | None:
        """The CEL source that decides, or None for `jsonSchema` and `judge`, which CEL cannot say."""
        return None if self.kind in ("jsonSchema", "judge") else _EXPRESSIONS[self.kind](getattr(self, self.kind))


def _tool_called(value: str | ToolCalled) -> str:
    name, arguments = (value, {}) if isinstance(value, str) else (value.name, value.arguments)
    test = f"c.name == {literal(name)}"
    if arguments:
        test += f" && includes(c.arguments, {literal(arguments)})"
    return f"response.tool_calls.exists(c, {test})"


def _argument(value: Argument) -> str:
    place, guards = "c.arguments", []
    for part in _STEP.finditer(value.path):
        if part["index"]:
            guards.append(f"size({place}) > {part['index']}")
            place += f"[{part['index']}]"
        elif key := part["key"]:
            plain = _KEY.fullmatch(key) and key not in _RESERVED
            guards.append(f"has({place}.{key})" if plain else f"{literal(key)} in {place}")
            place += f".{key}" if plain else f"[{literal(key)}]"
    call = f"response.tool_calls.filter(c, c.name == {literal(value.tool)})"
    return f"size({call}) > 0 && {call}.all(c, {' && '.join([*guards, *_compare(place, value)])})"


def _compare(place: str, value: Argument) -> list[str]:
    if value.op == "exists":
        return []
    if value.op in _TEXT_OPERATORS:
        return [f"{place}.{value.op}({literal(value.value)})"]
    return [f"{place} {value.op} {literal(value.value)}"]


_EXPRESSIONS: dict[str, Callable[[Any], str]] = {
    "toolCalled": _tool_called,
    "toolNotCalled": lambda name: f"!response.tool_calls.exists(c, c.name == {literal(name)})",
    "contains": lambda text: f"response.text.contains({literal(text)})",
    "notContains": lambda text: f"!response.text.contains({literal(text)})",
    "matches": lambda pattern: f"response.text.matches({literal(pattern)})",
    "equals": lambda text: f"response.text == {literal(text)}",
    "finishReason": lambda reason: f"response.finish_reason == {literal(reason)}",
    "noError": lambda _: "!has(response.error)",
    "maxTokens": lambda most: f"response.usage.output_tokens <= {most}",
    "maxLatencyMs": lambda most: f"response.latency_ms <= {most}",
    "maxCostUsd": lambda most: f"response.cost_usd <= {float(most)}",
    "argument": _argument,
    "cel": lambda source: source,
}


def propose_checks(
    tool_calls: tuple[tuple[str, dict[str, Any]], ...], finish_reason: str | None
) -> list[dict[str, Any]]:
    """Checks that a step keeps today, from what it did: the tools it called with their plain arguments, or that it only
    answered.

    Args:
        tool_calls: (name, arguments) of the recorded answer; arguments empty when they were no JSON object.
        finish_reason: why the model stopped, or None when that is not known.
    """
    proposed: list[dict[str, Any]] = []
    for name, arguments in tool_calls:
        plain = {key: item for key, item in arguments.items() if _is_plain(item)}
        proposed.append({"toolCalled": {"name": name, "arguments": plain} if plain else name})
    if not tool_calls:
        proposed.append({"cel": "size(response.tool_calls) == 0"})
        if finish_reason is not None:
            proposed.append({"finishReason": finish_reason})
    return proposed


def _is_plain(value: object) -> bool:
    """Whether a value is short and simple enough to be proposed."""
    return len(value) <= 80 if isinstance(value, str) else isinstance(value, int) and -(2**63) <= value < 2**63
