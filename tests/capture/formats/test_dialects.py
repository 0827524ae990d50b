"""One conversation, told in each dialect, is the same run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runback_gate.app.runs import executions
from runback_gate.capture.formats import Defaults, Transcripts, formats, read_transcripts
from tests.capture.formats.dialects import ANTHROPIC, CASES, CHAT, RESPONSES

WITHOUT_INSTRUCTIONS = {"adk", "openai-agents"}
"""Formats whose files do not hold them."""
WITHOUT_ERRORS = {"openai-responses", "otel-gen-ai", "sharegpt", "atif", "openai-agents"}
"""Formats that have no field for it."""


def read(value: object) -> Transcripts:
    found = read_transcripts(json.dumps(value).encode(), "x.json", Defaults())
    assert found.faults == []
    return found


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{at}" for at, (name, _) in enumerate(CASES)])
def test_the_same_run(name: str, value: Any) -> None:
    """Instructions, words, the call with its arguments, its result and its error."""
    found = read(value)
    (run,) = found.runs
    first, last = run.steps
    assert found.format == name
    assert first.request.system == (None if name in WITHOUT_INSTRUCTIONS else "Be kind.")
    assert [message.content for message in first.request.messages] == ["Refund?"]
    assert first.response.text == ("" if name == "sharegpt" else "One moment.")
    assert last.response.text == "Sorry."
    (call,) = executions(run)
    assert (call.name, json.loads(call.arguments)) == ("refund", {"amount": 250})
    assert "limit" in (call.result or "")
    assert (call.error is None) == (name in WITHOUT_ERRORS)


@pytest.mark.parametrize("name", [name for name, _ in CASES])
def test_every_format_has_a_name(name: str) -> None:
    """What `--format` takes is what an import says that it found."""
    known = {"tau2", "swe-agent", "mini-swe-agent", "atif", "adk"}
    assert name in formats() or (name in known and "tasks" in formats())


def test_lines_of_one_answer_of_claude_code() -> None:
    """Lines of one message are one answer; side chains are runs of their own, summaries are none."""
    lines: list[dict[str, Any]] = [
        {"type": "summary", "summary": "s", "leafUuid": "u9"},
        {"type": "user", "uuid": "u1", "sessionId": "s", "message": {"role": "user", "content": "look"}},
    ]
    for uuid, part in (("u2", {"type": "text", "text": "I look."}), ("u3", ANTHROPIC[1]["content"][2])):
        message = {"id": "m1", "role": "assistant", "model": "claude-x", "content": [part]}
        lines.append({"type": "assistant", "uuid": uuid, "sessionId": "s", "message": message})
    lines.append({"type": "user", "uuid": "u4", "sessionId": "s", "message": ANTHROPIC[2]})
    lines.append({"type": "assistant", "uuid": "u5", "sessionId": "s", "isSidechain": True, "message": ANTHROPIC[3]})
    data = "\n".join(map(json.dumps, lines)).encode()
    found = read_transcripts(data, "session.jsonl", Defaults())
    assert [[step.response.text for step in run.steps] for run in found.runs] == [["I look."], ["Sorry."]]
    assert (found.runs[0].agent, found.runs[0].steps[0].request.model) == ("claude-code", "anthropic/claude-x")
    (call,) = executions(found.runs[0])
    assert (call.result, call.error) == ("limit", "limit")


def test_lines_of_codex() -> None:
    """A session of Codex: its instructions, its model, its items."""
    lines = [
        {"type": "session_meta", "payload": {"id": "s", "base_instructions": {"text": "Be kind."}}},
        {"type": "turn_context", "payload": {"model": "gpt-5-codex"}},
        *({"type": "response_item", "payload": item} for item in RESPONSES),
        {"type": "event_msg", "payload": {"type": "token_count"}},
    ]
    found = read_transcripts("\n".join(map(json.dumps, lines)).encode(), "rollout.jsonl", Defaults())
    assert found.format == "codex"
    assert [step.response.text for step in found.runs[0].steps] == ["One moment.", "Sorry."]
    assert found.runs[0].steps[0].request.model == "openai/gpt-5-codex"


@pytest.mark.parametrize("field", ["responses", "tool_results", "systemPrompt", "outputs"])
@pytest.mark.parametrize(("name", "value"), [case for case in CASES if isinstance(case[1], list)])
def test_nothing_that_may_decide_is_passed_over(name: str, value: Any, field: str) -> None:
    """A field of any message that sounds like an answer, a result or instructions is a refusal with its path."""
    del name
    odd = json.loads(json.dumps(value))
    place = odd[-1]["kwargs"] if "kwargs" in odd[-1] else odd[-1]
    place[field] = "something else"
    found = read_transcripts(json.dumps(odd).encode(), "x.json", Defaults())
    assert found.runs == []
    assert field in str(found.faults[0])


def test_one_bad_conversation_does_not_hide_the_others() -> None:
    """It is named with its place; the rest is read, and numbered as if nothing were wrong."""
    bad = [{"role": "user", "content": 7}]
    found = read_transcripts(json.dumps([CHAT, bad, CHAT]).encode(), "x.json", Defaults())
    assert [run.id[:6] for run in found.runs] == ["x-0001", "x-0003"]
    assert str(found.faults[0]) == "x.json: [1][0].content: a list was expected"
