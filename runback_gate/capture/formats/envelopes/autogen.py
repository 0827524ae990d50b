"""Saved states of AutoGen's agents and teams.

In: `{"type": "AssistantAgentState", "llm_context": {"messages": […]}}`, or a team state that holds some. Out: one
conversation for each agent that has asked a model.

https://microsoft.github.io/autogen/stable/user-guide/agentchat-user-guide/tutorial/state.html. A team keeps what its
agents said to one another a second time, in the states of its managers: those are counted. Results of a run
(`TaskResult`) are bare messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import read_body
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "autogen-state"
KEYS: Final = "type, llm_context.messages, agent_states"
BESIDE: Final[frozenset[str]] = frozenset()

_MANAGERS = frozenset("message_thread current_turn next_speaker_index previous_speaker current_speaker".split())
_MAX_DEPTH = 16


def matches(values: Sequence[Any]) -> bool:
    """Whether these are states."""
    return bool(values) and all(_is_state(value) for value in values[:20])


def _is_state(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind.endswith("State") and bool(value.keys() & _STATES)


_STATES = frozenset("llm_context llm_messages agent_states agent_state inner_team_state".split())


def split(records: Records) -> Iterator[Located]:
    """The states of agents that are somewhere in a state, each with the name of its agent."""
    for item in records.values:
        yield from _agents(item.child("", (None, item.value)), 0)


def _agents(where: Located, depth: int) -> Iterator[Located]:
    name, state = where.value
    if depth > _MAX_DEPTH or not isinstance(state, dict):
        return
    if "llm_context" in state or "llm_messages" in state:
        yield where
        return
    for field in ("agent_states", "agent_state", "inner_team_state"):
        below = state.get(field)
        if field == "agent_states" and isinstance(below, dict):
            for key, value in below.items():
                yield from _agents(where.child(f".agent_states[{key}]", (key.partition("/")[0], value)), depth + 1)
        else:
            yield from _agents(where.child(f".{field}", (name, below)), depth + 1)
    if _MANAGERS & state.keys():
        yield where


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of an agent."""
    name, state = where.value
    if _MANAGERS & state.keys():
        reader.pass_over("state of a team's manager", state)
        return ()
    reader.leave(state, ("type", "version", "llm_context", "llm_messages"))
    context = state.get("llm_context")
    messages = state.get("llm_messages") if context is None else context.get("messages")
    if not isinstance(messages, list):
        raise NotUnderstoodError(f"{where.place}.llm_context", "messages were expected")
    if not messages:
        reader.ignored["an agent that asked nobody"] += 1
        return ()
    field = ".llm_messages" if context is None else ".llm_context"
    found = read_body(where.child(field, {"messages": messages}), reader, dialect=dialect("autogen"))
    return (replace(found, where=where, agent=name or found.agent, labels={}),)
