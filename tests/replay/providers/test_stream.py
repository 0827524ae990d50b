"""Streams: cut anywhere, they are the same answer."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.replay.providers.stream import CutError, Stream, StreamError
from runback_gate.replay.providers.wire import GarbageError, read_answer
from runback_gate.step import ToolCall
from runback_gate.testing.server import completion, events

CALLS = [ToolCall("call_1", "a", '{"x": "ä"}'), ToolCall("call_2", "b", "")]


def read(*pieces: bytes) -> Stream:
    """A stream that got these."""
    stream = Stream()
    for piece in pieces:
        stream.feed(piece)
    return stream


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
    assert read_answer(stream.completion()) == read_answer(answer)


def test_bytes_one_by_one() -> None:
    """The slowest of streams."""
    answer = completion("slow", CALLS)
    assert read_answer(read(*(bytes([byte]) for byte in events(answer))).completion()) == read_answer(answer)


def test_a_finish_reason_is_an_end() -> None:
    """Some servers send no [DONE]."""
    data = events(completion("hi")).replace(b"data: [DONE]\n\n", b"")
    assert read_answer(read(data).completion()).response.text == "hi"


@pytest.mark.parametrize("keep", range(5))
def test_a_cut_stream_is_no_answer(keep: int) -> None:
    """Half of an answer could mean its opposite."""
    whole = events(completion("do not refund")).split(b"\n\n")
    with pytest.raises(CutError):
        read(b"".join(part + b"\n\n" for part in whole[:3]), whole[3][: 10 * keep]).completion()


def test_nothing_is_read_after_the_end() -> None:
    """What comes after [DONE] is not looked at."""
    stream = read(events(completion("hi")), b"data: garbage\n\n")
    assert read_answer(stream.completion()).response.text == "hi"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"choices": [{"delta": {"tool_calls": 5}}]}',
        b'{"choices": [{"delta": {"tool_calls": [5]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": "a"}]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": -1}]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": 99999}]}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"function": 5}]}}]}',
    ],
)
def test_what_is_no_event(line: bytes) -> None:
    """It is garbage, not passed over."""
    with pytest.raises(GarbageError):
        read(b"data: " + line + b"\n\n")


def test_odd_but_harmless_events() -> None:
    """Other fields, other choices, a delta that is none, arguments that are no text."""
    stream = read(
        b"event: message\nid: 1\n\n",
        b'data: {"choices": []}\n\n',
        b'data: {"choices": [5]}\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        b'data: {"choices": [{"delta": {"content": 5, "tool_calls": [{"id": "1", "function": {"name": "t"}}]}}]}\n\n',
        b"data: [DONE]\n\n",
    )
    assert read_answer(stream.completion()).response.tool_calls == (ToolCall("1", "t", ""),)


def test_an_error_in_the_stream() -> None:
    """It is kept as it came."""
    with pytest.raises(StreamError) as error:
        read(b'data: {"error": {"message": "busy"}}\n\n')
    assert error.value.data == b'{"error": {"message": "busy"}}'
