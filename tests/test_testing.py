"""The public fakes: what a user's test gets from them works as the real thing does."""

from __future__ import annotations

from pathlib import Path

from runback_gate.canonical import digest
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.replay.evidence import Answers as Store
from runback_gate.step import Message, Response, ToolCall, step_from_json, to_json
from runback_gate.testing import (
    AGENT,
    REQUEST,
    Answers,
    in_turn,
    sample_call,
    sample_case,
    sample_run,
    sample_step,
    write_gate,
)


def test_the_example_of_the_module(tmp_path: Path) -> None:
    """A gate folder of one line is judged green on its recording."""
    write_gate(tmp_path, [sample_case("small-refund", sample_step(sample_call("issue_refund", amount=40)))])
    (row,) = run_gate(load_plan(tmp_path, day="2026-01-31"), CppEngine(), in_turn(Answers())).rows
    assert (row.case, row.verdict.value) == ("small-refund", "PASS")


def test_samples() -> None:
    """A step of the sample agent, whose parts can be changed by their names; it can be stored."""
    call = sample_call("pay", amount=4)
    assert call == ToolCall("call_1", "pay", '{"amount": 4}')
    step = sample_step(call, text="Hi", source={"grade": "semantic"}, model=None, messages=(Message("user", "Yo"),))
    assert (step.agent, step.response, step.source.grade) == (AGENT, Response("Hi", (call,)), "semantic")
    assert (step.request.model, step.request.messages) == (None, (Message("user", "Yo"),))
    assert step.request.tools == REQUEST.tools
    assert step_from_json(to_json(step)) == step
    assert sample_run(step, run="r").steps == (step,)


def test_answers_remember_what_they_were_asked() -> None:
    """Trial n gets the nth answer, None and what is beyond are missing; every question is noted."""
    answers = Answers(Response("a"), None)
    store: Store = answers
    found = store.get("sha256:1", 0)
    assert found == (Response("a"), digest(to_json(Response("a"))))
    assert (store.get("sha256:1", 1), store.get("sha256:2", 2)) == (None, None)
    assert answers.asked == [("sha256:1", 0), ("sha256:1", 1), ("sha256:2", 2)]
