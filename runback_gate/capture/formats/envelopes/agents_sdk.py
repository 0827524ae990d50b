"""Saved states of the OpenAI Agents SDK, and sessions of Codex.

In: `{"$schemaVersion": …, "model_responses": […]}`, or lines `{"type": "response_item", "payload": {…}}`. Out: one
conversation a file.

https://openai.github.io/openai-agents-python, https://github.com/openai/codex. A state copies its items to many places;
`model_responses` are the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Message
from runback_gate.wire.fields import mapping, optional_list

NAME: Final = "openai-agents"
KEYS: Final = "model_responses, original_input, payload.type"
BESIDE: Final[frozenset[str]] = frozenset()

_LINES = frozenset("session_meta response_item event_msg turn_context compacted".split())


def matches(values: Sequence[Any]) -> bool:
    """Whether this is a state or a session."""
    first = values[0] if values else None
    if isinstance(first, dict) and {"model_responses", "original_input"} <= first.keys():
        return True
    return _is_bare(values) or any(_is_line(value) and value["type"] == "response_item" for value in values)


def _is_bare(values: Sequence[Any]) -> bool:
    """Whether these are the lines of a session of mid-2025, whose items stand bare below one line about it."""
    first = values[0] if values else None
    about = isinstance(first, dict) and {"id", "timestamp", "instructions"} <= first.keys() and "type" not in first
    return about and any(isinstance(value, dict) and value.get("record_type") == "state" for value in values)


def _wrapped(lines: Sequence[Located]) -> Iterator[Located]:
    """The lines of such a session as later ones have them."""
    for line in lines:
        if line is lines[0]:
            yield line.child("", {"type": "session_meta", "payload": line.value})
        elif isinstance(line.value, dict) and isinstance(line.value.get("type"), str):
            yield line.child("", {"type": "response_item", "payload": line.value})
        else:
            yield line


def _is_line(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in _LINES and isinstance(value.get("payload"), dict)


def split(records: Records) -> Iterator[Located]:
    """Each state, or the lines of a session together."""
    if _is_bare([item.value for item in records.values]):
        yield Located("$", None, [*_wrapped(records.values)])
    elif any(_is_line(item.value) for item in records.values):
        yield Located("$", None, records.values)
    else:
        yield from records.values


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation."""
    return (_state(where, reader) if isinstance(where.value, dict) else _session(where, reader),)


def _state(where: Located, reader: Reader) -> Conversation:
    state, form = where.value, dialect("openai-responses")
    given = state["original_input"]
    said = [{"role": "user", "content": given}] if isinstance(given, str) else given
    items = [where.child(f".original_input[{index}]", item) for index, item in enumerate(said or [])]
    entries: list[Entry] = [*form.read(items, reader)]
    results: dict[Any, list[Located]] = {}
    for item in _results(state, where):
        results.setdefault(item.value.get("call_id"), []).append(item)
    for at, answer in optional_list(state["model_responses"], f"{where.place}.model_responses"):
        output = mapping(answer, at).get("output")
        parts = [Located(place, where.line, item) for place, item in optional_list(output, f"{at}.output")]
        answered = [*form.read(parts, reader)]
        entries += answered
        ids = [call.id for entry in answered for message in entry.messages for call in message.tool_calls]
        entries += form.read([item for name in dict.fromkeys(ids) for item in results.get(name, ())], reader)
    agent = (state.get("current_agent") or {}).get("name")
    labels = {key: state[key] for key in ("conversation_id", "max_turns") if state.get(key) is not None}
    api, name = form.API, agent if isinstance(agent, str) else None
    return Conversation(where, state["model_responses"], NAME, entries, api=api, labels=labels, agent=name)


def _results(state: dict[str, Any], where: Located) -> Iterator[Located]:
    """The results, each once."""
    seen = set()
    for field in ("generated_items", "session_items"):
        for at, item in optional_list(state.get(field), f"{where.place}.{field}"):
            raw = item.get("raw_item") if isinstance(item, dict) else None
            if isinstance(raw, dict) and str(raw.get("type")).endswith("_output") and raw.get("call_id") not in seen:
                seen.add(raw.get("call_id"))
                yield Located(f"{at}.raw_item", where.line, raw)


def _session(where: Located, reader: Reader) -> Conversation:
    items: list[Located] = []
    about: dict[str, Any] = {}
    instructions = model = None
    for line in where.value:
        if not _is_line(line.value):
            reader.ignored["a line that is no event"] += 1
            continue
        kind, payload = line.value["type"], line.value["payload"]
        if kind == "response_item" and payload.get("type") != "ghost_snapshot":
            items.append(Located(f"{line.place}.payload", line.line, payload))
        elif kind == "session_meta":
            about = {key: payload[key] for key in ("id", "cwd", "cli_version") if isinstance(payload.get(key), str)}
            instructions = payload.get("base_instructions") or payload.get("instructions")
        elif kind == "turn_context":
            model = payload.get("model")
        else:
            reader.ignored[f"type {kind}"] += 1
    words = instructions.get("text") if isinstance(instructions, dict) else instructions
    form = dialect("openai-responses")
    found = Conversation(where, [item.value for item in items], "codex", [*form.read(items, reader)], api=form.API)
    return replace(
        found,
        system=Message("system", words) if isinstance(words, str) and words else None,
        model=model if isinstance(model, str) else None,
        labels=about,
        agent="codex",
    )
