"""Answers of every API but chat completions are understood whole, plain and streamed alike."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate import wire
from runback_gate.step import Api, Usage
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError
from tests.wire.answers import EACH, FORMATS, Said

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
