"""A span processor of OpenTelemetry that tells the recorder the arguments, results and errors of tool runs.

In: spans of this process, as they end. Out: runs of tools in the run that is recorded.

    from opentelemetry import trace
    from runback_gate.capture.otlp.span_processor import RecorderSpanProcessor

    trace.get_tracer_provider().add_span_processor(RecorderSpanProcessor())

Calls of models are recorded where they are sent, byte for byte; their spans would tell less, and are left out. It needs
no package of OpenTelemetry itself, and raises nothing.
"""

from __future__ import annotations

from typing import Any

from runback_gate.capture.otlp.call import find
from runback_gate.capture.otlp.model import Span, ToolSpan
from runback_gate.capture.otlp.reader import tool_run_of
from runback_gate.capture.outside import complain
from runback_gate.capture.recorder import put_tool_run


class RecorderSpanProcessor:
    """The interface is that of `opentelemetry.sdk.trace.SpanProcessor`."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Nothing: a span tells all of it at its end."""

    def _on_ending(self, span: Any) -> None:
        """Nothing, as above."""

    def on_end(self, span: Any) -> None:
        """Record the run of a tool."""
        try:
            found = find(_span(span))
            if isinstance(found, ToolSpan):
                put_tool_run(lambda: tool_run_of(found, lambda value: value))
        except Exception as error:  # noqa: BLE001  the agent goes on whatever a span holds
            complain(f"a span is not recorded: {type(error).__name__}")

    def shutdown(self) -> None:
        """Nothing: the recorder ends with its run."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  the interface is OpenTelemetry's
        """Nothing waits here."""
        return True


def _span(span: Any) -> Span:
    context, status = span.context, getattr(span, "status", None)
    failed = getattr(getattr(status, "status_code", None), "name", "") == "ERROR"
    scope = getattr(span, "instrumentation_scope", None)
    return Span(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        "",
        span.name,
        getattr(scope, "name", "") or "",
        {name: list(value) if isinstance(value, tuple) else value for name, value in (span.attributes or {}).items()},
        start=span.start_time or 0,
        end=span.end_time or 0,
        error=(status.description or "error") if failed and status is not None else None,
    )
