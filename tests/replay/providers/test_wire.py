"""The wire format: what goes out, what comes in, and what a refusal means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes
from runback_gate.errors import ProviderError
from runback_gate.replay.providers.wire import GarbageError, failure, read_answer, retry_after, to_body
from runback_gate.step import Message, Request, Response, Tool, ToolCall, Usage, to_json

CALL = ToolCall("call_9", "lookup", '{"id": 1}')


def test_a_conversation_with_tools() -> None:
    """Calls keep their argument text byte for byte; results name the call that they answer."""
    request = Request(
        model="p/m",
        messages=(
            Message("developer", "Rules."),
            Message("assistant", "", (CALL,)),
            Message("tool", "found", tool_call_id="call_9", name="lookup"),
            Message("tool", "", tool_call_id="call_8", error="timeout"),
            Message("assistant", "Done."),
        ),
        tools=(Tool("lookup", "Finds.", {"type": "object"}, strict=True),),
        parameters={"n": 1, "tool_choice": "auto"},
    )
    assert to_body(request, "m") == {
        "n": 1,
        "tool_choice": "auto",
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Rules."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_9", "type": "function", "function": {"name": "lookup", "arguments": '{"id": 1}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_9", "content": "found"},
            {"role": "tool", "tool_call_id": "call_8", "content": "timeout"},
            {"role": "assistant", "content": "Done."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup",
                    "description": "Finds.",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            }
        ],
    }


def test_ids_that_a_source_did_not_keep() -> None:
    """Results follow their calls in order, so the calls get ids and the results the same."""
    call = ToolCall("", "t", "{}")
    messages = (
        Message("assistant", "", (call, call)),
        Message("tool", "a"),
        Message("tool", "b"),
        Message("tool", "c"),
    )
    sent = to_body(Request(messages=messages), "m")["messages"]
    ids = [item["id"] for item in sent[0]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [item["tool_call_id"] for item in sent[1:]] == [*ids, "call_3"]


@pytest.mark.parametrize(("text", "asked"), [("[image]", False), ("See:\n[file]", False), ("an [image] tag", True)])
def test_what_was_not_recorded_is_not_asked(text: str, asked: bool) -> None:
    """Without its picture it is another question; text that only speaks of one goes out."""
    request = Request(messages=(Message("user", text),))
    if asked:
        assert to_body(request, "m")["messages"][0]["content"] == text
        return
    with pytest.raises(ProviderError) as error:
        to_body(request, "m")
    assert error.value.kind == "refused"


def test_an_answer_of_another_kind_of_server() -> None:
    """Content in parts, arguments as an object, counts that are no counts."""
    answer = read_answer(
        {
            "choices": [
                {
                    "message": {
                        "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
                        "tool_calls": [
                            {"function": {"name": "t", "arguments": {"x": 1.5, "y": "ü"}}},
                            {"id": "2", "function": {"name": "u"}},
                        ],
                    }
                }
            ],
            "usage": {"prompt_tokens": -1, "completion_tokens": True},
        }
    )
    calls = (ToolCall("", "t", '{"x":1.5,"y":"ü"}'), ToolCall("2", "u", ""))
    assert answer.response == Response("a\nb", calls, None, None, Usage())
    assert answer.fingerprint is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"choices": None},
        {"choices": [1]},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": [{"type": "image"}]}}]},
        {"choices": [{"message": {"tool_calls": {"a": 1}}}]},
        {"choices": [{"message": {"tool_calls": [1]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {}}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": ""}}]}}]},
    ],
)
def test_what_is_no_answer(value: Any) -> None:
    """Nothing is made of it."""
    with pytest.raises(GarbageError):
        read_answer(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name", "arguments", "usage"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_an_answer_or_garbage(value: Any) -> None:
    """Nothing else is raised, and what is an answer can be stored."""
    try:
        answer = read_answer(value)
    except GarbageError:
        return
    canonical_bytes(to_json(answer.response))


@given(st.integers(300, 599), st.binary(max_size=50), st.integers(200, 320), st.booleans())
def test_no_failure_shows_the_key(status: int, data: bytes, place: int, in_json: bool) -> None:
    """Not a part of it either, wherever it stands in the words of the provider, and whatever they are."""
    key = "KEYkeyKEYkeyKEYkey"
    words = "x" * place + key
    body = json.dumps({"error": {"message": words, "code": "c"}}).encode() if in_json else data + words.encode()
    error = failure("p", status, body, {}, secret=key)
    assert "KEY" not in str(error)
    assert len(error.message) < 330


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "today"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds, or a date held against the server's own clock; anything else is not said."""
    assert retry_after(headers) == seconds


def test_only_some_failures_name_a_time() -> None:
    """A 400 is not asked again, so its Retry-After says nothing."""
    headers = {"retry-after": "7"}
    assert failure("p", 429, b"", headers).retry_after == 7.0
    assert failure("p", 503, b"", headers).retry_after == 7.0
    assert failure("p", 400, b"", headers).retry_after is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"error": {"code": "a", "type": "b", "message": "c"}}', "a: b: c"),
        (b'{"error": {"code": 5, "message": "c"}}', "5: c"),
        (b'{"message": "c"}', "c"),
        (b'{"error": {}}', '{"error": {}}'),
        (b"[1]", "[1]"),
        (b"plain\n\twords \xff", "plain words \ufffd"),
        (b"x" * 1000, "x" * 300),
    ],
)
def test_the_words_of_a_failure(data: bytes, words: str) -> None:
    """On one line, cut."""
    assert str(failure("p", 400, data, {})) == f"p: HTTP 400: {words}"
