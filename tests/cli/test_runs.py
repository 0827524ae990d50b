"""`runs`: what was recorded, listed and shown."""

from __future__ import annotations

import json
import os

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Note, Request, Response, Run, Source, Step, ToolCall, ToolRun
from tests.cli.conftest import Command, write

CALL = ToolCall("c1", "refund", '{"amount": 250}')
ASKED = Request("openai/m", "Be kind.", (Message("user", "Refund?"),))
TOLD = Request(
    "openai/m", "Be kind.", (*ASKED.messages, Message("assistant", "", (CALL,)), Message("tool", "limit", (), "c1"))
)


@pytest.fixture
def broken_run() -> None:
    """A run that ended with an error, after a tool that failed."""
    steps = (
        Step("support", ASKED, Response("", (CALL,), "tool_calls"), Source("r1", 0, "exact", api="openai.chat")),
        Step("support", TOLD, Response("Sorry."), Source("r1", 1, "semantic", lost=("$.stream",))),
    )
    tools = (ToolRun(0, 0, "refund", CALL.arguments, "c1", error="limit"),)
    notes = (Note("note", 1, {"text": "\x1b[31mred"}),)
    run = Run("r1", "support", steps, tool_runs=tools, notes=notes, status="error", error="ValueError: no money")
    write("runs/r1.jsonl", write_run(run, os.urandom))


@pytest.mark.usefixtures("here", "broken_run")
def test_runs_are_listed(command: Command) -> None:
    """A line for each run: its end, its counts, its agent; the folder at the end."""
    result = command("runs", "list")
    assert (result.code, result.err) == (0, "")
    line, last = result.out.splitlines()
    assert line.split() == ["r1", "error", "2", "steps", "1", "calls", "1", "errors", "-", "support"]
    assert last == "1 run in runs/"
    (row,) = json.loads(command("runs", "list", "--json").out)["runs"]
    assert (row["run"], row["status"], row["steps"], row["errors"]) == ("r1", "error", 2, 1)


@pytest.mark.usefixtures("here")
def test_a_folder_without_runs(command: Command) -> None:
    """No folder yet is no run, not an error."""
    assert command("runs", "list").out == "0 runs in runs/\n"


@pytest.mark.usefixtures("here", "broken_run")
def test_a_run_is_shown(command: Command) -> None:
    """How it ended, its steps, under each the runs of its tools; what others wrote steers no terminal."""
    out = command("runs", "show", "r1").out
    assert out.splitlines()[:2] == ["r1  support  error", "  error   ValueError: no money"]
    assert 'refund({"amount": 250}) -> error: limit' in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("here", "broken_run")
def test_a_step_is_shown(command: Command) -> None:
    """Its grade, what is lost, the conversation with its calls, and the answer."""
    lines = command("runs", "show", "r1", "1").out.splitlines()
    assert lines[0] == "step 1 of r1: semantic, no wire format"
    assert "lost       $.stream" in lines
    assert 'call       refund({"amount": 250})' in lines
    assert lines[-1] == "answer     Sorry."


@pytest.mark.usefixtures("here", "broken_run")
def test_json_of_a_run_and_of_a_step(command: Command) -> None:
    """The shape that programs may rely on."""
    whole = json.loads(command("runs", "show", "r1", "--json").out)
    assert {"run", "agent", "status", "steps", "calls"} <= whole.keys()
    (call,) = whole["calls"]
    assert (call["step"], call["name"], call["arguments"], call["error"]) == (0, "refund", '{"amount": 250}', "limit")
    step = json.loads(command("runs", "show", "r1", "0", "--json").out)
    assert (step["index"], step["api"], step["grade"]) == (0, "openai.chat", "exact")
    assert step["request"]["system"] == "Be kind."
    assert step["response"]["tool_calls"][0]["name"] == "refund"
