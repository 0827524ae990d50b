"""The values of one decision of an agent: what it was asked, what it answered, what came before.

In: JSON that `capture` made. Out: frozen values whose canonical JSON (`runback_gate.canonical`) is what recordings
hold.

    step = step_from_json(value)
    step.request.system, step.response.tool_calls[0].name
    digest(to_json(step.request))          # decides the evidence of a replay

A value that a source did not keep is None here, is left out of the JSON, and is absent in CEL: unknown is never 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from runback_gate.canonical import parse_json, plain_bytes
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.values import LEFT_OUT
from runback_gate.values import from_json as from_json
from runback_gate.values import to_canonical as to_canonical
from runback_gate.values import to_json as to_json

if TYPE_CHECKING:
    from runback_gate.canonical import JsonValue

Role = Literal["system", "developer", "user", "assistant", "tool"]
Grade = Literal["exact", "semantic", "view-only"]
Api = Literal["openai.chat", "openai.responses", "anthropic.messages", "google.generate", "bedrock.converse"]
"""The provider API whose wire format a step was recorded in."""
PartKind = Literal["text", "image", "audio", "file", "reasoning", "refusal", "call", "other"]
RequestField = Literal["model", "system", "tools", "parameters"]

REQUEST_FIELDS: tuple[RequestField, ...] = ("model", "system", "tools", "parameters")
"""The fields of a request that an agent config may state; the conversation always stays as recorded."""

MAX_NAME = 256
_STRICT = {"extra": "forbid"}
_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message or an answer whose content is more than one plain text."""

    __pydantic_config__ = _STRICT

    kind: PartKind
    """`call` stands for the next of the `tool_calls` beside it; `other` for a part that is kept but not modelled."""
    text: str = field(default="", metadata=LEFT_OUT)
    """Of text, reasoning and refusal the words; of audio its transcript."""
    media_type: str | None = None
    """Of an image, audio or file, such as `image/png`."""
    url: str | None = None
    """Where the bytes lie, or the provider's id of them."""
    data: str | None = None
    """The bytes in base64, when they are small enough to stand here."""
    blob: str | None = None
    """Digest of the bytes, when they are kept apart or left out for their size."""
    size: int | None = None
    """Number of the bytes that `blob` names."""
    signature: str | None = None
    """Of reasoning: what the provider wants back unchanged, its signature or encrypted form."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields that are not modelled, such as `cache_control`; of `other` the whole part."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that a model asked for."""

    __pydantic_config__ = _STRICT

    id: str
    """As the provider gave it; empty when the source kept none."""
    name: str
    arguments: str
    """The argument text as the model wrote it. Mostly a JSON object, but a model may write anything."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields beside them that are not modelled, such as a thought signature."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation that a request carries."""

    __pydantic_config__ = _STRICT

    role: Role
    content: str = ""
    """The text, made from `parts` where there are any. What is no text stands as `[image]`, `[audio]` or `[file]`."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """Of a tool message: the call that it answers."""
    name: str | None = None
    """Of a tool message: the tool that ran."""
    error: str | None = None
    """Of a tool message: what went wrong, when the source said so."""
    parts: tuple[Part, ...] = ()
    """The content part by part, in order, when the wire had it so; empty for one plain text."""
    joined: bool = field(default=False, metadata=LEFT_OUT)
    """Whether the wire had it in one message with the entry before, as Anthropic does with results and text."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields that are not modelled."""

    def __post_init__(self) -> None:
        if self.parts:
            _derive(self, "content")


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
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields that are not modelled; of a tool that the provider runs itself, the whole definition."""


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
    system_message: Message | None = None
    """How the wire had the instructions, when it was not one plain text of role `system`; `system` is its content."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields that no agent config states, by their names: `response_format`, `tool_choice`, `stream`."""
    api: Api | None = None
    """The API whose names `parameters` and every `extra` have; None when no API said them."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counted them."""

    __pydantic_config__ = _STRICT

    input_tokens: int | None = None
    output_tokens: int | None = None
    """All that was generated and is billed, reasoning included."""
    reasoning_tokens: int | None = None
    """Those of `output_tokens` that are reasoning."""
    cache_read_tokens: int | None = None
    """Those of `input_tokens` that came from the provider's cache."""
    cache_write_tokens: int | None = None
    """Those of `input_tokens` that were written to the provider's cache."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the model answered."""

    __pydantic_config__ = _STRICT

    text: str = ""
    """The words of the answer, without reasoning and refusal. Made from `parts` where there are any."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """`stop`, `tool_calls`, `length`, `content_filter`, `error`; None (unknown) when the source did not keep it."""
    model: str | None = None
    """The model that answered, as it names itself."""
    usage: Usage = Usage()
    latency_ms: int | None = None
    """Milliseconds from request to complete answer."""
    cost_usd: str | None = None
    """US dollars as a decimal string."""
    error: str | None = None
    """The provider's error, when there was no answer."""
    parts: tuple[Part, ...] = ()
    """The answer part by part, in order, when it is more than one plain text before its calls."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Wire fields that are not modelled, such as `id` and `system_fingerprint`."""

    @property
    def reasoning(self) -> str:
        """What the model wrote for itself; never part of `text`."""
        return "\n".join(part.text for part in self.parts if part.kind == "reasoning" and part.text)

    @property
    def refusal(self) -> str:
        """The words of a refusal that the provider marks as such."""
        return "\n".join(part.text for part in self.parts if part.kind == "refusal")

    def __post_init__(self) -> None:
        if self.parts:
            _derive(self, "text")
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
    api: Api | None = None
    """The wire format; None when the source kept messages of no API's own form."""
    lost: tuple[str, ...] = ()
    """Of a semantic step: JSON paths in the wire body that a replay does not send as they were."""


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
class ToolRun:
    """One execution of a tool, as the recorder or a trace saw it; STEP.CALL on the command line and in links."""

    __pydantic_config__ = _STRICT

    step: int
    """The step whose answer asked for it, from 0; -1 for one that no recorded answer asked for."""
    call: int
    """Its place among the calls of that answer, from 0."""
    name: str
    arguments: str = field(default="", metadata=LEFT_OUT)
    """The argument text."""
    id: str = field(default="", metadata=LEFT_OUT)
    """Id of the call, when it is known."""
    result: str | None = None
    """None while it was not seen to end."""
    error: str | None = None
    at: str | None = None
    """RFC 3339 time of its start."""
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something else that happened in a run, in order."""

    __pydantic_config__ = _STRICT

    kind: Literal["note", "prompt", "dropped", "withheld"]
    step: int
    """How many steps came before it."""
    value: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded run: its steps, oldest first."""

    id: str
    agent: str
    """The agent that began it; a step may be another's."""
    steps: Sequence[Step]
    labels: dict[str, Any] = field(default_factory=dict)
    """What the source said about the run: task, trial, reward and the like."""
    parent: str | None = None
    """Id of the run that started this one."""
    tool_runs: tuple[ToolRun, ...] = ()
    notes: tuple[Note, ...] = ()
    status: Literal["ok", "error", "truncated"] | None = None
    """How it ended; `truncated`: the recorder did. None when the source did not say."""
    error: str | None = None
    """What ended it."""
    output: JsonValue = None
    """What it was finished with."""
    at: str | None = None
    """RFC 3339 time of its start."""
    redaction: dict[str, Any] = field(default_factory=dict)
    """How it was redacted: `level`, `ruleset` (digest), `key` (id of the key of the pseudonyms), `counts` by rule."""


_PLACEHOLDERS = {"image": "[image]", "audio": "[audio]", "file": "[file]"}


def text_of(parts: Sequence[Part]) -> str:
    """What expressions see of parts: texts and transcripts, a placeholder for other media; no reasoning, no refusal."""
    shown = (part.text or _PLACEHOLDERS.get(part.kind, "") for part in parts if part.kind not in _UNSEEN)
    return "\n".join(text for text in shown if text)


_UNSEEN = frozenset(("reasoning", "refusal", "call", "other"))


def _derive(value: Message | Response, name: Literal["content", "text"]) -> None:
    """Set the text that stands for the parts; one that was given beside them must be it."""
    text = text_of(value.parts)
    if getattr(value, name) not in ("", text):
        raise ValueError(f"{name}: not what the parts say")
    object.__setattr__(value, name, text)


def shared_start(one: Sequence[Message], other: Sequence[Message]) -> int:
    """How many messages both conversations begin with."""
    room = min(len(one), len(other))
    return next((at for at in range(room) if one[at] is not other[at] and one[at] != other[at]), room)


def is_name(text: str) -> bool:
    """Whether an agent, a model or a run can be named so: printable, at most `MAX_NAME` characters."""
    return bool(text.strip()) and text.isprintable() and len(text) <= MAX_NAME


def step_from_json(value: JsonValue, what: str = "step") -> Step:
    """Read a Step from its JSON. Steps whose tools or instructions are the same share them: most of a record does."""
    request = value.get("request") if isinstance(value, dict) else None
    tools = request.get("tools") if isinstance(request, dict) else None
    if not isinstance(value, dict) or not isinstance(request, dict) or not isinstance(tools, list):
        return from_json(Step, value, what)
    try:
        shared = _tools(plain_bytes(tools))
    except (InputError, TypeError):
        return from_json(Step, value, what)  # which says it with its place
    step = from_json(Step, {**value, "request": {**request, "tools": []}}, what)
    object.__setattr__(step.request, "tools", shared)
    if step.request.system is not None:
        object.__setattr__(step.request, "system", _same(step.request.system))
    return step


@lru_cache(maxsize=16)
def _same(text: str) -> str:
    return text


@lru_cache(maxsize=16)
def _tools(data: bytes) -> tuple[Tool, ...]:
    tools: tuple[Tool, ...] = from_json(tuple[Tool, ...], parse_json(data, path="tools"), "tools")
    return tools


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
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise InputError(f"{what}: two tools are named {tool.name!r}")
        seen.add(tool.name)
    return tools
