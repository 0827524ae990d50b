"""`runs`: what was recorded, listed and shown."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Note, Part, Request, Response, Run, Source, Step, ToolCall, ToolRun, Usage
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


FULL = Step(
    "support",
    Request("openai/m", "Be kind.", ASKED.messages, parameters={"temperature": 0.5}),
    Response(
        "One moment.",
        (CALL,),
        "tool_calls",
        usage=Usage(10, 4, 3, 2),
        latency_ms=120,
        parts=(Part("reasoning", "they paid"), Part("text", "One moment."), Part("refusal", "no cash"), Part("call")),
    ),
    Source("r2", 0, "semantic", ("tools",), "2026-01-31T12:00:00Z", api="openai.chat", lost=("$.stream",)),
)
STEP = {
    "index": 0,
    "agent": "support",
    "api": "openai.chat",
    "grade": "semantic",
    "unknown": ["tools"],
    "lost": ["$.stream"],
    "model": "openai/m",
    "system": "Be kind.",
    "parameters": {"temperature": 0.5},
    "text": "One moment.",
    "reasoning": True,
    "refusal": "no cash",
    "calls": [{"id": "c1", "name": "refund", "arguments": '{"amount": 250}'}],
    "finish_reason": "tool_calls",
    "error": None,
    "usage": {"input_tokens": 10, "output_tokens": 4, "reasoning_tokens": 3, "cache_read_tokens": 2},
    "latency_ms": 120,
    "at": "2026-01-31T12:00:00Z",
}


@pytest.mark.usefixtures("here")
def test_every_field_of_the_json(command: Command) -> None:
    """Each field of a list, of a run and of a step has its value, and there is no other field."""
    tools = (ToolRun(0, 0, "refund", CALL.arguments, "c1", "paid"),)
    about: dict[str, Any] = {"labels": {"task": 5}, "parent": "r1", "at": "2026-01-31T11:00:00Z", "status": "ok"}
    about |= {"output": {"done": 1}, "redaction": {"level": "off"}}
    notes = (Note("note", 1, {"text": "slow"}),)
    run = Run("r2", "support", (FULL,), tool_runs=tools, notes=notes, **about)
    write("runs/r2.jsonl", write_run(run, os.urandom))
    listed = command("runs", "list", "--json")
    assert listed.err == ""
    (row,) = json.loads(listed.out)["runs"]
    counts = {"steps": 1, "calls": 1, "errors": 0}
    assert row == {
        "run": "r2",
        "agent": "support",
        "at": about["at"],
        "status": "ok",
        "parent": "r1",
        **counts,
    }
    whole = json.loads(command("runs", "show", "r2", "--json").out)
    assert whole == {
        "run": "r2",
        "agent": "support",
        "status": "ok",
        "error": None,
        "output": {"done": 1},
        "parent": "r1",
        "labels": {"task": 5},
        "redaction": {"level": "off"},
        "steps": [STEP],
        "calls": [{"step": 0, "name": "refund", "arguments": '{"amount": 250}', "result": "paid", "error": None}],
        "notes": [{"kind": "note", "step": 1, "value": {"text": "slow"}}],
    }
    step = json.loads(command("runs", "show", "r2", "0", "--json").out)
    assert {**STEP, "request": step["request"], "response": step["response"]} == step
    assert step["request"]["messages"] == [{"role": "user", "content": "Refund?"}]


@pytest.mark.usefixtures("here")
def test_every_field_of_the_json_of_an_import(command: Command) -> None:
    """Each file with its format and counts, what was ignored and refused; then the runs that lie there now."""
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "Hi", "mood": "calm"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": "Done."},
    ]
    write("a.json", json.dumps({"messages": said, "model": "openai/m"}))
    write("b.json", json.dumps({"spans": [{"name": "x"}]}))
    result = command("import", "a.json", "b.json", "--agent", "support", "--json")
    found = json.loads(result.out)
    (path,) = found["runs"]
    assert path.startswith("runs/a-0001-")
    counted = {"runs": 1, "steps": 2, "calls": 1, "results": 1, "errors": 0}
    refused = found["files"][1].pop("refused")
    assert found["files"] == [
        {"path": "a.json", "format": "openai-chat", **counted, "ignored": {"mood": 1}, "refused": None},
        {"path": "b.json", "format": "", **dict.fromkeys(counted, 0), "ignored": {}},
    ]
    assert refused.startswith("b.json: no `messages` here")
    assert result.code == 2
