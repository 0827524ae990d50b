"""A whole run again: recorded results while the calls stay the same, and an honest end where nobody knows more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent import Agent, load_agent, unstated
from runback_gate.errors import InputError
from runback_gate.replay.evidence import Evidence
from runback_gate.replay.whole_run import RunReplay, replay_run
from runback_gate.step import Message, Request, Response, Run, Step, ToolCall
from runback_gate.testing import AGENT, sample_run, sample_step, write_document
from runback_gate.testing.models import ScriptedModels


def call(name: str, number: int = 0, **arguments: int) -> ToolCall:
    pairs = ", ".join(f'"{key}": {value}' for key, value in arguments.items())
    return ToolCall(f"then_{number}", name, f"{{{pairs}}}")


def record(*answers: Response, words: str = "I am sad.") -> Run:
    """A run whose tools answered `result N` in the order of the calls, and whose customer went on with `words`."""
    messages: tuple[Message, ...] = (Message("user", words),)
    steps: list[Step] = []
    number = 0
    for answer in answers:
        step = sample_step(messages=messages)
        steps.append(dataclasses.replace(step, response=answer))
        messages += (Message("assistant", answer.text, answer.tool_calls),)
        for item in answer.tool_calls:
            messages += (Message("tool", f"result {number}", tool_call_id=item.id),)
            number += 1
        messages += () if answer.tool_calls else (Message("user", words),)
    return sample_run(*steps)


LOOK, PAY = call("look", 0, order=1), call("pay", 1, amount=5)
RUN = record(Response("", (LOOK,)), Response("", (PAY,)), Response("Done."))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent with another prompt than was recorded, so that each step must be asked."""
    write_document(tmp_path, "a.yaml", "Agent", AGENT, {"system": "New."})
    return load_agent(tmp_path, "a.yaml")


def drive(run: Run, agent: Agent, says: Callable[[Request], Response]) -> tuple[RunReplay, list[Request]]:
    models = ScriptedModels(says)
    ((_, found),) = models.live()([partial(replay_run, run, agent)])
    return found, models.asked


def by_turn(*answers: Response) -> Callable[[Request], Response]:
    """A model that gives these answers by how often it has spoken."""
    return lambda request: answers[sum(message.role == "assistant" for message in request.messages)]


def words(found: RunReplay) -> list[str | None]:
    return [turn.divergence.words if turn.divergence else None for turn in found.turns]


def test_an_unchanged_agent_asks_nobody(tmp_path: Path) -> None:
    """Where the requests are the recorded ones, so are the answers."""
    write_document(tmp_path, "a.yaml", "Agent", AGENT, {})
    found, asked = drive(RUN, load_agent(tmp_path, "a.yaml"), lambda _: Response("never"))
    assert (words(found), found.end, found.differs, asked) == (["equivalent"] * 3, "as recorded", False, [])
    assert {turn.answer.evidence for turn in found.turns} == {Evidence.RECORDED}


def test_recorded_results_are_served_while_calls_stay_the_same(agent: Agent) -> None:
    """They answer the calls of today: under their ids, behind the words of today."""
    look, pay = dataclasses.replace(LOOK, id="now_a"), dataclasses.replace(PAY, id="now_b")
    found, asked = drive(RUN, agent, by_turn(Response("Hm.", (look,)), Response("", (pay,)), Response("Done!")))
    assert (words(found), found.end) == (["text changed", "equivalent", "text changed"], "as recorded")
    assert [item.system for item in asked] == ["New."] * 3
    assert asked[2].messages == (
        Message("user", "I am sad."),
        Message("assistant", "Hm.", (look,)),
        Message("tool", "result 0", tool_call_id="now_a"),
        Message("assistant", "", (pay,)),
        Message("tool", "result 1", tool_call_id="now_b"),
    )


def test_it_stops_at_the_first_call_that_nobody_knows(agent: Agent) -> None:
    """The answer that asks for it is shown, and nothing is made up behind it."""
    other = call("pay", 9, amount=6)
    found, asked = drive(RUN, agent, by_turn(Response("", (LOOK,)), Response("", (other,))))
    assert (words(found), found.end, found.frontier) == (["equivalent", "arguments changed"], "frontier", other)
    assert len(asked) == 2


def test_known_calls_in_another_order_go_on(agent: Agent) -> None:
    """Each gets its recorded result, once; the steps are no longer those of the record."""
    found, asked = drive(RUN, agent, by_turn(Response("", (PAY,)), Response("", (LOOK,)), Response("", (LOOK,))))
    assert (words(found), found.end, found.frontier) == (["tool changed", None, None], "frontier", LOOK)
    assert [turn.step for turn in found.turns] == [0, None, None]
    assert [message.content for message in asked[2].messages if message.role == "tool"] == ["result 1", "result 0"]


def test_an_answer_in_place_of_a_call_ends_it(agent: Agent) -> None:
    """What the customer would say to it is not known."""
    found, _ = drive(RUN, agent, by_turn(Response("No.")))
    assert (words(found), found.end, found.differs) == (["tool changed"], "answered", True)


def test_the_customer_goes_on_as_recorded(agent: Agent) -> None:
    """A conversation without calls is walked to its end, with the answers of today in it."""
    run = record(Response("Hello."), Response("Bye."))
    found, asked = drive(run, agent, by_turn(Response("Hi."), Response("Bye.")))
    assert (words(found), found.end) == (["text changed", "equivalent"], "as recorded")
    assert [message.content for message in asked[1].messages] == ["I am sad.", "Hi.", "I am sad."]


def test_steps_of_other_agents_are_left_out(agent: Agent) -> None:
    """Their conversations are not the agent's; an agent without a step is an error that names those that have some."""
    other = dataclasses.replace(sample_step(text="mine"), agent="helper")
    found, asked = drive(
        sample_run(RUN.steps[0], other, *RUN.steps[1:]), agent, by_turn(Response("", (LOOK,)), Response("No."))
    )
    assert [turn.step for turn in found.turns] == [0, 2]
    assert len(asked) == 2
    with pytest.raises(InputError, match="helper"):
        drive(sample_run(other), agent, by_turn())


def test_another_conversation_begins_as_recorded(agent: Agent) -> None:
    """A step that continues nothing is asked with what it was asked then."""
    run = sample_run(*RUN.steps[:1], sample_step(text="Yes.", messages=(Message("user", "Other."),)))
    found, asked = drive(
        run,
        agent,
        lambda request: Response("", (LOOK,)) if request.messages[0].content == "I am sad." else Response("Yes."),
    )
    assert (words(found), found.end) == (["equivalent", "equivalent"], "as recorded")
    assert asked[1].messages == (Message("user", "Other."),)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_it_always_ends_and_serves_each_result_once(then: list[int], now: list[int]) -> None:
    """Whatever is called, a result is given to one call of its name, and the replay ends."""
    run = record(*(Response("", (call("t", number, n=kind),)) for number, kind in enumerate(then)))
    agent = dataclasses.replace(unstated(AGENT), system="New.")
    found, _ = drive(
        run, agent, by_turn(*(Response("", (call("t", 50 + place, n=kind),)) for place, kind in enumerate(now)))
    )
    assert found.end in ("as recorded", "frontier")
    assert len(found.turns) <= len(then) + 1
