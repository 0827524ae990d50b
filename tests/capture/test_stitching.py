"""Which run a call goes on with is told by its conversation."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.capture.stitching import Stitcher
from runback_gate.step import Message, Request, Response, ToolCall


def ask(*messages: Message, system: str = "You help.") -> Request:
    return Request(system=system, messages=messages)


def user(text: str) -> Message:
    return Message("user", text)


def test_goes_on_with_what_was_answered() -> None:
    """A request that repeats a question and its answer goes on with that run; the same question again does not."""
    stitcher = Stitcher()
    stitcher.answered("one", ask(user("Hi")), Response("Hello"))
    assert stitcher.find(ask(user("Hi"), Message("assistant", "Hello"), user("Bye"))) == "one"
    assert stitcher.find(ask(user("Hi"))) is None
    assert stitcher.find(ask(user("Hi"), Message("assistant", "Hello"), system="Another")) is None


def test_arguments_may_be_spelled_anew() -> None:
    """Spaces and the order of keys in arguments do not part a conversation, nor do ids that a source lost."""
    stitcher = Stitcher()
    stitcher.answered("one", ask(user("Hi")), Response("", (ToolCall("", "f", '{"a": 1, "b": 2}'),)))
    said = Message("assistant", "", (ToolCall("c1", "f", '{"b":2,"a":1}'),))
    assert stitcher.find(ask(user("Hi"), said, Message("tool", "3", tool_call_id="c1"))) == "one"


def test_call_id_joins_a_trimmed_conversation() -> None:
    """A conversation whose beginning was cut away is known by the id of the call whose result it brings."""
    stitcher = Stitcher()
    call = ToolCall("c1", "f", "{}")
    stitcher.answered("one", ask(user("A long story")), Response("", (call,)))
    said = (user("Summary"), Message("assistant", "", (call,)), Message("tool", "3", tool_call_id="c1"))
    assert stitcher.find(ask(*said)) == "one"
    assert stitcher.find(ask(*said[:2])) is None


def test_trials_of_the_same_words() -> None:
    """Of two runs that said the same, each goes on once."""
    stitcher = Stitcher()
    for run in ("one", "two"):
        stitcher.answered(run, ask(user("Hi")), Response("Hello"))
    more = ask(user("Hi"), Message("assistant", "Hello"), user("Bye"))
    assert [stitcher.find(more), stitcher.find(more)] == ["one", "two"]


@given(st.integers(1, 4), st.integers(1, 6), st.randoms(use_true_random=False))
def test_interleaved_runs_stay_apart(many: int, turns: int, chance: Any) -> None:
    """Runs of different words that go on in any order are told apart, each with all of its turns."""
    stitcher = Stitcher()
    said: dict[str, list[Message]] = {f"run-{number}": [user(f"Question {number}")] for number in range(many)}
    order = [run for run in said for _ in range(turns)]
    chance.shuffle(order)
    begun = set[str]()
    for run in order:
        request = ask(*said[run])
        assert stitcher.find(request) == (run if run in begun else None)
        begun.add(run)
        stitcher.answered(run, request, Response(f"Answer {len(said[run])}"))
        said[run] += [Message("assistant", f"Answer {len(said[run])}"), user("And then?")]


def test_memory_is_bounded() -> None:
    """What is remembered has an end; the oldest is forgotten first, and a run that ended at once."""
    stitcher = Stitcher(limit=4)
    for number in range(10):
        stitcher.answered(f"run-{number}", ask(user(str(number))), Response("Hello"))
    known = [number for number in range(10) if stitcher.find(ask(user(str(number)), Message("assistant", "Hello")))]
    assert known == [8, 9]
    stitcher.forget("run-9")
    assert stitcher.find(ask(user("9"), Message("assistant", "Hello"))) is None
