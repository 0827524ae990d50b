"""The values of one decision of an agent: what it was asked, what it answered, what came before.

In: JSON that `capture` made. Out: frozen values whose canonical JSON (`runback_gate.canonical`) is what recordings
hold.

    step = step_from_json(value)
    step.request.system, step.response.tool_calls[0].name
    digest(to_json(step.request))          # decides the evidence of a replay

A value that a source did not keep is None here, is left out of the JSON, and is absent in CEL: unknown is never 0.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from runback_gate.errors import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from runback_gate.canonical import JsonValue

T = TypeVar("T")

Role = Literal["system", "developer", "user", "assistant", "tool"]
Grade = Literal["exact", "semantic", "view-only"]
RequestField = Literal["model", "system", "tools", "parameters"]

REQUEST_FIELDS: tuple[RequestField, ...] = ("model", "system", "tools", "parameters")
"""The fields of a request that an agent config may state; the conversation always stays as recorded."""

_STRICT = {"extra": "forbid"}
_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that a model asked for."""

    __pydantic_config__ = _STRICT

    id: str
    """As the provider gave it; empty when the source kept none."""
    name: str
    arguments: str
    """The argument text as the model wrote it. Mostly a JSON object, but a model may write anything."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation that a request carries."""

    __pydantic_config__ = _STRICT

    role: Role
    content: str = ""
    """The text. Parts that are not text stand as `[image]`, `[audio]` or `[file]`."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """Of a tool message: the call that it answers."""
    name: str | None = None
    """Of a tool message: the tool that ran."""
    error: str | None = None
    """Of a tool message: what went wrong, when the source said so."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call (OpenAI function format)."""

    __pydantic_config__ = _STRICT

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """JSON Schema of the arguments."""
    strict: bool | None = None
    """Whether the provider was told to hold the arguments to the schema."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the model was asked. Its digest decides the evidence of a replay."""

    __pydantic_config__ = _STRICT

    model: str | None = None
    """`provider/model` or the bare name that the source kept."""
    system: str | None = None
    """The instructions: the first system or developer message."""
    messages: tuple[Message, ...] = ()
    """The conversation after the instructions, oldest first."""
    tools: tuple[Tool, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    """temperature, max_tokens, seed and the like, by their names on the wire."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counted them."""

    __pydantic_config__ = _STRICT

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What the model answered."""

    __pydantic_config__ = _STRICT

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """`stop`, `tool_calls`, `length`, `content_filter`; None when the source did not keep it."""
    model: str | None = None
    """The model that answered, as it names itself."""
    usage: Usage = field(default_factory=Usage)
    latency_ms: int | None = None
    """Milliseconds from request to complete answer."""
    cost_usd: str | None = None
    """US dollars as a decimal string."""
    error: str | None = None
    """The provider's error, when there was no answer."""

    def __post_init__(self) -> None:
        if self.cost_usd is not None and not _MONEY.fullmatch(self.cost_usd):
            raise ValueError(f"cost_usd: not a decimal amount: {self.cost_usd[:40]!r}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a step was recorded, and how much of it can be trusted to be as it was."""

    __pydantic_config__ = _STRICT

    run: str
    event: int
    """Index of the model event in the run, from 0."""
    grade: Grade
    """`exact`: the wire bytes. `semantic`: rebuilt from messages. `view-only`: can be read, not judged."""
    unknown: tuple[RequestField, ...] = ()
    """Request fields that the source did not keep; they are left out of every comparison and named."""
    at: str | None = None
    """RFC 3339 time of the recording; the only time that an expression may see."""
    redaction: Literal["off", "standard", "strict"] | None = None
    """Level that was applied before anything was stored; None when the source did not say."""
    ruleset: str | None = None
    """Digest of the redaction rules."""
    redacted: int | None = None
    """How many values were replaced."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision: the request, the answer, and the tool calls that came before it in `request.messages`."""

    __pydantic_config__ = _STRICT

    agent: str
    request: Request
    response: Response
    source: Source
    variables: dict[str, Any] | None = None
    """Template variables of the system prompt, when the source kept them."""


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded run of an agent: its steps, oldest first."""

    id: str
    agent: str
    steps: tuple[Step, ...]
    labels: dict[str, Any] = field(default_factory=dict)
    """What the source said about the run: task, trial, reward and the like."""


def to_json(value: object) -> JsonValue:
    """The JSON of any value of this package's dataclasses; what is None is left out, and what is empty by default.

    Plain JSON inside a value (parameters, schemas) is passed on as it is: nobody may change it.
    """
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    fields = _fields(cast("Hashable", type(value)))
    if fields is None:
        return cast("JsonValue", value)
    found: dict[str, JsonValue] = {}
    for name, keeps_empty in fields:
        item = getattr(value, name)
        if not isinstance(item, (str, int, dict)) and item is not None:
            item = to_json(item)
        if item is not None and (keeps_empty or item not in ({}, [])):
            found[name] = item
    return found


@cache
def _fields(kind: Any) -> tuple[tuple[str, bool], ...] | None:
    """The fields of a dataclass, and whether an empty one is no default; None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    missing = dataclasses.MISSING
    return tuple(
        (item.name, item.default is None or (item.default is missing and item.default_factory is missing))
        for item in dataclasses.fields(kind)
    )


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  costs 0.1 CPU s, which `--help` must not pay

    return TypeAdapter(kind)


def from_json(kind: type[T], value: JsonValue, what: str) -> T:
    """Read a dataclass of this package from its JSON; `what` names it in the error.

    Raises:
        InputError: a field is missing, unknown or of another type.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return cast("T", _adapter(cast("Hashable", kind)).validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(top)"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{what}: {where}: {message}") from error


def step_from_json(value: JsonValue, what: str = "step") -> Step:
    """Read a Step from its JSON."""
    return from_json(Step, value, what)


def tools_from_json(value: JsonValue, what: str) -> tuple[Tool, ...]:
    """Read a tool list in OpenAI function format; a bare `{name, description, parameters}` is taken as well.

    Raises:
        InputError: not such a list, or two tools of one name.
    """
    if not isinstance(value, list):
        raise InputError(f"{what}: a list of tools was expected", hint="OpenAI function format")
    bare = [
        item["function"] if isinstance(item, dict) and item.get("type") == "function" and "function" in item else item
        for item in value
    ]
    tools = tuple(from_json(Tool, item, f"{what}: tool {number}") for number, item in enumerate(bare, 1))
    names = [tool.name for tool in tools]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{what}: two tools are named {twice!r}")
    return tools
