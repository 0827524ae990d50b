"""The context as parts: each can be left out alone, calls stay with their results, and all of them are the request."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.replay.parts import STAND_IN, parts_of, with_parts
from runback_gate.step import Message, Part, Request, ToolCall

LOOK, PAY = ToolCall("c1", "look", "{}"), ToolCall("c2", "pay", "{}")
REQUEST = Request(
    system="Be kind.\n\nNever lie.\n \n- a\n- b\n",
    messages=(
        Message("user", "Hello."),
        Message("assistant", "One moment.", (LOOK, PAY)),
        Message("tool", "A mug.", tool_call_id="c2"),
        Message("tool", "Sold out.", tool_call_id="c1"),
        Message("assistant", "Sorry."),
        Message("user", "Money back!"),
    ),
)


def test_paragraphs_messages_and_results_are_parts() -> None:
    """In their order, each with a place that a person finds."""
    assert [(part.kind, part.place, part.text) for part in parts_of(REQUEST)] == [
        ("paragraph", "system ¶ 1", "Be kind."),
        ("paragraph", "system ¶ 2", "Never lie."),
        ("paragraph", "system ¶ 3", "- a\n- b\n"),
        ("message", "message 0", "Hello."),
        ("message", "message 1", "One moment."),
        ("result", "message 2, tool pay", "A mug."),
        ("result", "message 3, tool look", "Sold out."),
        ("message", "message 4", "Sorry."),
        ("message", "message 5", "Money back!"),
    ]


def test_a_prompt_without_paragraphs_is_taken_line_by_line() -> None:
    """So that a list of rules can be told apart."""
    assert [part.text for part in parts_of(Request(system="a\nb\n\n"))] == ["a", "b"]


@pytest.mark.parametrize(
    ("keep", "system", "messages"),
    [
        ((), None, (STAND_IN,)),
        ((0, 2), "Be kind.\n\n- a\n- b\n", (STAND_IN,)),
        ((3,), None, (Message("user", "Hello."),)),
        ((5,), None, (STAND_IN, Message("assistant", "", (PAY,)), Message("tool", "A mug.", tool_call_id="c2"))),
        ((4,), None, (STAND_IN, Message("assistant", "One moment."), STAND_IN)),
        ((3, 4, 6), None, (REQUEST.messages[0], Message("assistant", "One moment.", (LOOK,)), REQUEST.messages[3])),
    ],
)
def test_some_parts_alone(keep: tuple[int, ...], system: str | None, messages: tuple[Message, ...]) -> None:
    """A call is there with its result or not at all, and a model is always asked something."""
    found = with_parts(REQUEST, parts_of(REQUEST), keep)
    assert (found.system, found.messages) == (system, messages)


def test_reasoning_stays_only_beside_all_of_its_answer() -> None:
    """A provider takes it back unchanged; that of its own entry belongs to the answer behind it."""
    thought = Part("reasoning", "Hm.", signature="s")
    one = Request(
        messages=(
            Message("user", "a"),
            Message("assistant", "", (LOOK, PAY), parts=(thought, Part("call"), Part("call"))),
            *REQUEST.messages[2:4],
        )
    )
    parts = parts_of(one)
    assert with_parts(one, parts, range(3)) is one
    assert with_parts(one, parts, (0, 1)).messages[1] == Message("assistant", "", (PAY,), parts=(Part("call"),))
    apart = Request(
        messages=(
            Message("user", "a"),
            Message("assistant", parts=(thought,)),
            Message("assistant", "", (LOOK,)),
            REQUEST.messages[3],
            Message("user", "b"),
        )
    )
    parts = parts_of(apart)
    assert [part.place for part in parts] == ["message 0", "message 3, tool look", "message 4"]
    assert with_parts(apart, parts, (1, 2)).messages == (STAND_IN, *apart.messages[1:])
    assert with_parts(apart, parts, (0, 2)).messages == (apart.messages[0], apart.messages[4])


CONVERSATIONS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.text("ab ", max_size=3), st.integers(0, 3)), max_size=8
)


def conversation(turns: list[tuple[str, str, int]]) -> Request:
    """A valid conversation: each call of an answer has its result behind it."""
    messages: list[Message] = []
    for number, (role, text, calls) in enumerate(turns):
        if role == "user":
            messages.append(Message("user", text))
            continue
        made = tuple(ToolCall(f"{number}.{call}", "t", "{}") for call in range(calls))
        messages.append(Message("assistant", text, made))
        messages += [Message("tool", f"r{item.id}", tool_call_id=item.id) for item in made[::-1]]
    return Request(system="a\n\nb", messages=tuple(messages))


@given(CONVERSATIONS, st.data())
def test_every_subset_is_a_conversation(turns: list[tuple[str, str, int]], data: st.DataObject) -> None:
    """Each call has its result behind it and each result its call; what is kept is there, once, and in order."""
    request = conversation(turns)
    parts = parts_of(request)
    keep = data.draw(st.sets(st.integers(0, len(parts) - 1))) if parts else set()
    found = with_parts(request, parts, keep)
    assert found.messages or not request.messages
    asked: Counter[str] = Counter()
    for message in found.messages:
        asked.update(call.id for call in message.tool_calls)
        if message.role == "tool":
            asked.subtract([message.tool_call_id or ""])
            assert asked[message.tool_call_id or ""] == 0
    assert not +asked
    said = [message.content for message in found.messages if message.content and message != STAND_IN]
    assert said == [
        part.text for place, part in enumerate(parts) if place in keep and part.kind != "paragraph" and part.text
    ]


@given(CONVERSATIONS)
def test_all_parts_are_the_request(turns: list[tuple[str, str, int]]) -> None:
    """Unchanged, so that its digest is the recorded one."""
    request = conversation(turns)
    assert with_parts(request, parts_of(request), range(len(parts_of(request)))) is request
