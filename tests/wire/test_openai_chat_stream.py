"""Streamed completions: cut anywhere, they are the same answer as a plain one, or the same refusal."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import DocumentError
from runback_gate.step import ToolCall
from runback_gate.testing.server import completion, events
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from runback_gate.wire.openai_chat import read_answer
from runback_gate.wire.openai_chat_stream import OpenaiChatStream

CALLS = [ToolCall("call_1", "a", '{"x": "ä"}'), ToolCall("call_2", "b", "")]


def read(*pieces: bytes) -> OpenaiChatStream:
    """A stream that got these."""
    stream = OpenaiChatStream()
    for piece in pieces:
        stream.feed(piece)
    return stream


def streamed(*deltas: dict[str, Any], finish: str | None = "stop") -> bytes:
    """A stream of these deltas."""
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    return b"".join(b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode() for choice in choices)


@given(
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 2000), max_size=20),
    st.booleans(),
)
def test_cuts_do_not_matter(text: str, end: str, cuts: list[int], calls: bool) -> None:
    """Whatever the pieces and the line ends, the answer is that of a plain call."""
    answer = completion(text, CALLS if calls else ())
    data = b": a comment\n\n" + events(answer).replace(b"\n", end.encode())
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    stream = read(*(data[first:last] for first, last in itertools.pairwise(places)))
    if end == "\r":
        stream.feed(b"\n")
    assert stream.done
    assert read_answer(stream.body()) == read_answer(answer)


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXT
        | st.lists(
            st.builds(lambda text: {"type": "text", "text": text}, TEXT)
            | st.builds(lambda text: {"type": "thinking", "thinking": [{"type": "text", "text": text}]}, TEXT)
            | st.just({"type": "video"}),
            min_size=1,
            max_size=3,
        ),
        "refusal": TEXT,
        "reasoning_content": TEXT,
        "reasoning": TEXT,
        "actions": st.sampled_from([[], [{"name": "x"}]]),
        "tool_calls": st.lists(
            st.builds(
                lambda number, name, arguments: {
                    "id": number,
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                },
                st.uuids().map(str),
                st.sampled_from(["a", "b", ""]),
                TEXT | st.just({"x": 1}) | st.just('{"x": 1}'),
            ),
            max_size=3,
        ),
        "function_call": st.just({"name": "f", "arguments": "{}"}),
    },
)
FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error", "whatever", None])


def cut(message: dict[str, Any], numbers: str, sizes: list[int]) -> list[dict[str, Any]]:
    """A message as the deltas of a server that numbers its calls in one of four ways."""
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    steps = itertools.cycle(sizes)

    def pieces(text: str) -> list[str]:
        found = []
        while text:
            size = next(steps)
            found.append(text[:size])
            text = text[size:]
        return found

    for name, value in message.items():
        if name == "tool_calls":
            for index, call in enumerate(value):
                places: dict[str, dict[str, Any]] = {"own": {"index": index}, "zero": {"index": 0}, "none": {}}
                place = places.get(numbers, {"index": None})
                arguments = call["function"]["arguments"]
                whole = [arguments] if isinstance(arguments, dict) else ["", *pieces(arguments)]
                first = {**call, **place, "function": {**call["function"], "arguments": whole[0]}}
                deltas.append({"tool_calls": [first]})
                deltas += [{"tool_calls": [{**place, "function": {"arguments": more}}]} for more in whole[1:]]
        elif isinstance(value, str):
            deltas += [{name: piece} for piece in pieces(value)]
        else:
            deltas.append({name: value})
    return deltas


@given(MESSAGES, FINISH, st.sampled_from(["own", "zero", "null", "none"]), st.lists(st.integers(1, 5), min_size=1))
def test_plain_and_streamed_answers_are_one(
    message: dict[str, Any], finish: str | None, numbers: str, sizes: list[int]
) -> None:
    """Any answer in any pieces, from any kind of server: the same answer, or a refusal of both."""
    plain: Any
    try:
        plain = read_answer({"choices": [{"index": 0, "message": message, "finish_reason": finish}]})
    except (NotUnderstoodError, ErrorAnswerError) as error:
        plain = type(error)
    try:
        stream = read(streamed(*cut(message, numbers, sizes), finish=finish), b"data: [DONE]\n\n")
        assert read_answer(stream.body()) == plain
    except (NotUnderstoodError, ErrorAnswerError) as error:
        assert type(error) is plain


def test_bytes_one_by_one() -> None:
    """The slowest of streams."""
    answer = completion("slow", CALLS)
    assert read_answer(read(*(bytes([byte]) for byte in events(answer))).body()) == read_answer(answer)


def test_a_finish_reason_is_an_end() -> None:
    """Some servers send no [DONE]."""
    data = events(completion("hi")).replace(b"data: [DONE]\n\n", b"")
    assert read_answer(read(data).body()).text == "hi"


@pytest.mark.parametrize("keep", range(5))
def test_a_cut_stream_is_no_answer(keep: int) -> None:
    """Half of an answer could mean its opposite."""
    whole = events(completion("do not refund")).split(b"\n\n")
    with pytest.raises(CutError):
        read(b"".join(part + b"\n\n" for part in whole[:3]), whole[3][: 10 * keep]).body()


def test_nothing_is_read_after_the_end() -> None:
    """What comes after [DONE] is not looked at."""
    stream = read(events(completion("hi")), b"data: garbage\n\n")
    assert read_answer(stream.body()).text == "hi"


def piece(name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    """A delta with a piece of a call."""
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{**more, "function": {key: item for key, item in function.items() if item is not None}}]}


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([piece("a", "{}", index=0), piece("b", "{}", index=0)], [("a", "{}"), ("b", "{}")]),
        ([piece("a", index=0), piece("a", '{"x"', index=0), piece("a", ":1}", index=0)], [("a", '{"x":1}')]),
        ([piece("a", '{"x"', index=0, id="1"), piece("a", ":1}", index=0, id="1")], [("a", '{"x":1}')]),
        ([piece("a", "{}", id="1"), piece("a", "{}", id="2")], [("a", "{}"), ("a", "{}")]),
        ([{"tool_calls": [piece("a")["tool_calls"][0], piece("a")["tool_calls"][0]]}], [("a", ""), ("a", "")]),
        ([piece("b", "{}", index=1, id="2"), piece("a", "{}", index=0, id="1")], [("a", "{}"), ("b", "{}")]),
    ],
)
def test_which_piece_belongs_to_which_call(deltas: list[dict[str, Any]], calls: list[tuple[str, str]]) -> None:
    """By index, by id, or by the name that comes again."""
    answer = read_answer(read(streamed(*deltas)).body())
    assert [(call.name, call.arguments) for call in answer.tool_calls] == calls


@pytest.mark.parametrize(
    "deltas",
    [
        [piece("a", "{}", index=0), piece("a", "{}", index=0)],
        [piece("a", '{"x"', index=0), piece("b", "{}", index=0)],
        [piece(None, "{}", index=0)],
        [piece("a", {"x": 1}, index=0), piece(None, "{}", index=0)],
        [piece("a", '{"x"', index=0), piece("a", '{"x":1}', index=0)],
    ],
)
def test_a_piece_that_could_belong_to_two_calls(deltas: list[dict[str, Any]]) -> None:
    """It is not guessed."""
    with pytest.raises(NotUnderstoodError):
        read(streamed(*deltas)).body()


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"tool_calls": 5}},
        {"delta": {"tool_calls": [5]}},
        {"delta": {"tool_calls": [{"index": "a"}]}},
        {"delta": {"tool_calls": [{"index": -1}]}},
        {"delta": {"tool_calls": [{"index": 99999}]}},
        {"delta": {"tool_calls": [{"index": True}]}},
        {"delta": {"tool_calls": [{"function": 5}]}},
        {"delta": {"content": 5}},
        {"delta": 5},
        {"delta": {"content": "a"}, "message": {"content": "b"}},
        {"index": 1, "delta": {"content": "another"}},
        5,
    ],
)
def test_what_is_no_piece(choice: Any) -> None:
    """It is refused, not passed over."""
    with pytest.raises(NotUnderstoodError):
        read(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")


@pytest.mark.parametrize("line", [b"{", b"[]"])
def test_what_is_no_event(line: bytes) -> None:
    """It is refused, not passed over."""
    with pytest.raises((NotUnderstoodError, DocumentError)):
        read(b"data: " + line + b"\n\n")


def test_a_message_in_the_place_of_a_delta() -> None:
    """Some servers stream nothing and say so in an event."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    assert read_answer(read(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n").body()).text == "hi"


@pytest.mark.parametrize("event", [{"error": {"message": "busy"}}, {"choices": [{"error": {"message": "busy"}}]}])
def test_an_error_in_the_stream(event: Any) -> None:
    """It is kept as it came."""
    with pytest.raises(ErrorAnswerError) as error:
        read(b"data: " + json.dumps(event).encode() + b"\n\n")
    assert error.value.error == {"message": "busy"}
