"""One recorded step, asked again: what is asked now, and how the answer now differs from the one then.

In: a `Step` and the `Changes` to its request; then two answers. Out: the `Request` that is asked; a `Divergence`.

    request = changed_request(step, Changes(agent, (parse_setting("parameters.temperature=0"),)))
    diverge(step.response, now).words                       # "arguments changed"

Whoever replays a step asks a model of today, so the recorded answer is never the answer now.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Literal

from runback_gate.agent import Agent, ask
from runback_gate.canonical import JsonValue, canonical_bytes, parse_json
from runback_gate.documents import suggestion
from runback_gate.errors import InputError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.replay.evidence import Answer, Query, compare_requests
from runback_gate.step import Request, Response, Step, ToolCall, from_json, to_json
from runback_gate.summary import first_difference

Words = Literal["tool changed", "arguments changed", "text changed", "equivalent"]
"""How two answers differ, the gravest difference alone."""

_PATH = re.compile(r"[^.\[\]=]+|\[[0-9]{1,6}\]")
_FIELDS = ("model", "system", "messages", "tools", "parameters", "extra")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for a place of the request's JSON."""

    path: tuple[str | int, ...]
    """Keys and places: `("messages", 3, "content")`."""
    value: JsonValue
    """null takes what stands there away."""

    def __str__(self) -> str:
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)[1:]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is asked otherwise than it was."""

    agent: Agent
    """What it states replaces what was recorded; `unstated` leaves all as it was."""
    settings: tuple[Setting, ...] = ()
    """Then these, in order."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """How an answer differs from another one."""

    words: Words
    detail: str
    """Where: `escalate → issue_refund`, `issue_refund: amount`; empty for text and for no difference."""


def parse_setting(text: str) -> Setting:
    """A setting as somebody writes it: `parameters.temperature=0`, `messages[3].content=Hello`.

    The value is JSON; what is none is text.

    Raises:
        InputError: no path, or one that begins with no field of a request.
    """
    path, equals, value = text.partition("=")
    parts = _PATH.findall(path)
    joined = "".join(part if part.startswith("[") else f".{part}" for part in parts)[1:]
    if not equals or joined != path or not parts:
        raise InputError(f"{text!r}: not a setting", hint="PATH=VALUE, such as parameters.temperature=0")
    if parts[0] not in _FIELDS:
        hint = suggestion(parts[0], _FIELDS) or f"a path begins with {', '.join(_FIELDS)}: parameters.{path}=…"
        raise InputError(f"{path}: a request has no {parts[0]!r}", hint=hint)
    try:
        found = parse_json(value, path=path)
    except RunbackError:
        found = value
    return Setting(tuple(int(part[1:-1]) if part.startswith("[") else part for part in parts), found)


def changed_request(step: Step, changes: Changes) -> Request:
    """What the step asks with the changes.

    Raises:
        InputError: a path leads nowhere, what stands there then is no request, or the prompt is a template that does
            not fit the recorded variables.
    """
    request = ask(changes.agent, step)
    for setting in changes.settings:
        value = _set(to_json(request), setting.path, setting)
        request = from_json(Request, value, str(setting))
    return request


def _set(value: JsonValue, path: Sequence[str | int], setting: Setting) -> JsonValue:
    """The value with another one at a place; what it shares with others stays as it is."""
    if not path:
        return setting.value
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        if not isinstance(value, list) or head > len(value) - bool(rest):
            size = f"it has {len(value)}, from 0" if isinstance(value, list) else "no list stands there"
            raise InputError(f"{setting}: no place [{head}]", hint=size)
        item = _set(value[head] if head < len(value) else None, rest, setting)
        return [*value[:head], *([] if item is None else [item]), *value[head + 1 :]]
    if not isinstance(value, dict | None):
        raise InputError(f"{setting}: {head!r} is no part of what stands there")
    found = dict(value or {})
    item = _set(found.pop(head, None), rest, setting)
    if head == "content" and "role" in found:
        # The text is made of the parts; who sets it means it to be all.
        found.pop("parts", None)
    return found if item is None else {**found, head: item}


def trials_of(step: Step, request: Request, trials: int) -> list[Query]:
    """What is asked: the same request so many times, each by a model of today."""
    question = compare_requests(step, request)
    return [Query(step, question, trial, fresh=True) for trial in range(trials)]


def one_answer(query: Query) -> Generator[Query, Answer, Answer]:
    """A row of a driver that is the answer itself."""
    return (yield query)


def diverge(then: Response, now: Response) -> Divergence:
    """How the answer now differs from the one then.

    Calls are the same in whatever order one answer asks for them, their arguments as JSON values. Texts, with refusals,
    are the same but for white space. Reasoning, ids and usage decide nothing.
    """
    old, new = sorted(map(call_key, then.tool_calls)), sorted(map(call_key, now.tool_calls))
    if [call.name for call in old] != [call.name for call in new]:
        return Divergence("tool changed", f"{_names(then)} → {_names(now)}")
    for one, other in zip(old, new, strict=True):
        if one.key != other.key:
            place = first_difference(one.value, other.value) if one.is_json and other.is_json else "(all)"
            return Divergence("arguments changed", f"{one.name}: {place}")
    same = _text(then) == _text(now)
    return Divergence("equivalent" if same else "text changed", "")


@dataclass(frozen=True, slots=True, order=True)
class KnownCall:
    """A call by what it does: its name, and its arguments as canonical JSON, or as text where they are none."""

    name: str
    key: bytes

    @property
    def is_json(self) -> bool:
        """Whether the arguments were JSON."""
        return self.key[:1] != b"\0"

    @property
    def value(self) -> JsonValue:
        """The arguments."""
        return parse_json(self.key, path="") if self.is_json else self.key[1:].decode()


def call_key(call: ToolCall) -> KnownCall:
    """What a call does, without its id."""
    try:
        key = canonical_bytes(parse_json(call.arguments.strip() or "{}", path=""))
    except RunbackError:
        key = b"\0" + call.arguments.encode("utf-8", "replace")
    return KnownCall(call.name, key)


def _names(response: Response) -> str:
    return ", ".join(call.name for call in response.tool_calls) or "no call"


def _text(response: Response) -> list[str]:
    return f"{response.text}\n{response.refusal}".split()
