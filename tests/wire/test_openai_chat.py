"""Chat completions: every body comes back as it was, and an answer is understood whole or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.canonical import canonical_bytes
from runback_gate.step import Message, Part, Request, Response, Tool, ToolCall, Usage, from_json, to_json
from runback_gate.testing.server import completion
from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.openai_chat import read_answer, read_request, write_request
from runback_gate.wire.remembered import MAX_MESSAGE
from runback_gate.wire.turns import named

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
    assert write_request(request, "m") == {
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
    sent = write_request(Request(messages=messages), "m")["messages"]
    ids = [item["id"] for item in sent[0]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [item["tool_call_id"] for item in sent[1:]] == [*ids, "call_3"]


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
VALUE = st.none() | st.booleans() | st.integers(0, 9) | TEXT | st.just({"a": [1.5, {"b": None}]})


def record(needed: dict[str, st.SearchStrategy[Any]], maybe: dict[str, st.SearchStrategy[Any]]) -> Any:
    """An object with these fields, and perhaps with one that nobody knows."""
    return st.fixed_dictionaries(needed, optional={**maybe, "later_field": VALUE})


PART = st.one_of(
    record({"type": st.just("text"), "text": TEXT}, {"cache_control": st.just({"type": "ephemeral"})}),
    record(
        {
            "type": st.just("image_url"),
            "image_url": record(
                {"url": st.sampled_from(["https://x/y.png", "data:image/png;base64,QUJD", "data:,x"])},
                {"detail": st.sampled_from(["low", None])},
            ),
        },
        {},
    ),
    record({"type": st.just("input_audio"), "input_audio": record({"data": st.just("QUJD")}, {"format": TEXT})}, {}),
    record({"type": st.just("file"), "file": record({}, {"file_id": TEXT, "file_data": TEXT, "filename": TEXT})}, {}),
    record({"type": st.just("refusal"), "refusal": TEXT}, {}),
    record({"type": st.just("thinking"), "thinking": TEXT | st.just([{"type": "text", "text": "hm"}])}, {}),
    record({"type": st.sampled_from(["video_url", "tool_reference"])}, {"video_url": VALUE}),
)
CONTENT = st.none() | TEXT | st.lists(PART, max_size=3)
FUNCTION = record({"name": TEXT}, {"arguments": st.none() | TEXT | st.just({"a": 1})})
CALLS = st.lists(
    record({"function": FUNCTION}, {"id": TEXT | st.none(), "type": st.just("function"), "index": st.integers(0, 3)})
    | record({"type": st.just("custom"), "custom": record({"name": TEXT, "input": TEXT}, {})}, {"id": TEXT}),
    max_size=2,
)
MESSAGE = st.one_of(
    record({"role": st.sampled_from(["system", "developer", "user"])}, {"content": CONTENT, "name": TEXT | st.none()}),
    record(
        {"role": st.just("assistant")},
        {
            "content": CONTENT,
            "tool_calls": st.none() | CALLS,
            "function_call": st.none() | FUNCTION,
            "refusal": st.none() | TEXT,
            "reasoning_content": st.none() | TEXT,
            "reasoning": st.none() | TEXT,
            "audio": st.none() | st.just({"id": "a"}),
        },
    ),
    record(
        {"role": st.sampled_from(["tool", "function"])},
        {"content": CONTENT, "tool_call_id": TEXT | st.none(), "name": TEXT | st.none()},
    ),
)
TOOL = st.one_of(
    record(
        {"type": st.just("function"), "function": record({"name": TEXT}, {"description": TEXT, "strict": VALUE})}, {}
    ),
    record({"type": st.just("function"), "function": record({"name": TEXT, "parameters": VALUE}, {})}, {}),
    record({"type": st.just("custom"), "custom": record({"name": TEXT}, {})}, {}),
)
BODY = record(
    {"model": TEXT, "messages": st.lists(MESSAGE, max_size=4)},
    {
        "tools": st.none() | st.lists(TOOL, max_size=2),
        "temperature": VALUE,
        "tool_choice": VALUE,
        "stream": st.booleans(),
        "functions": VALUE,
    },
)


@given(BODY)
def test_every_body_comes_back_as_it_was(body: Any) -> None:
    """Whatever a client may send: as canonical JSON nothing is lost, also when the request was stored in between."""
    request = read_request(body)
    stored = from_json(Request, to_json(request), "request")
    assert wire.grade(body, write_request(stored, body["model"] or None)) == ("exact", ())


def test_what_a_request_says() -> None:
    """Speakers, reasoning, signatures and instructions stand where the package looks for them."""
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}, "extra_content": {"sig": "x"}}
    body: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Rules."},
            {"role": "user", "name": "alice", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": None, "reasoning_content": "Hm.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ],
        "seed": 7,
        "tool_choice": "auto",
    }
    request = read_request(body)
    asked, thought, result = request.messages
    assert (request.system, request.parameters, request.extra) == ("Rules.", {"seed": 7}, {"tool_choice": "auto"})
    assert (asked.name, asked.content) == ("alice", "Hi")
    assert [(part.kind, part.text) for part in thought.parts] == [("reasoning", "Hm.")]
    assert thought.tool_calls[0].extra == {"extra_content": {"sig": "x"}}
    assert result.name == "t"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "$"),
        ({}, "$.messages"),
        ({"messages": [{"content": "x"}]}, "$.messages[0].role"),
        ({"messages": [{"role": "critic", "content": "x"}]}, "$.messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "$.messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "$.messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "$.messages[0].tool_calls[0].function"),
        ({"messages": [], "tools": 5}, "$.tools"),
    ],
)
def test_what_is_no_request(body: Any, place: str) -> None:
    """It is refused with the place."""
    with pytest.raises(NotUnderstoodError) as error:
        read_request(body)
    assert error.value.place == place


def changed(**more: Any) -> dict[str, Any]:
    """A completion whose message has more fields."""
    answer = completion("hi")
    answer["choices"][0]["message"] |= more
    return answer


def test_an_answer_of_another_kind_of_server() -> None:
    """Content in parts, arguments as an object, counts that are no counts."""
    calls = [
        {"function": {"name": "t", "arguments": {"x": 1.5, "y": "ü"}}},
        {"id": "2", "function": {"name": "u"}, "extra_content": {"sig": "s"}},
    ]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": ""}, {"type": "refusal", "refusal": "b"}]
    usage = {"prompt_tokens": -1, "completion_tokens": True}
    value: Any = {"choices": [{"message": {"content": parts, "tool_calls": calls}}], "usage": usage}
    answer = read_answer(value)
    made = (ToolCall("", "t", '{"x":1.5,"y":"ü"}'), ToolCall("2", "u", "", {"extra_content": {"sig": "s"}}))
    assert answer == Response("a", made, parts=(Part("text", "a"), Part("refusal", "b")))
    assert answer.refusal == "b"


def test_reasoning_is_no_text() -> None:
    """Neither in a part nor in a field of its own."""
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Yes."}]
    for answer in (read_answer(changed(content=parts)), read_answer(changed(content="Yes.", reasoning="hm"))):
        assert (answer.text, answer.reasoning) == ("Yes.", "hm")


def test_a_call_in_the_legacy_field() -> None:
    """It is a call like any other."""
    answer = completion(None, finish_reason="function_call")
    answer["choices"][0]["message"]["function_call"] = {"name": "t", "arguments": "{}"}
    read = read_answer(answer)
    assert (read.tool_calls, read.finish_reason) == ((ToolCall("", "t", "{}"),), "tool_calls")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [1]},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": [{"type": "image"}]}}]},
        {"choices": [{"message": {"tool_calls": {"a": 1}}}]},
        {"choices": [{"message": {"tool_calls": [1]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {}}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": ""}}]}}]},
        {"choices": [{"message": {"content": "hi"}, "text": "ho"}]},
        {"choices": [{"message": {"content": "hi"}}, {"message": {"content": "ho"}}]},
        changed(actions=[{"name": "refund"}]),
        changed(function_call={"name": "t"}, tool_calls=[{"function": {"name": "t"}}]),
        completion("I will refund.", finish_reason="tool_calls"),
        completion("", finish_reason="function_call_filter: MALFORMED_FUNCTION_CALL"),
        {**completion("hi"), "output": [{"type": "function_call"}]},
    ],
)
def test_what_is_not_understood(value: Any) -> None:
    """Nothing is made of it: not of the part that is known either."""
    with pytest.raises(NotUnderstoodError):
        read_answer(value)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_a_finish_reason_that_means_failure(reason: str) -> None:
    """It is no answer."""
    with pytest.raises(ErrorAnswerError):
        read_answer(completion("hi", finish_reason=reason))


@pytest.mark.parametrize("place", ["top", "choice"])
def test_an_error_beside_an_answer(place: str) -> None:
    """It is an error, whatever stands beside it."""
    answer = completion("hi")
    (answer if place == "top" else answer["choices"][0])["error"] = {"code": 502}
    with pytest.raises(ErrorAnswerError) as error:
        read_answer(answer)
    assert error.value.error == {"code": 502}


@pytest.mark.parametrize(
    ("usage", "generated"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}, 9),
        ({"prompt_tokens": 3, "completion_tokens": 9}, 9),
        ({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12, "reasoning": 4}, 9),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 1035, "reasoning": 994}, 1003),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 1000, "reasoning": 994}, None),
        ({"prompt_tokens": 32, "completion_tokens": 9, "reasoning": 994}, None),
        ({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 99}, None),
        ({"prompt_tokens": 32, "total_tokens": 99}, None),
    ],
)
def test_what_was_generated(usage: dict[str, int], generated: int | None) -> None:
    """Reasoning counts once, inside or beside, as the total says; what fits neither way is unknown."""
    thought = usage.pop("reasoning", None)
    details: dict[str, Any] = {} if thought is None else {"completion_tokens_details": {"reasoning_tokens": thought}}
    read = read_answer({**completion("hi"), "usage": {**usage, **details}})
    assert read.usage == Usage(usage["prompt_tokens"], generated, thought)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices message content tool_calls function name arguments usage audio images error text type".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_an_answer_or_is_refused(value: Any) -> None:
    """Nothing else is raised, and what is an answer can be stored."""
    values: list[Any] = [value, {"choices": [{"message": value}]}]
    for at in values:
        try:
            answer = read_answer(at)
        except (NotUnderstoodError, ErrorAnswerError):
            continue
        canonical_bytes(json.loads(json.dumps(to_json(answer))))


def test_a_result_gets_the_name_of_its_tool_once_where_it_is_small() -> None:
    """A message that each body repeats stays one object; of a large one, or one with parts, nothing is held."""
    asked = Message("assistant", "", (ToolCall("c", "look", "{}"),))
    small, large = Message("tool", "ok", (), "c"), Message("tool", "x" * (MAX_MESSAGE + 1), (), "c")
    parts = Message("tool", parts=(Part("image", data="x" * (MAX_MESSAGE + 1)),), tool_call_id="c")
    for message, once in ((small, True), (large, False), (parts, False)):
        first, second = (named([asked, message])[1] for _ in range(2))
        assert (first, first.name) == (second, "look")
        assert (first is second) == once
