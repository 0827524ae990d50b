"""Facts about what a policy over runs sees: steps as a policy over steps sees them, and calls with their results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel.projection import ALL
from runback_gate.policy import run_context
from runback_gate.policy.context import step_data
from runback_gate.policy.run_context import run_calls, run_data
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall, ToolRun
from tests.examples import examples


def step(index: int, messages: tuple[Message, ...], *calls: ToolCall, agent: str = "support") -> Step:
    """A step that was asked `messages` and made `calls`."""
    return Step(agent, Request("m", "s", messages), Response("", calls), Source("r", index, "semantic"))


def conversation(rounds: list[list[tuple[str, str | None]]], *, ids: bool = True) -> Run:
    """A run in which each answer makes calls, of which each gets its result, or none."""
    steps: list[Step] = []
    messages: tuple[Message, ...] = (Message("user", "hi"),)
    for index, asked in enumerate(rounds):
        calls = tuple(ToolCall(f"{index}-{at}" if ids else "", name, "{}") for at, (name, _) in enumerate(asked))
        steps.append(step(index, messages, *calls))
        results = (
            Message("tool", result, tool_call_id=call.id or None, name=call.name)
            for call, (_, result) in zip(calls, asked, strict=True)
            if result is not None
        )
        messages = (*messages, Message("assistant", "", calls), *results)
    steps.append(step(len(rounds), messages))
    return Run("r", "support", tuple(steps))


def results(run: Run) -> list[Any]:
    """The result of each call; `-` where nobody knows it."""
    return [call.get("result", "-") for call in run_calls(run)]


ROUNDS = st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None])), max_size=3), max_size=4)


@settings(max_examples=examples(30))
@given(ROUNDS)
def test_calls_are_the_history_of_the_last_step(rounds: list[list[tuple[str, str | None]]]) -> None:
    """In one conversation the calls of the run are what its last step has for history, and each knows its step."""
    run = conversation(rounds)
    calls = list(run_calls(run))
    history = cast("list[dict[str, Any]]", step_data(run.steps[-1])["history"])
    assert [{key: call[key] for key in call if key not in ("id", "step")} for call in calls] == history
    assert [call["step"] for call in calls] == [index for index, asked in enumerate(rounds) for _ in asked]


def test_a_step_is_what_a_policy_over_steps_sees() -> None:
    """All fields are laid out where all are read."""
    run = conversation([[("a", "1")], [("b", None)]])
    whole = cast("Any", run_data(run)["run"])
    assert whole["steps"] == [step_data(item) for item in run.steps]
    assert {key: whole[key] for key in ("id", "agent", "labels")} == {"id": "r", "agent": "support", "labels": {}}
    assert "status" not in whole


def test_what_nobody_reads_is_left_out() -> None:
    """A conversation is laid out only for a rule that reads it."""
    run = replace(conversation([[("a", "1")]]), labels={"task": 3, "big": 2**70}, status="ok")
    data = cast("Any", run_data(run, {"response", "request.model"}))
    assert [set(item) for item in data["run"]["steps"]] == [{"request", "response", "case", "agent"}] * 2
    assert data["run"]["steps"][0]["request"] == {"model": "m"}
    assert data["run"]["labels"] == {"task": 3, "big": str(2**70)}
    assert data["run"]["status"] == "ok"
    assert data["case"] == {"id": "r", "dataset": "", "tags": []}


def test_a_field_that_the_source_did_not_keep_is_absent() -> None:
    """As for a step: unknown is neither empty nor zero."""
    run = conversation([[("a", "1")]])
    steps = [replace(item, source=replace(item.source, unknown=("tools", "model"))) for item in run.steps]
    data = cast("Any", run_data(replace(run, steps=steps), ALL))
    assert set(data["run"]["steps"][0]["request"]) == {"messages", "parameters", "system"}


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[("a", "1"), ("a", "2")]], [1, 2]),
        ([[("a", "1")], [("a", "2"), ("b", None)]], [1, 2, "-"]),
    ],
)
def test_results_without_ids_go_by_name_and_order(rounds: list[list[tuple[str, str | None]]], expected: object) -> None:
    """Where the source kept no ids, the results after an answer are those of its calls."""
    assert results(conversation(rounds, ids=False)) == expected


def test_an_id_that_is_used_again_is_the_call_of_its_own_answer() -> None:
    """Some models count their calls from zero in each answer."""
    first, again = ToolCall("call_0", "a", "{}"), ToolCall("call_0", "a", "{}")
    one = (Message("user", "hi"),)
    two = (*one, Message("assistant", "", (first,)), Message("tool", "1", tool_call_id="call_0"))
    three = (*two, Message("assistant", "", (again,)), Message("tool", "2", tool_call_id="call_0"))
    assert results(Run("r", "support", (step(0, one, first), step(1, two, again), step(2, three)))) == [1, 2]


def test_a_conversation_that_was_cut_is_found_by_ids() -> None:
    """What stays of a shortened conversation still says what came back."""
    call = ToolCall("c1", "a", "{}")
    later = (Message("user", "summary"), Message("assistant", "", (call,)), Message("tool", "1", tool_call_id="c1"))
    assert results(Run("r", "support", (step(0, (Message("user", "hi"),), call), step(1, later)))) == [1]


def test_agents_have_their_own_conversations() -> None:
    """A step of another agent in between takes no result away."""
    call, other = ToolCall("c1", "a", "{}"), ToolCall("c1", "b", "{}")
    mine, theirs = (Message("user", "hi"),), (Message("user", "ho"),)
    back = Message("tool", "1", tool_call_id="c1")
    steps = (
        step(0, mine, call),
        step(1, theirs, other, agent="helper"),
        step(2, (*mine, Message("assistant", "", (call,)), back)),
    )
    assert results(Run("r", "support", steps)) == [1, "-"]


def test_what_the_recorder_saw_counts() -> None:
    """No request comes after the last calls; a tool run says how they ended. What no answer asked for is no call."""
    call = ToolCall("c1", "a", "{}")
    seen = (ToolRun(0, 0, "a", error="late"), ToolRun(-1, 0, "b", result="1"))
    run = Run("r", "support", (step(0, (Message("user", "hi"),), call),), tool_runs=seen)
    assert list(run_calls(run)) == [{"step": 0, "id": "c1", "name": "a", "arguments": {}, "error": "late"}]


def test_conversations_are_laid_out_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step repeats the conversation before it: beyond a bound that is an error, where a rule reads it."""
    monkeypatch.setattr(run_context, "MAX_RUN_BYTES", 1_000)
    run = conversation([[("a", "1")]] * 20)
    with pytest.raises(ValueError, match="is more than"):
        run_data(run, {"history"})
    assert run_data(run, {"response"})
    assert "is more than" in run_context.oversized(run, {"request.messages"})
    assert run_context.oversized(run, {"request.tools"}) == ""
