"""A conversation to a run: one step for each answer.

In: a `Conversation`. Out: a `Run` whose steps are `semantic`: rebuilt from messages, with what the source did not keep
unknown. N turns take O(N) time and memory.

    run = build_run(conversation, "chats-0001-1f0c3a5b", Defaults("support"))
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from runback_gate.canonical import plain_bytes
from runback_gate.capture.formats.model import Call, Conversation, Entry, answer_of
from runback_gate.capture.formats.pairing import paired
from runback_gate.capture.log import Redaction
from runback_gate.capture.provider import full_name
from runback_gate.capture.runs import Conversations, Turn, Turns
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.step import (
    Api,
    Message,
    Note,
    Request,
    RequestField,
    Response,
    Run,
    Source,
    Step,
    Tool,
    ToolCall,
    ToolRun,
)

PSEUDONYM = re.compile(rb"<([a-z][a-z0-9]*(?:-[a-z0-9]+)*):[0-9a-f]{12}>")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a source does not say itself."""

    agent: str | None = None
    """Name of the agent; None for the one that the source names, else `agent`."""
    tools: tuple[Tool, ...] | None = None
    """In place of those that the source names."""
    model: str | None = None
    """In place of what the source says."""
    redaction: Redaction | None = None
    """What is applied to each value before anything else; None for nothing."""
    provider: str | None = None
    """Provider of each model that is named without one; None to infer it."""


def build_run(said: Conversation, name: str, defaults: Defaults) -> Run:
    """The run of a conversation.

    Raises:
        InputError: nobody answers in it.
    """
    last: list[Message] = []
    if said.calls:
        conversations = Conversations()
        turns = Turns(conversations.turn(step) for step in _steps(said, name, defaults))
    else:
        turns = Turns(_turns(said, name, defaults, last))
    if not turns:
        raise InputError("no answer: it has no turn of the assistant", hint="a run has one step per answer")
    at = said.at or next((turn.step.source.at for turn in turns.turns if turn.step.source.at), None)
    return Run(
        name,
        _agent(said, defaults),
        turns,
        said.labels,
        parent=said.parent,
        notes=(*said.notes, *_words(last, len(turns))),
        tool_runs=(*said.tool_runs, *_results(last, turns)),
        status=said.status,
        error=said.error,
        at=rfc3339(at),
        redaction=_redaction(said, defaults),
    )


def _redaction(said: Conversation, defaults: Defaults) -> dict[str, Any]:
    if defaults.redaction is None:
        return {}
    # Pseudonyms are ASCII without quotes, so they stand in any JSON of a text as they are.
    counts = Counter(name.decode() for name in PSEUDONYM.findall(plain_bytes(said.said)))
    return {**defaults.redaction.header(), **({"counts": dict(sorted(counts.items()))} if counts else {})}


def _agent(said: Conversation, defaults: Defaults) -> str:
    return defaults.agent or said.agent or "agent"


def rfc3339(at: str | None) -> str | None:
    """A time in the form that a run has; None for any other."""
    return at if at is not None and _TIME.fullmatch(at) else None


def _results(last: Sequence[Message], turns: Turns) -> Iterator[ToolRun]:
    """What came of the calls of the last answer, which no later request holds."""
    calls = list(enumerate(turns.turns[-1].step.response.tool_calls))
    for message in last:
        if message.role != "tool":
            continue
        identity = message.tool_call_id
        found = next((item for item in calls if item[1].id == (identity or "")), None)
        place, call = found or (len(calls), ToolCall(identity or "", message.name or "", ""))
        if found is not None:
            calls.remove(found)
        step = len(turns) - 1 if found is not None else -1
        yield ToolRun(step, place, call.name, call.arguments, call.id, message.content, message.error)


def _words(last: Sequence[Message], steps: int) -> Iterator[Note]:
    """What was said after the last answer."""
    for message in last:
        if message.role != "tool":
            yield Note("note", steps, {"role": message.role, "content": message.content})


def _turns(said: Conversation, name: str, defaults: Defaults, last_said: list[Message]) -> Iterator[Turn]:
    """The turns; `last_said` gets what comes after the last of them."""
    added: list[Message] = []
    asked = _asked(said, said, defaults, name)
    number = kept = answered = 0
    for entry in _joined(paired(said.entries)):
        if entry.response is None:
            added += entry.messages
            continue
        step = _step(asked, tuple(added), entry.response, entry, number)
        yield Turn(step, number - 1 if number else None, kept)
        number, kept, added = number + 1, kept + len(added), [*entry.messages]
        answered = len(added)
    last_said += added[answered:]


def _joined(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries, of which one stands for those that the source joins to one answer."""
    joins = [entry.response is not None and bool(entry.messages) and entry.messages[0].joined for entry in entries]
    if True not in joins:
        return entries
    groups: list[list[Entry]] = []
    for entry, joined in zip(entries, joins, strict=True):
        if joined and groups:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return [group[0] if len(group) == 1 else _whole(group) for group in groups]


def _whole(group: Sequence[Entry]) -> Entry:
    messages = tuple(message for entry in group for message in entry.messages)
    return Entry(messages, _one(group, messages), group[-1].at, group[-1].agent)


def _one(group: Sequence[Entry], messages: Sequence[Message]) -> Response:
    """The answer of several entries; what they say of it beside its words is that of the last which says it."""
    found = answer_of(messages)
    said = [entry.response for entry in reversed(group) if entry.response is not None]
    # Once for all of them: each answer that is made reads all of its parts.
    return replace(
        found,
        finish_reason=next((item.finish_reason for item in said if item.finish_reason), found.finish_reason),
        model=next((item.model for item in said if item.model), found.model),
        usage=next((item.usage for item in said if item.usage.output_tokens is not None), found.usage),
        error=next((item.error for item in said if item.error), found.error),
    )


def _steps(said: Conversation, name: str, defaults: Defaults) -> Iterator[Step]:
    for number, call in enumerate(said.calls):
        messages = tuple(
            message for entry in paired([Entry((m,)) for m in call.messages]) for message in entry.messages
        )
        whole = replace(
            call,
            system=call.system or said.system,
            tools=said.tools if call.tools is None else call.tools,
            model=call.model or said.model,
            parameters=said.parameters if call.parameters is None else call.parameters,
        )
        yield _step(_asked(said, whole, defaults, name), messages, call.response, whole, number)


def _is_plain(system: Message) -> bool:
    """Whether instructions are one text of role `system`; asked at each step, so without making another to compare."""
    more = (system.tool_calls, system.parts, system.extra, system.joined, system.tool_call_id, system.name)
    return system.role == "system" and system.error is None and not any(more)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the steps of a conversation have in common, looked at once for all of them."""

    run: str
    agent: str
    named: bool
    """Whether the agent is this one, whoever answers."""
    api: Api | None
    provider: str | None
    model: str | None
    system: str | None
    system_message: Message | None
    tools: tuple[Tool, ...]
    parameters: dict[str, Any]
    unknown: tuple[RequestField, ...]
    level: Any
    ruleset: str | None


def _asked(said: Conversation, call: Call | Conversation, defaults: Defaults, run: str) -> _Asked:
    tools = call.tools if defaults.tools is None else defaults.tools
    model = defaults.model or call.model
    system = call.system
    missing: tuple[tuple[RequestField, object], ...] = (
        ("parameters", call.parameters),
        ("model", model),
        ("tools", tools),
        ("system", system),
    )
    redaction = defaults.redaction
    return _Asked(
        run,
        defaults.agent or call.agent or _agent(said, defaults),
        bool(defaults.agent),
        said.api,
        defaults.provider,
        None if model is None else full_name(model, said.api, defaults.provider),
        None if system is None else system.content,
        None if system is None or _is_plain(system) else system,
        tools or (),
        call.parameters or {},
        tuple(field for field, value in missing if value is None),
        None if redaction is None else redaction.level,
        None if redaction is None else redaction.ruleset,
    )


def _step(
    asked: _Asked, messages: tuple[Message, ...], response: Response, answered: Call | Entry, number: int
) -> Step:
    """The step of an answer, whose request says these messages."""
    model, unknown, api = asked.model, asked.unknown, asked.api
    if model is None and response.model is not None:
        model = full_name(response.model, api, asked.provider)
        unknown = tuple(field for field in unknown if field != "model")
    request = Request(model, asked.system, messages, asked.tools, asked.parameters, asked.system_message, api=api)
    grade = answered.graded if type(answered) is Call else "semantic"
    at = None if answered.at is None else rfc3339(answered.at)
    source = Source(asked.run, number, grade, unknown, at, asked.level, asked.ruleset, api=api)
    agent = asked.agent if answered.agent is None or asked.named else answered.agent
    return Step(agent, request, response, source)
