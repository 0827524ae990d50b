"""An answer that stands beside the conversation which it answers.

In: the body of a log line, with `response`, `choices` and the like. Out: the entry of that answer.

    beside({"messages": [...], "response": {"choices": [...]}}, dialect, where, reader, used)

The answer is read as the API of its form would be; a bare message is of the dialect of the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from runback_gate.capture.formats.google import camel_answer
from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api, Message, Response
from runback_gate.wire import format_of
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError

FIELDS = "response completion output answer result assistant_response response_body".split()
"""Where an answer stands beside a conversation."""
_TOP: dict[str, Api] = {"choices": "openai.chat", "candidates": "google.generate"}


class ReadsMessages(Protocol):
    """What reads a bare message: a dialect."""

    API: Api | None

    def fits(self, item: Mapping[str, Any]) -> bool:
        """Whether it can."""

    def read(self, items: Sequence[Located], reader: Reader) -> Any:
        """The entries."""


def beside(body: Mapping[str, Any], form: ReadsMessages, where: Located, reader: Reader, used: set[str]) -> list[Entry]:
    """The entries of an answer beside the messages; `used` gets its field."""
    for name in _TOP:
        if isinstance(body.get(name), list) and body[name]:
            used |= {name, "usage", "id", "object", "created", "system_fingerprint", "usageMetadata", "modelVersion"}
            return [answer_entry(where.child("", {name: body[name], "usage": body.get("usage")}), form, reader)]
    for name in FIELDS:
        value = body.get(name)
        if isinstance(value, (dict, list)) and value:
            used.add(name)
            return [answer_entry(where.child(f".{name}", value), form, reader)]
        if isinstance(value, str) and value:
            used.add(name)
            return [text_entry(value)]
    return []


def text_entry(text: str) -> Entry:
    """An answer of words alone."""
    return Entry((Message("assistant", text),), Response(text))


def api_of_answer(value: Mapping[str, Any]) -> Api | None:
    """The API whose answer has these fields."""
    if isinstance(value.get("choices"), list):
        return "openai.chat"
    if isinstance(value.get("candidates"), list):
        return "google.generate"
    if isinstance(value.get("output"), dict) and "message" in value["output"]:
        return "bedrock.converse"
    if isinstance(value.get("output"), list):
        return "openai.responses"
    if isinstance(value.get("content"), list) and ("stop_reason" in value or value.get("type") == "message"):
        return "anthropic.messages"
    return None


def answer_entry(where: Located, form: ReadsMessages, reader: Reader) -> Entry:
    """The entry of an answer.

    Raises:
        NotUnderstoodError: it is in no form that is known.
    """
    where = of_events(where, reader)
    value = where.value
    if isinstance(value, list) and len(value) == 1:
        where = where.child("[0]", value[0])
        value = where.value
    if not isinstance(value, dict):
        raise NotUnderstoodError(where.place, "an answer in a form that is not known")
    if isinstance(value.get("body"), dict):
        return answer_entry(where.child(".body", value["body"]), form, reader)
    if (api := api_of_answer(value)) is not None:
        return _of_api(where, api, value)
    inner = value.get("message")
    message: dict[str, Any] = inner if isinstance(inner, dict) else value
    if form.fits(message) and "role" in message:
        (entry,) = form.read([where.child("", message)], reader)
        if entry.response is not None:
            return entry  # type: ignore[no-any-return]
    raise NotUnderstoodError(where.place, "an answer in a form that is not known")


def of_events(where: Located, reader: Reader) -> Located:
    """The answer that a list of the events of its stream is; anything else as it is."""
    events = where.value
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        return where
    api = next((api for api, begins in _STREAMS.items() if begins(events[0])), None)
    if api is None:
        return where
    stream = format_of(api).read_stream()
    try:
        for event in events:
            name = f"event: {event['type']}\n" if isinstance(event.get("type"), str) else ""
            stream.feed(f"{name}data: {json.dumps(event)}\n\n".encode())
        if api == "openai.chat":
            stream.feed(b"data: [DONE]\n\n")
        reader.passed.append(events)  # the stream refuses what it does not know
        return where.child("", stream.body())
    except NotUnderstoodError as error:
        raise NotUnderstoodError(where.place, f"a stream that is not understood: {error}") from None


_STREAMS: dict[Api, Callable[[dict[str, Any]], bool]] = {
    "anthropic.messages": lambda event: event.get("type") == "message_start",
    "openai.chat": lambda event: event.get("object") == "chat.completion.chunk",
    "openai.responses": lambda event: event.get("type") == "response.created",
}
"""How the first event of a stream begins."""


def _of_api(where: Located, api: Api, value: dict[str, Any]) -> Entry:
    if api == "google.generate":
        value = camel_answer(value)
    try:
        response = format_of(api).read_answer(value)
    except ErrorAnswerError as error:
        return Entry((), Response(error=json.dumps(error.error, ensure_ascii=False)))
    except NotUnderstoodError as error:
        raise NotUnderstoodError(where.place + error.place.removeprefix("$"), _what(error)) from None
    return Entry((message_of(response),), response)


def message_of(response: Response) -> Message:
    """The message that an answer is to the next request."""
    return Message("assistant", response.text, response.tool_calls, parts=response.parts)


def _what(error: NotUnderstoodError) -> str:
    return error.message.partition(": ")[2] or error.message
