"""Batches of OpenAI, Anthropic, Gemini and compatible services: each line is a request with its result.

In: `{"batch_request": LINE, "batch_result": LINE}`, as `batches` joins the lines of two files. Out: one conversation
each. A half alone is refused: name both files in one import.

https://platform.openai.com/docs/guides/batch, https://docs.anthropic.com/en/docs/build-with-claude/batch-processing,
https://ai.google.dev/gemini-api/docs/batch-api
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from runback_gate.capture.formats.answers import message_of
from runback_gate.capture.formats.exchange import read_call
from runback_gate.capture.formats.model import Call, Conversation, Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.errors import InputError
from runback_gate.step import Response

NAME: Final = "batch"
KEYS: Final = "custom_id, method, url, body | custom_id, params | custom_id, response, error | custom_id, result"
BESIDE: Final[frozenset[str]] = frozenset()

_REQUESTS = (("custom_id", "body"), ("custom_id", "params"), ("key", "request"))
_RESULTS = (("custom_id", "response"), ("custom_id", "result"), ("key", "response"), ("key", "error"))
_NO_CHAT = ("/embeddings", "/moderations", "/images/generations")


def part_of(value: Any) -> Literal["requests", "results"] | None:
    """Which half of a batch a line is; None for a line that is none, or has both."""
    if not isinstance(value, dict) or identity(value) is None:
        return None
    asked = any(one in value and isinstance(value.get(two), dict) for one, two in _REQUESTS)
    answered = any(one in value and two in value for one, two in _RESULTS)
    if asked == answered:
        return None
    return "requests" if asked else "results"


def identity(value: Any) -> str | None:
    """What both halves of a line are known by."""
    found = (value.get("custom_id") or value.get("key")) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def matches(values: Sequence[Any]) -> bool:
    """Whether each is a line of a batch."""
    return bool(values) and all(_is_joined(value) or part_of(value) is not None for value in values[:20])


def _is_joined(value: Any) -> bool:
    return isinstance(value, dict) and {"batch_request", "batch_result"} == value.keys()


def split(records: Records) -> Iterator[Located]:
    """Each line on its own; those without their other half together, since one sentence says what they lack."""
    lonely = [item for item in records.values if not _is_joined(item.value)]
    yield from (item for item in records.values if _is_joined(item.value))
    if lonely:
        yield Located("$", lonely[0].line, [item.value for item in lonely])


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a line."""
    if isinstance(where.value, list):
        raise _lacking(where.value)
    request, result = where.value["batch_request"], where.value["batch_result"]
    name = identity(result) or ""
    if str(request.get("url") or "").endswith(_NO_CHAT):
        reader.pass_over("a request of no chat", where.value)
        return ()
    body = next(request[two] for _, two in _REQUESTS if isinstance(request.get(two), dict))
    asked, answered = where.child(".batch_request", body), where.child(".batch_result", None)
    answer, error = _answer(result)
    if error is not None:
        call, found = read_call(asked, answered.child("", ""), reader)
        # What a failure says beside its error is in the text of the error.
        reader.passed.append(result)
        call = replace(call, response=Response(error=error))
    else:
        call, found = read_call(asked, answered.child("", answer), reader)
    about: dict[str, Any] = {"said": [request, result], "labels": {"custom_id": name}, "format": NAME}
    if found is None or call.graded != "semantic":
        return (Conversation(where, calls=[call], api=None if found is None else found.api, **about),)
    return (replace(found, where=where, entries=_entries(found, call), model=call.model, **about),)


def _entries(found: Conversation, call: Call) -> Sequence[Entry]:
    messages = () if call.response.error else (message_of(call.response),)
    return (*found.entries, Entry(messages, call.response, call.at))


def _lacking(lines: Sequence[Any]) -> InputError:
    part = "requests" if part_of(lines[0]) == "results" else "results"
    more = f" and of {len(lines) - 1:,} more" if len(lines) > 1 else ""
    message = f"half of a batch: the {part} of {identity(lines[0])!r}{more} are not in these files, or are there twice"
    return InputError(message, hint="name the files of requests and of results in one import")


def _answer(result: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The answer of a result, or why there is none."""
    if result.get("error"):
        return None, _text(result["error"])
    ended = result.get("result")
    if isinstance(ended, dict):  # Anthropic
        if ended.get("type") == "succeeded":
            return ended.get("message"), None
        return None, _text(ended.get("error") or ended.get("type"))
    response = result.get("response")
    if not isinstance(response, dict):
        return None, "no response"
    status, body = response.get("status_code"), response.get("body")
    if type(status) is int and status >= 400:
        return None, _text(body)
    return (response if body is None and status is None else body), None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
