"""Answers of every API but chat completions: understood whole, plain and streamed alike, or refused."""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.canonical import canonical_bytes
from runback_gate.errors import DocumentError
from runback_gate.step import Api, Response, Usage, to_json
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.fields import DECIDING

Said = tuple[str, str, list[tuple[str, str, Any]]]
"""What an answer says: its thought, its text, and its calls by id, name and arguments."""


def anthropic(said: Said, stop: str = "end_turn") -> dict[str, Any]:
    thought, text, calls = said
    content: list[Any] = [{"type": "thinking", "thinking": thought, "signature": "sig"}] if thought else []
    content += [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": id_, "name": name, "input": value} for id_, name, value in calls]
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 5, "output_tokens": 6}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "stop_sequence": None}
    return {**message, "content": content, "stop_reason": "tool_use" if calls else stop, "usage": usage}


def sse(events: list[Any]) -> bytes:
    return b"".join(b"event: x\ndata: %s\n\n" % json.dumps(event).encode() for event in events)


def anthropic_stream(answer: dict[str, Any], size: int) -> bytes:
    usage = answer["usage"]
    start = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(answer["content"]):
        empty = {**block, **{name: "" for name in ("text", "thinking", "signature") if name in block}}
        empty = {**empty, "input": {}} if "input" in block else empty
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        fields = [("text", "text_delta", "text"), ("thinking", "thinking_delta", "thinking")]
        fields += [("signature", "signature_delta", "signature"), ("input", "input_json_delta", "partial_json")]
        for field, kind, name in fields:
            whole = json.dumps(block[field]) if field == "input" and field in block else block.get(field, "")
            for piece in pieces(whole, size):
                events.append({"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
    return sse([*events, {"type": "message_stop"}])


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def bedrock(said: Said, stop: str = "end_turn") -> dict[str, Any]:
    thought, text, calls = said
    words = {"text": thought, "signature": "sig"}
    content: list[Any] = [{"reasoningContent": {"reasoningText": words}}] if thought else []
    content += [{"text": text}] if text else []
    content += [{"toolUse": {"toolUseId": id_, "name": name, "input": value}} for id_, name, value in calls]
    usage = {"inputTokens": 12, "outputTokens": 6, "totalTokens": 18}
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": "tool_use" if calls else stop, "usage": usage}


def frame(name: str, payload: Any, kind: str = "event") -> bytes:
    """A message of an event stream."""
    headers = b""
    for key, value in ((":message-type", kind), (f":{kind}-type", name), (":content-type", "application/json")):
        headers += bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
    data = json.dumps(payload).encode()
    head = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    whole = head + struct.pack(">I", zlib.crc32(head)) + headers + data
    return whole + struct.pack(">I", zlib.crc32(whole))


def bedrock_stream(answer: dict[str, Any], size: int) -> bytes:
    events: list[tuple[str, Any]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(answer["output"]["message"]["content"]):
        deltas: list[Any] = [{"text": piece} for piece in pieces(block.get("text", ""), size)]
        if "toolUse" in block:
            start = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": start}}))
            text = json.dumps(block["toolUse"]["input"])
            deltas = [{"toolUse": {"input": piece}} for piece in pieces(text, size)]
        if "reasoningContent" in block:
            words = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(words["text"], size)]
            deltas.append({"reasoningContent": {"signature": words["signature"]}})
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    events.append(("messageStop", {"stopReason": answer["stopReason"]}))
    events.append(("metadata", {"usage": answer["usage"]}))
    return b"".join(frame(*event) for event in events)


def google(said: Said, stop: str = "STOP") -> dict[str, Any]:
    thought, text, calls = said
    parts: list[Any] = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text}] if text else []
    parts += [{"functionCall": {"id": id_, "name": name, "args": value}} for id_, name, value in calls]
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 2, "thoughtsTokenCount": 4, "totalTokenCount": 18}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": stop, "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g"}


def google_stream(answer: dict[str, Any], size: int) -> bytes:
    candidate = answer["candidates"][0]
    events = []
    for part in candidate["content"]["parts"]:
        cut = [{**part, "text": piece} for piece in pieces(part["text"], size)] if "text" in part else [part]
        events += [{"candidates": [{"content": {"parts": [piece]}, "index": 0}]} for piece in cut]
    last = {**candidate, "content": {"parts": [{"text": ""}]}}
    return sse([*events, {**answer, "candidates": [last]}])


def responses(said: Said, stop: str = "completed") -> dict[str, Any]:
    thought, text, calls = said
    summary = [{"type": "summary_text", "text": thought}]
    output: list[Any] = [{"type": "reasoning", "id": "rs", "summary": summary}] if thought else []
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [part]}
    output += [message] if text else []
    output += [
        {"type": "function_call", "id": "fc", "call_id": id_, "name": name, "arguments": json.dumps(value)}
        for id_, name, value in calls
    ]
    details = {"output_tokens_details": {"reasoning_tokens": 4}}
    usage = {"input_tokens": 12, "output_tokens": 6, "total_tokens": 18, **details}
    return {"id": "r", "object": "response", "model": "o", "status": stop, "output": output, "usage": usage}


def responses_stream(answer: dict[str, Any], size: int) -> bytes:
    events: list[Any] = [{"type": "response.created", "response": {**answer, "output": [], "status": "in_progress"}}]
    for index, item in enumerate(answer["output"]):
        events.append({"type": "response.output_text.delta", "output_index": index, "delta": "x" * size})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    # Some servers leave out what they told before.
    last = answer if size % 2 else {**answer, "output": []}
    return sse([*events, {"type": "response.completed", "response": last}])


Make = Callable[..., dict[str, Any]]
Cut = Callable[[dict[str, Any], int], bytes]
FORMATS: dict[Api, tuple[Make, Cut]] = {
    "anthropic.messages": (anthropic, anthropic_stream),
    "bedrock.converse": (bedrock, bedrock_stream),
    "google.generate": (google, google_stream),
    "openai.responses": (responses, responses_stream),
}
EACH = pytest.mark.parametrize("api", FORMATS)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SAID = st.tuples(
    TEXT, TEXT, st.lists(st.tuples(st.uuids().map(str), st.sampled_from("ab"), st.just({"x": [1.5, "ü"]})), max_size=2)
)


@EACH
def test_what_an_answer_says(api: Api) -> None:
    """Thought, text, calls, why it ended, and what was billed."""
    said: Said = ("Hm.", "Yes.", [("c1", "lookup", {"id": 1}), ("c2", "refund", {})])
    answer = wire.format_of(api).read_answer(FORMATS[api][0](said))
    assert (answer.reasoning, answer.text, answer.finish_reason) == ("Hm.", "Yes.", "tool_calls")
    assert [(call.id, call.name, json.loads(call.arguments)) for call in answer.tool_calls] == said[2]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 6)


@EACH
def test_a_plain_text_has_no_parts(api: Api) -> None:
    """It is the same answer from every API."""
    answer = wire.format_of(api).read_answer(FORMATS[api][0](("", "Yes.", [])))
    assert (answer.text, answer.parts, answer.finish_reason) == ("Yes.", (), "stop")


@EACH
@given(said=SAID, size=st.integers(1, 5), cuts=st.lists(st.integers(0, 5000), max_size=20))
def test_plain_and_streamed_answers_are_one(api: Api, said: Said, size: int, cuts: list[int]) -> None:
    """Any answer in any pieces, cut anywhere."""
    form, (make, cut) = wire.format_of(api), FORMATS[api]
    answer = make(said)
    data = cut(answer, size)
    stream = form.read_stream()
    places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    for first, last in itertools.pairwise(places):
        stream.feed(data[first:last])
    assert form.read_answer(stream.body()) == form.read_answer(answer)


@EACH
@given(said=SAID.filter(lambda said: any(said)), share=st.floats(0, 0.99))
def test_a_cut_stream_is_no_answer(api: Api, said: Said, share: float) -> None:
    """Half of an answer could mean its opposite: it is the whole answer, or none."""
    form, (make, cut) = wire.format_of(api), FORMATS[api]
    answer = make(said)
    data = cut(answer, 3)
    stream = form.read_stream()
    stream.feed(data[: int(len(data) * share)])
    try:
        read = form.read_answer(stream.body())
    except (CutError, NotUnderstoodError):
        return
    whole = form.read_answer(answer)
    assert (read.text, read.tool_calls, read.parts) == (whole.text, whole.tool_calls, whole.parts)


STOPS: list[tuple[Api, str, Any]] = [
    ("anthropic.messages", "max_tokens", "length"),
    ("anthropic.messages", "pause_turn", "length"),
    ("anthropic.messages", "refusal", "content_filter"),
    ("anthropic.messages", "later", NotUnderstoodError),
    ("bedrock.converse", "max_tokens", "length"),
    ("bedrock.converse", "guardrail_intervened", "content_filter"),
    ("bedrock.converse", "malformed_tool_use", ErrorAnswerError),
    ("bedrock.converse", "later", NotUnderstoodError),
    ("google.generate", "MAX_TOKENS", "length"),
    ("google.generate", "SAFETY", "content_filter"),
    ("google.generate", "MALFORMED_FUNCTION_CALL", ErrorAnswerError),
    ("google.generate", "LATER", NotUnderstoodError),
    ("openai.responses", "failed", ErrorAnswerError),
    ("openai.responses", "in_progress", NotUnderstoodError),
    ("openai.responses", "incomplete", NotUnderstoodError),
]


@pytest.mark.parametrize(("api", "stop", "expected"), STOPS)
def test_why_an_answer_ended(api: Api, stop: str, expected: Any) -> None:
    """A reason that is known has one name for all; a failure is none, and another is not understood."""
    form, value = wire.format_of(api), FORMATS[api][0](("", "Yes.", []), stop)
    if isinstance(expected, str):
        assert form.read_answer(value).finish_reason == expected
        return
    with pytest.raises(expected):
        form.read_answer(value)


REFUSED: list[tuple[Api, Any]] = [
    ("anthropic.messages", {**anthropic(("", "", [])), "content": [{"type": "later", "text": "x"}]}),
    ("anthropic.messages", {**anthropic(("", "x", [])), "stop_reason": "tool_use"}),
    ("anthropic.messages", {**anthropic(("", "x", [])), "actions": [1]}),
    ("anthropic.messages", {"content": "text"}),
    ("bedrock.converse", {**bedrock(("", "", [])), "output": {"message": {"content": [{"later": {"text": "x"}}]}}}),
    ("bedrock.converse", {**bedrock(("", "x", [])), "stopReason": "tool_use"}),
    ("bedrock.converse", {"stopReason": "end_turn"}),
    ("google.generate", {"candidates": []}),
    ("google.generate", {"candidates": [*google(("", "x", []))["candidates"] * 2]}),
    ("google.generate", {"candidates": [{"content": {"parts": [{"later": {"text": "x"}}]}}]}),
    ("google.generate", {"candidates": [{"content": {"parts": [{"functionCall": {"name": ""}}]}}]}),
    ("openai.responses", {**responses(("", "", [])), "output": [{"type": "later", "text": "x"}]}),
    ("openai.responses", {"status": "completed"}),
    (
        "openai.responses",
        {**responses(("", "", [])), "output": [{"type": "message", "content": [{"type": "later", "text": "x"}]}]},
    ),
]


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
    ("api", "usage", "expected"),
    [
        ("anthropic.messages", {"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ("bedrock.converse", {"inputTokens": 3, "outputTokens": 4, "totalTokens": 9}, Usage(None, 4)),
        (
            "bedrock.converse",
            {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": 2, "totalTokens": 9},
            Usage(5, 4, None, 2),
        ),
        (
            "bedrock.converse",
            {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": 2, "totalTokens": 7},
            Usage(3, 4, None, 2),
        ),
        ("google.generate", {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 9}, Usage(3, None)),
        ("google.generate", {"promptTokenCount": 3, "totalTokenCount": 3}, Usage(3, None)),
        ("openai.responses", {"input_tokens": 3, "output_tokens": 4, "total_tokens": 9}, Usage(3, None)),
    ],
)
def test_counts_that_agree(api: Api, usage: dict[str, int], expected: Usage) -> None:
    """Each API counts in its own way; where the total says otherwise, nobody knows what is billed."""
    value: Any = FORMATS[api][0](("", "x", []))
    value["usageMetadata" if api == "google.generate" else "usage"] = usage
    assert wire.format_of(api).read_answer(value).usage == expected


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
