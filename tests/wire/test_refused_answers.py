"""What is not understood of an answer is refused: parts, members, streams, whatever bytes and JSON come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.canonical import canonical_bytes
from runback_gate.errors import DocumentError
from runback_gate.step import Api, Response, to_json
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import DECIDING
from tests.wire.answers import EACH, FORMATS, REFUSED, Said, frame, responses, sse


@pytest.mark.parametrize(("api", "value"), REFUSED)
def test_what_is_not_understood(api: Api, value: Any) -> None:
    """Nothing is made of it."""
    with pytest.raises(NotUnderstoodError):
        wire.format_of(api).read_answer(value)


ERRORS: list[tuple[Api, Any]] = [
    ("anthropic.messages", {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
    ("bedrock.converse", {"message": "busy"}),
    ("google.generate", {"error": {"code": 503, "message": "busy"}}),
    ("openai.responses", {**responses(("", "x", [])), "error": {"code": "server_error", "message": "busy"}}),
]


@pytest.mark.parametrize(("api", "value"), ERRORS)
def test_an_error_is_no_answer(api: Api, value: Any) -> None:
    """Plain, with status 200."""
    with pytest.raises(ErrorAnswerError):
        wire.format_of(api).read_answer(value)


BROKEN: list[tuple[Api, bytes]] = [
    ("anthropic.messages", sse([{"type": "error", "error": {"type": "overloaded_error"}}])),
    ("anthropic.messages", sse([{"type": "later"}])),
    ("anthropic.messages", sse([{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}])),
    ("anthropic.messages", sse([{"type": "content_block_start", "index": -1, "content_block": {}}])),
    ("bedrock.converse", frame("throttlingException", {"message": "busy"}, "exception")),
    ("bedrock.converse", frame("later", {})),
    ("bedrock.converse", b"x" * 20),
    ("bedrock.converse", frame("messageStop", {"stopReason": "end_turn"})[:-1] + b"\0"),
    ("bedrock.converse", frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"later": "x"}})),
    ("google.generate", sse([{"error": {"code": 503}}])),
    ("google.generate", sse([{"candidates": [{"index": 1, "content": {}}]}])),
    ("openai.responses", sse([{"type": "error", "message": "busy"}])),
    ("openai.responses", sse([{"text": "x"}])),
]


@pytest.mark.parametrize(("api", "data"), BROKEN)
def test_a_stream_that_is_refused(api: Api, data: bytes) -> None:
    """An error, an event that nobody knows, or no stream of this API."""
    with pytest.raises((ErrorAnswerError, NotUnderstoodError)):
        wire.format_of(api).read_stream().feed(data)


@EACH
@given(data=st.binary(max_size=40) | st.binary(max_size=40).map(lambda data: b"data: " + data + b"\n\n"))
def test_any_bytes_are_a_stream_or_refused(api: Api, data: bytes) -> None:
    """Nothing else is raised."""
    stream = wire.format_of(api).read_stream()
    try:
        stream.feed(data)
        stream.body()
    except (CutError, DocumentError, ErrorAnswerError, NotUnderstoodError):
        return


NAMES = (
    "content parts candidates output message type text toolUse functionCall function_call name input args role status "
    "summary usage stop_reason id call_id thinking error"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*NAMES, "completed", "tool_use", "end_turn"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


@EACH
@given(value=JSON)
def test_any_json_is_an_answer_or_is_refused(api: Api, value: Any) -> None:
    """Nothing else is raised, and what is an answer can be stored."""
    nested = {"output": {"message": {"content": value}}} if api == "bedrock.converse" else {"content": value}
    candidates = {"candidates": [{"content": {"parts": value}}]}
    answers: list[Any] = [value, nested, candidates, {"output": value}]
    for answer in answers:
        try:
            read = wire.format_of(api).read_answer(answer)
        except (ErrorAnswerError, NotUnderstoodError):
            continue
        assert isinstance(read, Response)
        canonical_bytes(to_json(read))


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("bedrock.converse", ("output",)),
        ("bedrock.converse", ("output", "message")),
        ("google.generate", ("candidates", 0, "content")),
        ("openai.responses", ("output", 1)),
    ],
)
@pytest.mark.parametrize("field", ["tool_results", "function_call", "error", "refusal", "mystery"])
def test_an_unknown_member_is_refused(api: Api, path: tuple[str | int, ...], field: str) -> None:
    """Around the parts of an answer nothing is passed over that says something."""
    answer: Any = FORMATS[api][0](("", "Yes.", [("c1", "refund", {})]))
    holder = answer
    for step in path:
        holder = holder[step]
    holder[field] = "something else"
    with pytest.raises(NotUnderstoodError) as error:
        wire.format_of(api).read_answer(answer)
    assert error.value.place.endswith(f".{field}")


def chat(said: Said) -> dict[str, Any]:
    thought, text, calls = said
    functions = [(id_, {"name": name, "arguments": json.dumps(value)}) for id_, name, value in calls]
    message: dict[str, Any] = {"role": "assistant", "reasoning_content": thought}
    message["content"] = [{"type": "text", "text": text}]
    message["tool_calls"] = [{"id": id_, "type": "function", "function": inner} for id_, inner in functions]
    return {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def objects(value: Any, place: str = "$") -> list[tuple[str, dict[str, Any]]]:
    """The objects of an answer with their paths, save what a call is given and what was billed."""
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in objects(item, f"{place}[{index}]")]
    if not isinstance(value, dict):
        return []
    inner = {name: item for name, item in value.items() if name not in ("input", "args", "usage", "usageMetadata")}
    return [(place, value), *(found for name, item in inner.items() for found in objects(item, f"{place}.{name}"))]


READ = {
    ("openai.responses", "$", "text"),
    ("openai.responses", "$.output[0]", "content"),
    ("openai.chat", "$.choices[0].message", "refusal"),
}
"""Fields that are known where they stand: one repeats the request, the others are parts."""


@pytest.mark.parametrize("api", [*FORMATS, "openai.chat"])
@pytest.mark.parametrize("planted", ["something else", {"amount": 1}, [{"type": "text", "text": "No."}]])
def test_what_may_decide_stands_nowhere_unread(api: Api, planted: Any) -> None:
    """A field whose name may be a part of an answer, in any object of any API: read, or refused with its path."""
    make = chat if api == "openai.chat" else FORMATS[api][0]
    answer: Any = make(("Hm.", "Yes.", [("c1", "refund", {"id": 1})]))
    form, through = wire.format_of(api), []
    form.read_answer(answer)
    for place, holder in objects(answer):
        for name in sorted(DECIDING - holder.keys()):
            holder[name] = planted
            try:
                form.read_answer(answer)
                through.append((api, place, name))
            except (NotUnderstoodError, ErrorAnswerError):
                pass
            del holder[name]
    assert set(through) <= READ
