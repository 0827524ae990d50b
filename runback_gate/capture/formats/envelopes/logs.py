"""Logs in which each line or object is one call: request and answer beside each other.

In: `{"request": {…}, "response": {…}}`, LiteLLM's logging payload, Bedrock's invocation log, results of batches. Out:
one conversation for each session that the log names, else for each call.

https://docs.litellm.ai/docs/proxy/logging_spec, https://platform.openai.com/docs/guides/batch,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.answers import message_of
from runback_gate.capture.formats.body import is_body
from runback_gate.capture.formats.exchange import parsed, read_call
from runback_gate.capture.formats.model import Call, Conversation, Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.errors import InputError
from runback_gate.step import Response

NAME: Final = "logs"
KEYS: Final = "request, response, input, output, messages, custom_llm_provider, custom_id, modelInput, modelOutput"
BESIDE: Final[frozenset[str]] = frozenset()

_PAIRS = (
    ("request", "response"),
    ("request_body", "response_body"),
    ("requestBody", "responseBody"),
    ("req", "res"),
    ("kwargs", "response_obj"),
    ("body", "response"),
    ("input", "output"),
    ("inputs", "outputs"),
    ("prompt", "completion"),
    ("modelInput", "modelOutput"),
)
_BODIES = ("body", "inputBodyJson", "outputBodyJson")
"""What a request or an answer may be wrapped in."""
_SESSIONS = ("session_id", "litellm_session_id", "trace_id", "litellm_trace_id", "conversation_id", "thread_id")


def matches(values: Sequence[Any]) -> bool:
    """Whether each is one call."""
    flat = _flat(values)
    return bool(flat) and all(_pair(value) is not None for value in flat[:20])


def _flat(values: Sequence[Any]) -> list[Any]:
    many = len(values) == 1 and isinstance(values[0], list)
    return list(values[0]) if many else list(values)


def _pair(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, dict) or "run_type" in value:  # a run of LangSmith is a call of a trace
        return None
    if _is_litellm(value):
        return "", "response"
    for one, two in _PAIRS:
        if one in value and value.get(two) is not None and _is_request(value[one]):
            return one, two
    return None


def _is_litellm(value: dict[str, Any]) -> bool:
    return bool(value.keys() & {"custom_llm_provider", "call_type"}) and "messages" in value and "response" in value


def _is_request(value: Any) -> bool:
    value = parsed(Located("", None, value)).value
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) and item.keys() & {"role", "type"} for item in value)
    return is_body(value) or is_body(_unwrapped(Located("", None, value)).value)


def _unwrapped(where: Located) -> Located:
    """The body itself."""
    value = where.value
    found = next((name for name in _BODIES if isinstance(value, dict) and isinstance(value.get(name), _JSON)), None)
    return where if found is None else where.child(f".{found}", value[found])


_JSON = (dict, list)


def split(records: Records) -> Iterator[Located]:
    """The calls of one session together."""
    sessions: dict[Any, list[Located]] = {}
    for item in records.values:
        many = isinstance(item.value, list)
        each = [item.child(f"[{index}]", value) for index, value in enumerate(item.value)] if many else [item]
        for one in each:
            sessions.setdefault(_session(one), []).append(one)
    for lines in sessions.values():
        yield Located(lines[0].place, lines[0].line, lines)


def _session(where: Located) -> Any:
    value = where.value if isinstance(where.value, dict) else {}
    metadata = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
    names = (holder.get(name) for holder in (value, metadata or {}) for name in _SESSIONS)
    return next((name for name in names if isinstance(name, str) and name), (where.place, where.line))


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a session."""
    calls: list[Call] = []
    found: Conversation | None = None
    for line in where.value:
        call, asked = _call(line, reader)
        calls.append(call)
        found = asked or found
    said = [line.value for line in where.value]
    only = found if len(calls) == 1 else None
    if only is not None and calls[0].graded == "semantic":
        # All that one request repeats are answers as well.
        call = calls[0]
        last = Entry((message_of(call.response),), call.response, call.at)
        return (replace(only, where=where, said=said, format=NAME, entries=(*only.entries, last), model=call.model),)
    return (Conversation(where, said, NAME, calls=calls, api=None if found is None else found.api),)


def _call(where: Located, reader: Reader) -> tuple[Call, Conversation | None]:
    value = where.value
    pair = _pair(value)
    if pair is None:
        raise InputError("not one call: request and answer were expected beside each other")
    request, answer = pair
    about: dict[str, Any] = {}
    if not request:
        return _litellm(where, reader)
    asked = _unwrapped(parsed(where.child(f".{request}", value[request])))
    answered = _unwrapped(parsed(where.child(f".{answer}", value[answer])))
    model = value.get("model") or value.get("modelId")
    about["model"] = model if isinstance(model, str) else None
    return read_call(asked, answered, reader, **about)


def _litellm(where: Located, reader: Reader) -> tuple[Call, Conversation | None]:
    value = where.value
    provider, model = value.get("custom_llm_provider"), value.get("model")
    if isinstance(model, str) and isinstance(provider, str) and provider and "/" not in model:
        model = f"{provider}/{model}"
    given = value.get("model_parameters")
    tools = given.get("tools") if isinstance(given, dict) else None
    parameters = {name: item for name, item in (given or {}).items() if name in _PARAMETERS and item is not None}
    body = {"messages": parsed(where.child("", value["messages"])).value, "tools": tools}
    answer = value["response"]
    about = {"model": model, "parameters": parameters or None}
    error = value.get("error_str") or (value.get("status") == "failure" and "failure")
    if error:
        call, asked = read_call(where.child("", body), where.child("", ""), reader, **about)
        return replace(call, response=Response(error=str(error))), asked
    return read_call(where.child("", body), where.child(".response", answer), reader, **about)


_PARAMETERS = frozenset("temperature top_p max_tokens max_completion_tokens seed stop n presence_penalty".split())
