"""A conversation with what stands beside it: instructions, tools, model, parameters, an answer that came of it.

In: a JSON object such as a request body, or a bare list of messages. Out: a `Conversation`.

    read_body(Located("$", None, {"model": "m", "messages": [...]}), Reader())

The dialect of the messages is found by what only one of them writes; plain text messages are those of OpenAI's chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from runback_gate.capture.formats import answers
from runback_gate.capture.formats.dialects import Dialect, dialects
from runback_gate.capture.formats.model import Conversation, Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.tools import read_tools
from runback_gate.errors import InputError
from runback_gate.step import Message
from runback_gate.wire import format_of
from runback_gate.wire.faults import NotUnderstoodError

FIELDS = ("messages", "contents", "input", "conversation", "conversations", "history", "traj", "trajectory")
"""Where the messages of a body stand, the most frequent first."""
_SYSTEM = "system instructions systemInstruction system_instruction system_prompt systemPrompt system_message".split()
_TOOLS = ("tools", "functions", "tool_definitions", "available_tools", "toolConfig", "tool_config")
_NESTED = ("generationConfig", "generation_config", "inferenceConfig", "model_parameters", "optional_params", "config")
_ERRORS = ("error", "exception")
"""Of a run: what ended it."""
_MODEL = ("model", "modelId", "model_name", "model_id")


def read_body(
    where: Located, reader: Reader, *, dialect: Dialect | None = None, known: Sequence[str] = ()
) -> Conversation:
    """The conversation of a body.

    Args:
        where: the body.
        reader: the accounts of the file.
        dialect: of the messages, where it is known; else it is found.
        known: fields of the body that its envelope has used.

    Raises:
        NotUnderstoodError: it holds something that may decide something and is not known.
        InputError: there are no messages, or they are of no dialect or of two.
    """
    body = where.value if isinstance(where.value, dict) else {"messages": where.value}
    field = next((name for name in FIELDS if isinstance(body.get(name), (list, str)) and body[name]), None)
    if field is None:
        raise InputError("no `messages` here", hint='chat format: {"messages": [{"role": …}]}')
    path = f".{field}" if body is where.value else ""
    items = _items(where, path, body[field])
    form = dialect or detect_dialect(items, body, reader)
    entries = list(form.read(items, reader))
    used = {field, *known}
    response = answers.beside(body, form, where, reader, used)
    entries += response
    system = _system(body, where.place, used)
    if system is None and entries and (first := entries[0].messages[0]).role in ("system", "developer"):
        system, entries = first, entries[1:]
    tools = _tools(body, where.place, used)
    parameters = _parameters(body, form, used)
    model = next((body[name] for name in _MODEL if isinstance(body.get(name), str) and body[name]), None)
    used |= {*_MODEL}
    agent = next((entry.agent for entry in entries if entry.agent), None)
    error = _error(body, used)
    return Conversation(
        where,
        body[field],
        form.NAME,
        tuple(entries),
        api=form.API,
        system=system,
        tools=tools,
        model=model,
        parameters=parameters,
        agent=agent,
        labels=reader.labels(body, used) if body is where.value else {},
        status="error" if error else None,
        error=error,
    )


def _error(body: Mapping[str, Any], used: set[str]) -> str | None:
    """What ended the run, in words or as JSON."""
    used |= {*_ERRORS}
    error = next((body[name] for name in _ERRORS if body.get(name)), None)
    return error if error is None or isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def _items(where: Located, path: str, value: Any) -> list[Located]:
    if isinstance(value, str):
        return [where.child(path, {"role": "user", "content": value})]
    place, line = where.place + path, where.line
    return [Located(f"{place}[{index}]", line, item) for index, item in enumerate(value)]


def detect_dialect(items: Sequence[Located], body: Mapping[str, Any], reader: Reader) -> Dialect:
    """The dialect of messages; of those that no dialect tells from messages before, the same one.

    Raises:
        InputError: none, or two; what was seen is listed.
    """
    values = [item.value for item in items if isinstance(item.value, dict)]
    if len(values) < len(items):
        odd = next(item for item in items if not isinstance(item.value, dict))
        raise NotUnderstoodError(odd.place, "an object was expected")
    if (named := next((form for form in dialects() if reader.dialect == form.NAME), None)) is not None:
        return named
    shapes, unlike = _unlike(values)
    place = shapes and (shapes, *(name for name in _BY_FIELD if name in body))
    form: Dialect = reader.dialects.get(place) or _detected(values, unlike, body)
    if place:
        reader.dialects[place] = form
    return form


def _detected(values: Sequence[dict[str, Any]], unlike: Sequence[dict[str, Any]], body: Mapping[str, Any]) -> Dialect:
    marked = [form for form in dialects() if any(map(form.marks, unlike))]
    marked = [form for form in marked if all(map(form.fits, unlike))] or marked
    if len(marked) == 1:
        return marked[0]
    fitting = [form for form in dialects() if all(map(form.fits, unlike))]
    if not marked and fitting:
        return _by_body(fitting, body)
    seen = sorted({key for value in values[:50] for key in value})
    if marked:
        names = " or ".join(form.NAME for form in marked)
        raise InputError(f"the messages are of two formats: {names}", hint="say which with --format")
    roles = sorted({str(value.get("role")) for value in values} - {"None"})
    bad = next((role for role in roles if role not in ("system", "developer", "user", "assistant", "tool")), None)
    if bad is not None:
        raise InputError(f"messages of no known format: unknown role {bad[:40]!r}", hint=f"fields: {', '.join(seen)}")
    raise InputError(f"messages of no known format: their fields are {', '.join(seen)[:200]}")


def _unlike(values: Sequence[dict[str, Any]]) -> tuple[frozenset[Any], list[dict[str, Any]]]:
    """One of all messages that no dialect tells apart: the same names of texts, the same kind of speaker.

    With what tells them apart, which is empty where a message is more than texts. Of `tool_calls` every dialect asks
    whether there are some. The loops are left to C: every message is looked at.
    """
    said: dict[str, dict[str, Any]] = {}
    others = []
    for value in values:
        # Most are a role and a text: one of each role stands for them.
        if len(value) == 2 and type(value.get("content")) is type(role := value.get("role")) is str:
            said[role] = value
        else:
            others.append(value)
    values = [*said.values(), *others]
    there = set().union(*values)
    kinds = map(tuple, map(map, repeat(type), map(dict.values, values)))
    calls = map(bool, map(dict.get, values, repeat("tool_calls")))
    telling = (map(dict.get, values, repeat(name)) for name in _TELLING if name in there)
    shapes = list(zip(map(tuple, values), kinds, calls, *telling, strict=True))
    try:
        found = dict(zip(shapes, values, strict=True))
    except TypeError:  # a role that is a list
        return frozenset(), list(values)
    rich = {
        shape
        for shape in found
        if any(name != "tool_calls" and kind not in _TEXTS for name, kind in zip(*shape[:2], strict=True))
    }
    if not rich:
        return frozenset(found), list(found.values())
    alike = [value for shape, value in found.items() if shape not in rich]
    return frozenset(), alike + [value for shape, value in zip(shapes, values, strict=True) if shape in rich]


_BY_FIELD = {"contents": "google.generate", "inferenceConfig": "bedrock.converse", "toolConfig": "bedrock.converse"}
_TEXTS = frozenset((str, type(None)))
_TELLING = ("role", "type", "from", "kind")
"""Fields whose words tell a dialect; of any other text it counts that it is there."""


def _by_body(fitting: Sequence[Dialect], body: Mapping[str, Any]) -> Dialect:
    """Of those that can read the messages: the one whose bodies have fields such as these; else the first."""
    for name, api in _BY_FIELD.items():
        if name in body:
            return next((form for form in fitting if api == form.API), fitting[0])
    return fitting[0]


def _system(body: Mapping[str, Any], place: str, used: set[str]) -> Message | None:
    for name in _SYSTEM:
        value = body.get(name)
        if value is None or value in ("", [], {}):
            continue
        used.add(name)
        return system_message(value, f"{place}.{name}")
    return None


def system_message(value: Any, place: str) -> Message:
    """Instructions in any form that an API has for them: a text, parts, an object with parts or content."""
    if isinstance(value, dict):
        value = value.get("parts", value.get("content", value.get("text")))
    if isinstance(value, str):
        return Message("system", value)
    texts = [part if isinstance(part, str) else part.get("text") for part in value] if isinstance(value, list) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise NotUnderstoodError(place, "instructions that are not understood")
    if len(texts) == 1:
        return Message("system", texts[0])
    return Message("system", "\n".join(text for text in texts if text))


def _tools(body: Mapping[str, Any], place: str, used: set[str]) -> Any:
    for name in _TOOLS:
        used.add(name)
        if body.get(name) is not None:
            return read_tools(body[name], f"{place}.{name}")
    return None


def _parameters(body: Mapping[str, Any], form: Dialect, used: set[str]) -> dict[str, Any] | None:
    """Parameters beside the messages, or in an object of their own; None where there is none of them."""
    found: dict[str, Any] = {}
    names = format_of(form.API or "openai.chat").PARAMETERS
    for name in names & body.keys():
        used.add(name)
        if body[name] is not None:
            found[name] = body[name]
    for name in _NESTED:
        if isinstance(inner := body.get(name), dict) and (inner.keys() <= names or name.endswith("onfig")):
            used.add(name)
            found |= {key: value for key, value in inner.items() if key in names}
    return found or None


def entries_of(items: Sequence[Located], reader: Reader, dialect: Dialect | None = None) -> Iterator[Entry]:
    """The entries of messages alone."""
    yield from (dialect or detect_dialect(items, {}, reader)).read(items, reader)


def is_body(value: Any) -> bool:
    """Whether a value holds messages in one of the usual fields."""
    return isinstance(value, dict) and any(
        isinstance(value.get(name), list) and value[name] and isinstance(value[name][0], dict) for name in FIELDS
    )
