"""Runs of version 2 in audit records: a step is disclosed and erased with the conversation that it continues."""

from __future__ import annotations

from collections.abc import Iterable

from runback_gate.audit.conversation import Conversations
from runback_gate.audit.erase import erased, parse_selector, select
from runback_gate.audit.record import Part, export
from runback_gate.capture.runs import read_run, write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step

SAID = tuple(Message("user", f"message {number}") for number in range(4))
RUN = Run(
    "r",
    "a",
    tuple(Step("a", Request("m", "s", SAID[: n + 1]), Response("ok"), Source("r", n, "exact")) for n in (0, 1, 3)),
)
LINES = write_run(RUN, lambda size: b"s" * size).splitlines(keepends=True)


def back(lines: Iterable[bytes]) -> Run:
    return read_run(b"".join(line for line in lines if not line.startswith(b'{"audit"')), "r.jsonl")


def test_a_disclosed_step_has_its_whole_conversation() -> None:
    """Event 2 is the second step: it can be read whole, and the third cannot."""
    part = Part("run", "r", lambda: LINES, frozenset({2}))
    run = back(export([part], origin="o", created="2026-01-31T12:00:00Z", tool="t"))
    assert run.steps[1].request == RUN.steps[1].request
    assert [step.source.grade for step in run.steps] == ["exact", "exact", "view-only"]


def test_a_message_is_erased_by_its_place_in_the_conversation() -> None:
    """The step that is named need not be the one that added it; every step that holds it loses it."""
    found = select(lambda: LINES, [parse_selector("step 2 request.messages[1].content")])
    assert [item.used for item in found] == [["event 2 (step 1) messages[1]", "event 3 (step 2) messages[1]"]]
    run = back(erased(lambda: LINES, found, at="2026-01-31T12:00:00Z", reason="asked for"))
    assert [step.source.grade for step in run.steps] == ["exact", "view-only", "view-only"]
    assert [message.content for message in run.steps[2].request.messages][2:] == ["message 2", "message 3"]


def test_whatever_an_event_says_is_taken() -> None:
    """A record may carry events that another program wrote."""
    conversations = Conversations()
    for event in ({}, {"messages": 5, "continues": 5}, {"messages": ["a", 5], "continues": {"step": 9, "keep": "x"}}):
        conversations.add(event)
    assert [conversations.ids(number) for number in range(-1, 4)] == [[], [], [], ["a"], []]
