"""Runs out of exported spans.

In: spans of any of the conventions. Out: `Run`s, each step with its grade, and what kept others from being one.

    found = read_otlp(data, path="traces.json")
    found.runs, found.notices

Steps of one trace, of one conversation id, or of one conversation make a run, in the order of their start. A span that
tells of calls below it is not one more call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from runback_gate.canonical import digest_bytes
from runback_gate.capture.exchange import Redact
from runback_gate.capture.log import Redaction
from runback_gate.capture.open_calls import OpenCalls
from runback_gate.capture.otlp.call import find
from runback_gate.capture.otlp.document import Batch
from runback_gate.capture.otlp.model import ModelCall, NoContent, Span, ToolSpan, rfc3339
from runback_gate.capture.otlp.steps import step_of
from runback_gate.capture.runs import Conversations, Turns
from runback_gate.capture.stitching import Stitcher
from runback_gate.frozen import dataclass
from runback_gate.step import Run, Step, ToolRun

_MAX_DEPTH = 256
_AGENT = ("gen_ai.agent.name", "agent.name", "ai.telemetry.functionId")


@dataclass(frozen=True, slots=True)
class OtlpRuns:
    """What came of an export."""

    runs: tuple[Run, ...]
    calls: int = 0
    """Calls of models that the spans tell of."""
    without_content: int = 0
    """Those of them that tell nothing of what was said; they are no steps."""
    other_spans: int = 0
    """Spans that are neither a call of a model nor a run of a tool."""
    traces: tuple[frozenset[str], ...] = ()
    """Of each run, the ids of its traces."""
    notices: tuple[str, ...] = ()
    """What to set where the exporter runs."""


def read_otlp(
    data: bytes | Sequence[bytes], *, path: str = "otlp", agent: str | None = None, redaction: Redaction | None = None
) -> OtlpRuns:
    """The runs of an export.

    Args:
        data: the export; or several that belong together, such as the traces and the logs of one process.
        path: names it in errors.
        agent: name of the agent; None for the one that the spans tell, else their service.
        redaction: what is applied to each body before it is read; None for nothing.

    Raises:
        InputError: not an export of OTLP.
    """
    batch = Batch()
    for item in (data,) if isinstance(data, bytes) else data:
        batch.add(item, path)
    return runs_of(batch.spans(), agent=agent, redaction=redaction)


def runs_of(spans: Iterable[Span], *, agent: str | None = None, redaction: Redaction | None = None) -> OtlpRuns:
    """The runs of spans that come in the order of their start."""
    by_id = {(span.trace, span.id): span for span in spans}
    found = [find(span) for span in by_id.values()]
    calls = _innermost([item for item in found if isinstance(item, ModelCall)], by_id)
    silent = [item for item in found if isinstance(item, NoContent)]
    groups = _grouped(calls, by_id, agent, redaction)
    tools = [item for item in found if isinstance(item, ToolSpan)]
    runs = tuple(group.run(tools, by_id, redaction) for group in groups)
    others = len(found) - len(silent) - len(tools) - sum(isinstance(item, ModelCall) for item in found)
    notices = tuple(
        f"{number:,} model call{'s' if number > 1 else ''} without content: set {setting}"
        for setting, number in sorted(Counter(item.setting for item in silent).items())
    )
    traces = tuple(frozenset(group.traces) for group in groups)
    return OtlpRuns(runs, len(calls) + len(silent), len(silent), others, traces, notices)


def _innermost(calls: list[ModelCall], by_id: dict[tuple[str, str], Span]) -> list[ModelCall]:
    """The calls that have no call below them: a framework and the client below it tell of the same one."""
    ids = {(call.span.trace, call.span.id) for call in calls}
    outer = {key for call in calls for key in _above(call.span, by_id) if key in ids}
    return [call for call in calls if (call.span.trace, call.span.id) not in outer]


def _above(span: Span, by_id: dict[tuple[str, str], Span]) -> Iterable[tuple[str, str]]:
    for _ in range(_MAX_DEPTH):
        key = (span.trace, span.parent)
        if not span.parent or key not in by_id:
            return
        yield key
        span = by_id[key]


def _agent(call: ModelCall, by_id: dict[tuple[str, str], Span]) -> str | None:
    above = (by_id[key].attributes for key in _above(call.span, by_id))
    for attributes in (call.span.attributes, *above):
        for name in _AGENT:
            if isinstance(found := attributes.get(name), str) and found:
                return found
    return call.agent


class _Group:
    """The steps of one run."""

    def __init__(self, call: ModelCall, agent: str) -> None:
        self.first, self.agent = call, agent
        word = re.sub(r"[^A-Za-z0-9]+", "-", agent).strip("-").lower()[:60] or "run"
        self.id = f"{word}-{digest_bytes(f'{call.span.trace} {call.span.id}'.encode())[7:19]}"
        self.traces: set[str] = set()
        self.steps: list[Step] = []

    def run(self, tools: list[ToolSpan], by_id: dict[tuple[str, str], Span], redaction: Redaction | None) -> Run:
        conversations, calls = Conversations(), OpenCalls(None)
        turns = Turns(conversations.turn(step) for step in self.steps)
        for number, step in enumerate(self.steps):
            calls.answered(number, step.response)
        clean = _cleaner(redaction)
        runs = [calls.paired(tool_run_of(tool, clean)) for tool in tools if tool.span.trace in self.traces]
        failed = [span for span in by_id.values() if span.trace in self.traces and not span.parent and span.error]
        labels = {"service": self.first.span.resource.get("service.name"), "conversation": self.first.conversation}
        return Run(
            self.id,
            self.agent,
            turns,
            clean({name: value for name, value in labels.items() if value is not None}),
            tool_runs=tuple(sorted(runs, key=lambda run: (run.step, run.call))),
            status="error" if failed else None,
            error=clean(failed[-1].error) if failed else None,
            at=rfc3339(self.first.span.start),
            redaction=redaction.header() if redaction else {},
        )


def _grouped(
    calls: list[ModelCall], by_id: dict[tuple[str, str], Span], agent: str | None, redaction: Redaction | None
) -> list[_Group]:
    stitcher, groups = Stitcher(), dict[str, _Group]()
    known: dict[tuple[str, str], str] = {}
    clean = _cleaner(redaction)
    for call in calls:
        name = agent or clean(_agent(call, by_id) or str(call.span.resource.get("service.name") or "agent"))
        step = step_of(call, name, redaction)
        marks = [mark for mark in (("trace", call.span.trace), ("conversation", call.conversation or "")) if mark[1]]
        key = next((known[mark] for mark in marks if mark in known), None) or stitcher.find(step.request)
        if key is None:
            made = _Group(call, name)
            key = made.id
            groups[key] = made
        group = groups[key]
        source = replace(step.source, run=group.id, event=len(group.steps))
        group.steps.append(replace(step, source=source))
        group.traces.add(call.span.trace)
        known |= dict.fromkeys(marks, key)
        stitcher.answered(key, step.request, step.response)
    return list(groups.values())


def tool_run_of(tool: ToolSpan, clean: Any) -> ToolRun:
    """The run of a tool that a span tells of; which call asked for it is still to be found."""
    span = tool.span
    took = max(0, span.end - span.start) // 1_000_000
    error = clean(span.error) if span.error else None
    return ToolRun(
        -1,
        0,
        clean(tool.name),
        clean(tool.arguments),
        clean(tool.id),
        clean(tool.result),
        error,
        rfc3339(span.start),
        took,
    )


def _cleaner(redaction: Redaction | None) -> Any:
    apply: Redact | None = redaction.apply if redaction else None
    return lambda value: value if apply is None or value in (None, "", {}) else apply(value)[0]
