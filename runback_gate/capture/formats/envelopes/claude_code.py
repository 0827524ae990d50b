"""Sessions of Claude Code: one event a line, or all in `loglines`.

In: `{"type": "assistant", "uuid": …, "message": {"id": …, "content": […]}}`. Out: one conversation a file, and one for
each side chain.

The lines of one `message.id` are one answer. Summaries, progress and the like are no part of the conversation. Lines
that are no event at all are counted. The instructions are not in these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Entry, Located, without
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Response

NAME: Final = "claude-code"
KEYS: Final = "type, message.role, sessionId, uuid"
BESIDE: Final = frozenset("toolUseResult".split())
"""A result once more, as the program of the tool gave it."""

_SAID = ("user", "assistant")
_ABOUT = ("sessionId", "cwd", "gitBranch", "version")
_REPEATS = ("system", "result", "stream_event", "progress")
"""Lines that repeat what messages say, and those of `claude -p --output-format stream-json` beside the messages."""


def matches(values: Sequence[Any]) -> bool:
    """Whether these are events of a session."""
    if len(values) == 1 and isinstance(values[0], dict) and isinstance(values[0].get("loglines"), list):
        return True
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]  # `claude -p --output-format json --verbose`
    events = [value for value in values if isinstance(value, dict)]
    return any(
        _is_event(value) and value.keys() & {"sessionId", "uuid", "session_id", "parentUuid"} for value in events
    )


def _is_event(value: Any) -> bool:
    message = value.get("message") if isinstance(value, dict) else None
    return isinstance(message, dict) and value.get("type") in _SAID and message.get("role") in _SAID


def split(records: Records) -> Iterator[Located]:
    """The whole file: its lines are one session."""
    lines: list[Located] = []
    for item in records.values:
        held = item.value.get("loglines") if isinstance(item.value, dict) else None
        if isinstance(held, list):
            lines += [item.child(f".loglines[{index}]", value) for index, value in enumerate(held)]
            lines += [item.child("", rest)] if (rest := without(item.value, ("loglines",))) else []
        elif isinstance(item.value, list):
            lines += [item.child(f"[{index}]", value) for index, value in enumerate(item.value)]
        else:
            lines.append(item)
    yield Located("$", None, lines)


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The session, and its side chains."""
    chains: dict[str, list[Located]] = {"": []}
    for line in where.value:
        if not _is_event(line.value):
            _leave(line, reader)
            continue
        event = line.value
        side = bool(event.get("isSidechain")) or event.get("parent_tool_use_id")
        name = str(event.get("agentId") or event.get("parent_tool_use_id") or "side") if side else ""
        chains.setdefault(name, []).append(line)
    return [found for name, lines in chains.items() if lines for found in [_conversation(name, lines, where, reader)]]


def _leave(line: Located, reader: Reader) -> None:
    """Count a line that is no part of the conversation."""
    kind = line.value.get("type") if isinstance(line.value, dict) else None
    reader.ignored[f"type {kind}" if isinstance(kind, str) else "a line that is no event"] += 1
    if kind in _REPEATS:
        reader.passed.append(line.value)
    elif isinstance(kind, str):  # of notices and commands, which are for the user
        reader.passed.append(line.value.get("content"))


def _conversation(name: str, lines: list[Located], where: Located, reader: Reader) -> Conversation:
    items, about_each = _answers(lines, reader)
    entries = [
        Entry(entry.messages, failed or entry.response, at)
        for entry, (at, failed) in zip(dialect("anthropic").read(items, reader), about_each, strict=True)
    ]
    first = lines[0].value
    about = {key: first[key] for key in _ABOUT if isinstance(first.get(key), str)}
    model = next((entry.response.model for entry in entries if entry.response and entry.response.model), None)
    return Conversation(
        where,
        [item.value for item in items],
        NAME,
        entries,
        api="anthropic.messages",
        model=model,
        labels=about | ({"sidechain": name} if name else {}),
        agent=NAME,
        at=about_each[0][0] if about_each else None,
    )


def _answers(
    lines: Sequence[Located], reader: Reader
) -> tuple[list[Located], list[tuple[str | None, Response | None]]]:
    """The messages: lines of one answer together, each line once; with the time, and what failed in its place."""
    items: list[Located] = []
    about: list[tuple[str | None, Response | None]] = []
    seen: set[str] = set()
    for line in lines:
        event = line.value
        if (name := event.get("uuid")) in seen:
            reader.pass_over("an event that stands twice", event)
            continue
        seen |= {name} if isinstance(name, str) else set()
        message = {key: value for key, value in event["message"].items() if value is not None}
        if not _readable(message):
            reader.pass_over("a message without content", event["message"])
            continue
        last = items[-1].value if items else {}
        if message.get("id") and message["role"] == "assistant" and last.get("id") == message["id"]:
            last["content"] = _parts(last) + _parts(message)
            last |= {key: message[key] for key in ("usage", "stop_reason") if key in message}
            continue
        items.append(Located(f"{line.place}.message", line.line, message))
        failed = Response(error=_failure(event, message)) if event.get("isApiErrorMessage") is True else None
        about.append((event["timestamp"] if isinstance(event.get("timestamp"), str) else None, failed))
    return items, about


def _failure(event: dict[str, Any], message: dict[str, Any]) -> str:
    """What an error of the API says, which Claude Code shows as a message, and its kind where the line names it."""
    texts = (part.get("text") for part in _parts(message) if isinstance(part, dict))
    words = " ".join(text for text in texts if isinstance(text, str)) or "the API answered with an error"
    kind = event.get("error")
    return f"{words}\n{kind}" if isinstance(kind, str) and kind else words


def _readable(message: dict[str, Any]) -> bool:
    """Whether a message has content; one that was damaged is counted, as Claude Code itself passes over it."""
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, str) for part in content) and content:
        message["content"] = [{"type": "text", "text": part} for part in content]
        return True
    return isinstance(content, (str, list))


def _parts(message: dict[str, Any]) -> list[Any]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
