"""Callbacks of frameworks become runs of tools; the objects have the fields that the frameworks give them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import runback_gate
from runback_gate.capture.callbacks.langchain import ToolCallbacks
from runback_gate.capture.callbacks.openai_agents import RecorderTraceProcessor
from runback_gate.capture.runs import read_run
from runback_gate.step import ToolRun


def runs_of(folder: Path, run: runback_gate.Recording) -> tuple[ToolRun, ...]:
    return read_run((folder / f"{run.id}.jsonl").read_bytes(), "run").tool_runs


def test_langchain(tmp_path: Path) -> None:
    """A result, a failed message, an exception; tools at once are told apart by their runs."""
    handler = ToolCallbacks()
    with runback_gate.record("a", out=tmp_path, redact="off") as run:
        handler.on_tool_start({"name": "f"}, "{'a': 1}", run_id=1, inputs={"a": 1})
        handler.on_tool_start(None, "x", run_id=2, name="g")
        handler.on_tool_start({"name": "h"}, "x", run_id=3)
        handler.on_tool_end(SimpleNamespace(content="no", status="error", tool_call_id="c2"), run_id=2)
        handler.on_tool_end({"found": 7}, run_id=1)
        handler.on_tool_error(ValueError("bad"), run_id=3, tool_call_id="c3")
        handler.on_tool_end("late", run_id=9)  # one that never began
    found = [(item.name, item.arguments, item.id, item.result, item.error) for item in runs_of(tmp_path, run)]
    assert found == [
        ("g", "x", "c2", None, "no"),
        ("f", '{"a": 1}', "", '{"found": 7}', None),
        ("h", "x", "c3", None, "ValueError: bad"),
    ]


def span(kind: str, **fields: Any) -> Any:
    data = SimpleNamespace(type=kind, name="f", input='{"a": 1}', output=fields.pop("output", None))
    times = {"started_at": "2026-01-31T12:00:00+00:00", "ended_at": "2026-01-31T12:00:00.250000+00:00"}
    return SimpleNamespace(span_data=data, error=fields.pop("error", None), **times)


def test_openai_agents(tmp_path: Path) -> None:
    """Spans of functions are runs with their time; spans of models and broken ones are none."""
    processor = RecorderTraceProcessor()
    processor.on_span_end(span("function"))  # nothing is recorded
    with runback_gate.record("a", out=tmp_path, redact="off") as run:
        processor.on_trace_start(None)
        processor.on_span_start(span("function"))
        processor.on_span_end(span("function", output="found"))
        processor.on_span_end(span("function", error={"message": "failed", "data": {"error": "boom"}}))
        processor.on_span_end(span("generation"))
        processor.on_span_end(object())
        processor.on_trace_end(None)
    processor.force_flush()
    processor.shutdown()
    found = [(item.name, item.result, item.error, item.duration_ms) for item in runs_of(tmp_path, run)]
    assert found == [("f", "found", None, 250), ("f", None, "failed: boom", 250)]
