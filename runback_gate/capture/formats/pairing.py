"""Results of tools, each with the id and the name of the call that it answers.

In: entries as a source has them. Out: the same, where results that only name their tool, or only come in order, have
the id of their call, and calls of one answer that share an id have one each.

    paired([Entry((call,), answer), Entry((Message("tool", "paid", name="refund"),))])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import is_

from runback_gate.capture.formats.model import Entry
from runback_gate.step import Message, ToolCall


def paired(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with their results paired."""
    found = []
    waiting = _Waiting()
    for entry in entries:
        messages = entry.messages
        calls = (
            messages[0].tool_calls if len(messages) == 1 else [call for item in messages for call in item.tool_calls]
        )
        if calls:
            entry = _with_own_ids(entry, calls)
            for message in entry.messages:
                waiting.ask(message.tool_calls, joined=message.joined)
        elif len(messages) != 1 or messages[0].role == "tool":
            answered = tuple(map(waiting.answer, messages))
            if not all(map(is_, answered, messages)):
                entry = replace(entry, messages=answered)
        found.append(entry)
    return found


def _with_own_ids(entry: Entry, calls: Sequence[ToolCall]) -> Entry:
    """The entry with one id for each of its calls: some servers give the same to all."""
    ids = [call.id for call in calls if call.id]
    if len(ids) < 2 or len(ids) == len(set(ids)):
        return entry
    seen: dict[str, int] = {}

    def own(call: ToolCall) -> ToolCall:
        seen[call.id] = seen.get(call.id, 0) + 1
        return call if not call.id or seen[call.id] == 1 else replace(call, id=f"{call.id}#{seen[call.id]}")

    messages = tuple(replace(item, tool_calls=tuple(map(own, item.tool_calls))) for item in entry.messages)
    response = entry.response
    if response is not None:
        response = replace(response, tool_calls=tuple(call for item in messages for call in item.tool_calls))
    return replace(entry, messages=messages, response=response)


class _Waiting:
    """The calls that have no result yet, in order."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []
        self._names: dict[str, str] = {}

    def ask(self, calls: Sequence[ToolCall], *, joined: bool) -> None:
        """Calls of an answer."""
        if calls and not joined:
            self._calls = []
        self._calls += calls
        self._names |= {call.id: call.name for call in calls if call.id}

    def answer(self, message: Message) -> Message:
        """A result with the id and name of its call."""
        if message.role != "tool":
            return message
        call = self._take(message)
        identity = message.tool_call_id if call is None else call.id or None
        name = message.name or (self._names.get(identity or "") if call is None else call.name)
        if (identity, name) == (message.tool_call_id, message.name):
            return message
        return replace(message, tool_call_id=identity, name=name)

    def _take(self, message: Message) -> ToolCall | None:
        wanted = message.tool_call_id
        for number, call in enumerate(self._calls):
            if wanted is not None:
                fits = call.id == wanted or call.id.startswith(f"{wanted}#")
            else:
                fits = message.name is None or message.name == call.name
            if fits:
                return self._calls.pop(number)
        return None
