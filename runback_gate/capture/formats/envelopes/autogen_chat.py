"""Results of chats of AutoGen 0.2 and AG2.

In: `{"chat_history": [{"content": …, "role": …, "name": …}], "summary": …, "cost": …}`, or a list of these. Out: one
conversation each.

https://microsoft.github.io/autogen/0.2/docs/reference/agentchat/chat. The roles are those of whoever began the chat:
their own messages stand there as `assistant`, the answers of the model as `user`. Who answers is told by the name, in
older versions by the other role; a message with calls is always an answer. A bare list says nothing of its perspective,
and is read with `--format autogen-chat` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import read_body
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.errors import InputError
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "autogen-chat"
KEYS: Final = "chat_history[].content, chat_history[].role, chat_history[].name, summary, cost"
BESIDE: Final = frozenset(("summary", "cost", "human_input"))

_RESULT = frozenset(("chat_id", "summary", "cost", "human_input"))
_ROLES = ("assistant", "user", "tool", "function")
_KNOWN = frozenset("content role name tool_calls function_call tool_responses tool_call_id context".split())


def matches(values: Sequence[Any]) -> bool:
    """Whether these are results of chats, or messages that may be seen from the other side."""
    if len(values) == 1 and _is_mirrored(values[0]):
        return True
    many = len(values) == 1 and isinstance(values[0], list)
    found = values[0] if many else values
    return bool(found) and all(_is_result(value) for value in found[:20])


def _is_result(value: Any) -> bool:
    history = value.get("chat_history") if isinstance(value, dict) else None
    return isinstance(history, list) and len(value.keys() & _RESULT) >= 2 and all(map(_is_message, history[:20]))


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and value.get("role") in _ROLES


def _is_mirrored(value: Any) -> bool:
    """Whether these messages all have names and the first is one of the assistant: then nobody knows who answers."""
    known = isinstance(value, list) and len(value) > 1 and all(map(_is_message, value))
    return known and value[0]["role"] == "assistant" and all(isinstance(item.get("name"), str) for item in value)


def split(records: Records) -> Iterator[Located]:
    """Each chat on its own."""
    for item in records.values:
        if isinstance(item.value, list) and not (item.value and _is_message(item.value[0])):
            yield from (item.child(f"[{index}]", value) for index, value in enumerate(item.value))
        else:
            yield item


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a chat."""
    bare = isinstance(where.value, list)
    if bare and reader.dialect != NAME:
        hint = f"--format {NAME} if `assistant` is whoever began the chat, --format openai-chat if it is the model"
        raise InputError(
            "it is not clear who answers: the first message is one of the assistant, with a name", hint=hint
        )
    history = where.value if bare else where.value.get("chat_history")
    if not isinstance(history, list) or not all(map(_is_message, history)):
        raise NotUnderstoodError(f"{where.place}.chat_history", "messages were expected")
    place = where if bare else where.child(".chat_history", history)
    labels = {} if bare or where.value.get("chat_id") is None else {"chat_id": where.value["chat_id"]}
    first, messages, names = _speaker(history[0]) if history else "", [], []
    for message in history:
        reader.leave(message, _KNOWN)
        for one in _as_chat(message, first):
            messages.append(one)
            names.append(message.get("name"))
    found = read_body(place.child("", {"messages": messages}), reader, dialect=dialect("openai-chat"))
    entries = [
        replace(entry, agent=str(name)) if entry.response is not None and name else entry
        for entry, name in zip(found.entries, names, strict=True)
    ]
    return (replace(found, where=where, said=history, format=NAME, entries=entries, labels=labels, api=None),)


def _speaker(message: Mapping[str, Any]) -> Any:
    return message.get("name") or message["role"]


def _as_chat(message: Mapping[str, Any], first: Any) -> Iterator[dict[str, Any]]:
    """A message as the chat of the model has it; one of tools is one for each result."""
    content, calls = message.get("content"), {name: message[name] for name in _CALLS if message.get(name)}
    responses = message.get("tool_responses")
    if isinstance(responses, list) and responses:
        for response in responses:
            yield {**response, "role": "tool"}
    elif message["role"] in ("tool", "function"):
        about = {name: message[name] for name in ("name", "tool_call_id") if message.get(name)}
        yield {"role": message["role"], "content": content, **about}
    elif calls or _speaker(message) != first:
        yield {"role": "assistant", "content": content, **calls}
    else:
        yield {"role": "user", "content": content if content is not None else ""}


_CALLS = ("tool_calls", "function_call")
