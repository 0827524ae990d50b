"""A trace processor of the OpenAI Agents SDK.

In: spans, as they end. Out: runs of tools, in the run that is recorded.

    from agents import add_trace_processor
    from runback_gate.capture.callbacks.openai_agents import RecorderTraceProcessor

    add_trace_processor(RecorderTraceProcessor())
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runback_gate.capture.outside import complain
from runback_gate.capture.recorder import put_tool_run
from runback_gate.capture.tool_runs import json_text
from runback_gate.step import ToolRun


class RecorderTraceProcessor:
    """The interface is that of `agents.tracing.TracingProcessor`; it raises nothing."""

    def on_trace_start(self, trace: Any) -> None:
        """Nothing: a trace is a run, and the run goes on already."""

    def on_trace_end(self, trace: Any) -> None:
        """Nothing, as above."""

    def on_span_start(self, span: Any) -> None:
        """Nothing: a span tells all of it at its end."""

    def on_span_end(self, span: Any) -> None:
        """Record the run of a tool."""
        try:
            if span.span_data.type == "function":
                put_tool_run(lambda: _tool_run(span))
        except Exception as error:  # noqa: BLE001  the agent goes on whatever a span holds
            complain(f"a span is not recorded: {type(error).__name__}")

    def shutdown(self) -> None:
        """Nothing: the recorder ends with its run."""

    def force_flush(self) -> None:
        """Nothing waits here."""


def _tool_run(span: Any) -> ToolRun:
    data, error = span.span_data, span.error
    result = data.output if data.output is None or isinstance(data.output, str) else json_text(data.output)
    words = None if error is None else str(error.get("message") or "error")
    if words is not None and (detail := (error.get("data") or {}).get("error")):
        words = f"{words}: {detail}"
    took = datetime.fromisoformat(span.ended_at) - datetime.fromisoformat(span.started_at)
    milliseconds = max(0, int(took.total_seconds() * 1000))
    return ToolRun(-1, 0, data.name, data.input or "", "", result, words, span.started_at, milliseconds)
