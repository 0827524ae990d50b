"""Event histories of OpenHands.

In: `[{"id": 0, "source": "user", "action": "message", …}]`, or `{"history": […]}` of those. Out: one conversation each.

https://docs.all-hands.dev. Every action and its observation repeat the whole answer in `tool_call_metadata`; one answer
is one `model_response.id`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from runback_gate.capture.formats.answers import answer_entry, text_entry
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Message
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "openhands"
KEYS: Final = "action, observation, source, tool_call_metadata"
BESIDE: Final = frozenset(("observation",))
"""Names the kind of an event."""
_READ: Final = frozenset("action observation source args content message extras success tool_call_metadata".split())


def matches(values: Sequence[Any]) -> bool:
    """Whether these are histories."""
    return bool(values) and all(_events(value) for value in values[:20])


def _events(value: Any) -> list[Any]:
    events = value.get("history") if isinstance(value, dict) else value
    if not isinstance(events, list) or not events:
        return []
    flat = [item for event in events for item in (event if isinstance(event, list) else [event])]
    known = all(isinstance(event, dict) and event.keys() & {"action", "observation"} for event in flat)
    return flat if known and any("source" in event for event in flat) else []


def split(records: Records) -> Iterator[Located]:
    """One history each."""
    yield from records.values


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a history."""
    entries: list[Entry] = []
    seen: set[str] = set()
    system: Message | None = None
    for index, event in enumerate(_events(where.value)):
        place = where.child(f"[{index}]", event)
        reader.leave(event, _READ)
        if system is None and event.get("action") == "system" and not entries:
            system = Message("system", _words(event))
        else:
            entries += _entries(place, seen, reader)
    value = where.value if isinstance(where.value, dict) else {}
    labels = {key: value[key] for key in ("instance_id", "metrics", "test_result") if value.get(key) is not None}
    error = value.get("error")
    return (
        Conversation(
            where,
            _events(where.value),
            NAME,
            entries,
            system=system,
            labels=labels,
            agent=NAME,
            status="error" if error else None,
            error=str(error) if error else None,
        ),
    )


def _entries(where: Located, seen: set[str], reader: Reader) -> Iterator[Entry]:
    event = where.value
    about = event.get("tool_call_metadata") or {}
    if response := about.get("model_response"):
        name = str(response.get("id"))
        if name not in seen:
            seen.add(name)
            entry = answer_entry(
                where.child(".tool_call_metadata.model_response", response), dialect("openai-chat"), reader
            )
            yield Entry(entry.messages, entry.response)
    if "observation" in event:
        if about:
            yield Entry((_result(event, about),))
        elif event["observation"] not in ("agent_state_changed", "null", "recall", "think", "condensation"):
            yield Entry((Message("user", str(event.get("content") or "")),))
    elif event.get("action") == "system":
        yield Entry((Message("system", _words(event)),))
    elif event.get("action") == "message" and event.get("source") == "user":
        yield Entry((Message("user", _words(event)),))
    elif event.get("source") == "agent" and not about and event.get("action") not in ("change_agent_state", "recall"):
        if event.get("action") == "message":
            yield text_entry(_words(event))
        elif event.get("action") != "finish":
            raise NotUnderstoodError(
                where.place, f"action {str(event.get('action'))[:40]!r} without the answer that it is of"
            )
    else:
        reader.ignored[f"action {event.get('action')}"] += 1


def _words(event: dict[str, Any]) -> str:
    args = event.get("args")
    return str((args.get("content") if isinstance(args, dict) else None) or event.get("message") or "")


def _result(event: dict[str, Any], about: dict[str, Any]) -> Message:
    text = str(event.get("content") or "")
    extras = event.get("extras") if isinstance(event.get("extras"), dict) else {}
    failed = event.get("success") is False or event["observation"] == "error" or (extras or {}).get("error") is True
    identity, name = about.get("tool_call_id"), about.get("function_name")
    return Message(
        "tool",
        text,
        (),
        identity if isinstance(identity, str) else None,
        name if isinstance(name, str) else None,
        (text or "error") if failed else None,
    )
