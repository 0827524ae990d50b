"""The span processor tells the recorder of runs of tools."""

from __future__ import annotations

from pathlib import Path

import runback_gate
from runback_gate.capture.otlp.span_processor import RecorderSpanProcessor
from runback_gate.capture.runs import read_run
from tests.capture.otlp.processor import ended

TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.arguments": "{}"}


def test_runs_of_tools(tmp_path: Path) -> None:
    """A span of a tool is a run of it, with its time and error; spans of models and broken ones are none."""
    processor = RecorderSpanProcessor()
    processor.on_end(ended(TOOL))  # nothing is recorded
    with runback_gate.record("a", out=tmp_path, redact="off") as run:
        processor.on_start(ended(TOOL))
        processor.on_end(ended(TOOL, failed=True))
        processor.on_end(ended({"gen_ai.operation.name": "chat"}))
        processor.on_end(object())
    assert processor.force_flush()
    processor.shutdown()
    (found,) = read_run((tmp_path / f"{run.id}.jsonl").read_bytes(), "run").tool_runs
    assert (found.name, found.arguments, found.error, found.duration_ms) == ("f", "{}", "boom", 4)
