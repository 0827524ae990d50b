"""Transcripts to runs: every shape, nothing invented, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.capture.formats import Defaults, Transcripts, read_transcripts
from runback_gate.errors import RunbackError
from runback_gate.policy.history import history
from runback_gate.step import Run, Tool

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"order": "A"}'}}
CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "name": "look", "content": '{"charge": 3}'},
    {"role": "assistant", "content": "It was 3."},
]


def read(value: object, path: str = "chat.json", **kwargs: Any) -> tuple[Run, ...]:
    """The runs of a transcript given as a value."""
    return runs(json.dumps(value).encode(), path, **kwargs)


def runs(data: bytes, path: str, **kwargs: Any) -> tuple[Run, ...]:
    """The runs of a file; what cannot be read is raised."""
    found = transcripts(data, path, **kwargs)
    if found.faults:
        raise found.faults[0]
    return tuple(found.runs)


def transcripts(data: bytes, path: str, **kwargs: Any) -> Transcripts:
    return read_transcripts(data, path, Defaults("support", **kwargs))


def test_one_step_an_assistant_turn() -> None:
    """Each step has the conversation before it, the instructions apart, and the answer of that turn."""
    (run,) = read(CHAT)
    first, second = run.steps
    assert first.request.system == "Be kind."
    assert [message.role for message in first.request.messages] == ["user"]
    assert (first.response.text, first.response.tool_calls[0].arguments) == ("", '{"order": "A"}')
    assert [message.role for message in second.request.messages] == ["user", "assistant", "tool"]
    assert second.response.text == "It was 3."
    assert (first.source.run, first.source.event, second.source.event) == (run.id, 0, 1)


def test_history_is_rebuilt() -> None:
    """Calls before the turn, with their results parsed."""
    step = read(CHAT)[0].steps[1]
    assert history(step.request.messages) == [{"name": "look", "arguments": {"order": "A"}, "result": {"charge": 3}}]


def test_nothing_unknown_is_invented() -> None:
    """Usage, latency, cost, reason and parameters were not kept, so they are unknown; the grade is semantic."""
    step = read({"messages": CHAT})[0].steps[0]
    assert step.source.grade == "semantic"
    assert step.source.unknown == ("parameters", "model", "tools")
    answer = step.response
    assert [answer.latency_ms, answer.cost_usd, answer.finish_reason, answer.usage.input_tokens] == [None] * 4


def test_what_is_known_is_kept() -> None:
    """Model and tools of the record, or of the caller, are known; a missing system prompt is unknown."""
    tools = [{"type": "function", "function": {"name": "look"}}]
    assert read({"messages": CHAT, "model": "m", "tools": tools})[0].steps[0].source.unknown == ("parameters",)
    step = read(CHAT[1:], model="p/m", tools=(Tool("look"),))[0].steps[0]
    assert (step.request.model, step.request.tools) == ("p/m", (Tool("look"),))
    assert step.source.unknown == ("parameters", "system")


def test_shapes() -> None:
    """A list of messages, an object, a list of objects, lines of objects and lines of lists are the same runs."""
    record = {"messages": CHAT, "task": 7}
    assert [run.labels for run in read([record, record])] == [{"task": 7}] * 2
    lines = (json.dumps(record) + "\n\n" + json.dumps(record) + "\n").encode()
    found = runs(lines, "chat.jsonl")
    assert [run.steps for run in found] == [run.steps for run in read([record, record])]
    assert len({run.id for run in found}) == 2
    assert len(runs(b"%s\n%s" % ((json.dumps(CHAT).encode(),) * 2), "c.jsonl")) == 2


def test_importing_again_gives_the_same_ids() -> None:
    """A run's id comes from the file's name, its place and its messages."""
    assert read(CHAT)[0].id == read(CHAT)[0].id
    assert read(CHAT)[0].id.startswith("chat-0001-")
    assert read(CHAT)[0].id != read(CHAT[:-1])[0].id


def test_contents() -> None:
    """Parts become text, what is no text stands as its kind, a refusal is no text."""
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    chat = [{"role": "user", "content": parts}, {"role": "assistant", "content": None, "refusal": "I cannot."}]
    step = read(chat)[0].steps[0]
    assert step.request.messages[0].content == "look\n[image]"
    assert (step.response.text, step.response.refusal) == ("", "I cannot.")


def test_tool_errors() -> None:
    """A failed tool is known only where the source says so."""
    chat = [*CHAT[:3], {**CHAT[3], "content": "card declined", "is_error": True}, CHAT[4]]
    assert history(read(chat)[0].steps[1].request.messages)[0]["error"] == "card declined"  # type: ignore[index,call-overload]
    chat[3] = {**CHAT[3], "error": "timeout"}
    assert history(read(chat)[0].steps[1].request.messages)[0]["error"] == "timeout"  # type: ignore[index,call-overload]
    chat[3] = {**CHAT[3], "content": "", "is_error": True}
    assert history(read(chat)[0].steps[1].request.messages)[0]["error"] == "error"  # type: ignore[index,call-overload]


def test_arguments_that_are_an_object() -> None:
    """Some exporters write the arguments as an object; they become its text."""
    call = {"id": "c1", "function": {"name": "look", "arguments": {"b": 1, "a": 2}}}
    step = read([{"role": "user", "content": "x"}, {"role": "assistant", "content": "", "tool_calls": [call]}])[
        0
    ].steps[0]
    assert step.response.tool_calls[0].arguments == '{"b":1,"a":2}'


def test_numbers_in_an_argument_object_stay_numbers() -> None:
    """A policy sees 40.5, not a mark that our digests make of it."""
    call = {"id": "c1", "function": {"name": "pay", "arguments": {"amount": 40.5, "note": "é", "tax": 1e-7}}}
    step = read([{"role": "assistant", "content": "", "tool_calls": [call]}])[0].steps[0]
    assert step.response.tool_calls[0].arguments == '{"amount":40.5,"note":"é","tax":1e-07}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "no `messages` here"),
        ({"messages": []}, "no `messages` here"),
        ({"chat": 1}, "not a known format (top level: chat) (nearest: "),
        (3, "not a known format (top level: int)"),
        ([{"role": "robot", "content": ""}], "unknown role 'robot'"),
        ([{"role": "user", "content": "", "instructions": "x"}], "[0].instructions: what may decide something"),
        ([{"role": "user", "content": 3}], "[0].content: a list was expected"),
        ([{"role": "user", "content": [{"type": "video"}]}], "[0].content[0].type: unknown part 'video'"),
        ([{"role": "user", "content": "", "tool_calls": [CALL]}], "[0].tool_calls: calls of somebody else"),
        ([{"role": "assistant", "function_call": {}}], "[0].function_call.function.name: a call without a name"),
        ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "messages[0].tool_calls[0]: an object"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": 3}}]}], "[0].tool_calls[0].function.name"),
        ({"messages": CHAT, "tools": [{"nome": 1}]}, "tools[0]: a tool without a name"),
        ({"messages": [*CHAT, 7]}, "messages[5]: an object"),
        ({"messages": CHAT, "responses": [{"text": "x"}]}, "responses[0].text: what may decide something"),
        (
            {"messages": CHAT, "log": {"x": [{"role": "assistant", "content": "y"}]}},
            "log.x[0].content: what may decide something",
        ),
    ],
)
def test_bad_transcripts(value: object, message: str) -> None:
    """One line that says which message is wrong, and how."""
    with pytest.raises(RunbackError) as error:
        read(value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_lines_are_named() -> None:
    """JSONL errors name the line."""
    good = json.dumps(CHAT)
    with pytest.raises(RunbackError, match=r"^c\.jsonl:2:"):
        runs(f"{good}\n{{nope\n".encode(), "c.jsonl")
    with pytest.raises(RunbackError, match=r"^c\.jsonl:2: .*unknown role"):
        runs(f'{good}\n[{{"role": "x"}}]\n'.encode(), "c.jsonl")
    with pytest.raises(RunbackError, match="no run"):
        runs(b"\n \n", "c.jsonl")


@given(st.binary(max_size=200))
def test_any_bytes_give_runs_or_our_error(data: bytes) -> None:
    """Hostile files are refused with our own error and nothing else."""
    try:
        assert runs(data, "x.jsonl")
    except RunbackError as error:
        assert str(error)
