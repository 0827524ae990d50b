"""One call of a model, of which a source keeps the request and the answer beside each other.

In: a request (a body, messages, one message, a text, or the JSON of these as a text) and an answer in any form. Out: a
`Call`.

    read_call(Located("$.input", None, [...]), Located("$.output", None, {"role": "assistant", …}), Reader())
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runback_gate.capture.formats.answers import answer_entry, api_of_answer, of_events, text_entry
from runback_gate.capture.formats.body import detect_dialect, is_body, read_body
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Call, Conversation, Entry, Located, finish_reason
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.tools import read_tools
from runback_gate.errors import RunbackError
from runback_gate.step import Response, ToolRun

_MAX_LITERAL = 1 << 20


def parsed(where: Located) -> Located:
    """The same, where it is the JSON of an object or a list as a text, perhaps written twice: what that says."""
    value = where.value
    for _ in range(2):
        if not isinstance(value, str) or value[:1] not in ("{", "[", '"'):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = _python(value)
    return where.child("", value) if isinstance(value, (dict, list)) else where


def _python(text: str) -> Any:
    """The value that Python printed as a literal; nothing is executed. None for any other text."""
    if len(text) > _MAX_LITERAL:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def read_call(request: Located, answer: Located, reader: Reader, **about: Any) -> tuple[Call, Conversation | None]:
    """The call, and its request as a conversation; None for one that was not understood, whose step is view-only.

    Raises:
        NotUnderstoodError: the answer is in no form that is known.
    """
    entry = read_answer(parsed(answer), reader)
    response = entry.response or Response()
    try:
        asked = read_request(parsed(request), reader)
    except RunbackError:
        reader.pass_over("a request that is not understood", request.value)
        return Call((), response, graded="view-only", **about), None
    messages = tuple(message for item in asked.entries for message in item.messages)
    known: dict[str, Any] = {
        "system": asked.system,
        "tools": asked.tools,
        "model": asked.model,
        "parameters": asked.parameters,
    }
    known |= {name: value for name, value in about.items() if value is not None}
    return Call(messages, response, **known), asked


def read_request(where: Located, reader: Reader) -> Conversation:
    """The conversation of a request."""
    value = where.value
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    elif isinstance(value, dict) and isinstance(value.get("config"), dict):  # google-genai, ADK
        value = {**value["config"], **{name: item for name, item in value.items() if name != "config"}}
    elif isinstance(value, dict) and not is_body(value) and "role" in value:
        value = [value]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]  # LangChain: a batch of one
    definitions: list[Any] = []
    if isinstance(value, list):
        definitions = [item["content"] for item in value if _is_definition(item)]
        value = [item for item in value if not _is_definition(item)]
    found = read_body(where.child("", value), reader)
    return replace(found, tools=read_tools(definitions, where.place)) if definitions else found


def _is_definition(item: Any) -> bool:
    """Whether this is no message but a tool, as Langfuse's callback for LangChain writes them."""
    content = item.get("content") if isinstance(item, dict) and item.get("role") == "tool" else None
    return isinstance(content, dict) and content.get("type") == "function" and isinstance(content.get("function"), dict)


def read_answer(where: Located, reader: Reader) -> Entry:
    """The entry of an answer in any form."""
    where = of_events(where, reader)
    value = where.value
    if isinstance(value, list) and len(value) == 1:
        where = where.child("[0]", value[0])
        value = where.value
    if isinstance(value, str):
        return text_entry(value)
    if isinstance(value, dict) and dialect("langchain").marks(value):
        (entry,) = dialect("langchain").read([where], reader)
        if entry.response is not None:
            return entry
    if isinstance(value, dict) and api_of_answer(value) is None:
        inner = value.get("content")
        if isinstance(inner, dict) and isinstance(inner.get("parts"), list):  # an ADK response
            (entry,) = dialect("gemini").read([where.child(".content", inner)], reader)
            return _finished(entry, value)
        if isinstance(value.get("message"), dict):
            return _finished(read_answer(where.child(".message", value["message"]), reader), value)
        messages = value.get("messages")
        if isinstance(messages, list) and messages:
            return read_answer(where.child(f".messages[{len(messages) - 1}]", messages[-1]), reader)
        if "text" in value and "content" not in value:
            where = where.child("", {"role": value.get("role", "assistant"), "content": value["text"]})
        elif "role" not in value and "type" not in value and (inner or value.get("tool_calls")):
            where = where.child("", {"role": "assistant", **value})
    known = not isinstance(where.value, dict) or api_of_answer(where.value) is not None
    form = dialect("openai-chat") if known else detect_dialect([where], {}, reader)
    return answer_entry(where, form, reader)


def open_tool_runs(calls: Sequence[Call], ran: Iterable[tuple[str, str, str | None]]) -> Iterator[ToolRun]:
    """What a trace says of calls whose results no later request holds; of each run its name, result and error."""
    answered = {message.tool_call_id for call in calls for message in call.messages if message.role == "tool"}
    open_calls = [
        (number, place, call)
        for number, item in enumerate(calls)
        for place, call in enumerate(item.response.tool_calls)
        if not call.id or call.id not in answered
    ]
    unnamed = any(message.role == "tool" and not message.tool_call_id for call in calls for message in call.messages)
    for name, result, error in () if unnamed else ran:
        found = next((item for item in open_calls if item[2].name in name), None)
        if found is not None:
            open_calls.remove(found)
            number, place, call = found
            yield ToolRun(number, place, call.name, call.arguments, call.id, result, error)


def _finished(entry: Entry, value: Mapping[str, Any]) -> Entry:
    reason = finish_reason(value.get("finish_reason") or value.get("finishReason"))
    if entry.response is None or reason is None:
        return entry
    return replace(entry, response=replace(entry.response, finish_reason=reason))
