"""Runs as lines and as JSON: what `runs list` and `runs show` say.

In: runs. Out: a `RunSummary` each, and the lines or the JSON of a run or of one of its steps.

    summaries = [summary(run) for run in runs]
    run_json(run)["steps"][0]["grade"]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.report.text import line, short
from runback_gate.step import Message, Run, Step, ToolCall, to_json
from runback_gate.store.prune import StoredRun, remove, stored_runs, to_remove

WIDTH = 100
"""Bytes of a text that a line shows."""
_AHEAD = 64
"""How many steps later a result is looked for: other agents may have asked in between."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of a list of runs."""

    run: str
    agent: str
    at: str | None
    """RFC 3339 time of its start, or of its first step."""
    status: str | None
    steps: int
    calls: int
    errors: int
    """Steps without an answer, and tool runs that failed."""
    parent: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A call that a model asked for, with what came of it."""

    step: int
    name: str
    arguments: str
    result: str | None
    """None while nobody saw one."""
    error: str | None


def summary(run: Run) -> RunSummary:
    """What a list says of a run."""
    steps = list(run.steps)
    calls = executions(run)
    failed = sum(step.response.error is not None for step in steps) + sum(call.error is not None for call in calls)
    at = run.at or next((step.source.at for step in steps if step.source.at), None)
    return RunSummary(run.id, run.agent, at, run.status, len(steps), len(calls), failed, run.parent)


def executions(run: Run) -> tuple[Execution, ...]:
    """Every call of the run's answers in order; its result is from the tool's run, or from the next request."""
    steps = run.steps
    ran = {(tool.step, tool.call): tool for tool in run.tool_runs}
    found = []
    for number, step in enumerate(steps):
        if not step.response.tool_calls:
            continue
        results = _results(steps, number)
        for place, call in enumerate(step.response.tool_calls):
            tool = ran.pop((number, place), None)
            message = results.get(place)
            result = tool.result if tool is not None else None if message is None else message.content
            error = tool.error if tool is not None else None if message is None else message.error
            found.append(Execution(number, call.name, call.arguments, result, error))
    own = (Execution(tool.step, tool.name, tool.arguments, tool.result, tool.error) for tool in ran.values())
    return (*found, *own)


def _results(steps: Sequence[Step], number: int) -> dict[int, Message]:
    """What later requests say came of the calls of an answer, by the place of the call."""
    calls = steps[number].response.tool_calls
    before = len(steps[number].request.messages)
    for later in range(number + 1, min(len(steps), number + 1 + _AHEAD)):
        messages = steps[later].request.messages[before:]
        asked = next((at for at, message in enumerate(messages) if _asks(message, calls)), None)
        if asked is None:
            continue
        answers = []
        for message in messages[asked + 1 :]:
            if message.role != "tool":
                break
            answers.append(message)
        by_id = {message.tool_call_id: message for message in answers if message.tool_call_id}
        named = {place: by_id[call.id] for place, call in enumerate(calls) if call.id in by_id}
        return named or dict(enumerate(answers[: len(calls)]))
    return {}


def _asks(message: Message, calls: Sequence[ToolCall]) -> bool:
    return [call.name for call in message.tool_calls] == [call.name for call in calls] and all(
        one.id == other.id or not one.id for one, other in zip(message.tool_calls, calls, strict=True)
    )


def run_json(run: Run) -> dict[str, Any]:
    """A run: its steps, its calls with their results, how it ended."""
    calls = ({key: getattr(call, key) for key in Execution.__slots__} for call in executions(run))
    return {
        "run": run.id,
        "agent": run.agent,
        "status": run.status,
        "error": run.error,
        "output": run.output,
        "parent": run.parent,
        "labels": run.labels,
        "redaction": run.redaction,
        "steps": list(_steps(run)),
        "calls": list(calls),
        "notes": [to_json(note) for note in run.notes],
    }


def _steps(run: Run) -> Iterator[dict[str, JsonValue]]:
    for index, step in enumerate(run.steps):
        yield step_json(step, index)


def step_json(step: Step, index: int) -> dict[str, JsonValue]:
    """One step, as it stands in the JSON of its run."""
    request, response, source = step.request, step.response, step.source
    return {
        "index": index,
        "agent": step.agent,
        "api": source.api or request.api,
        "grade": source.grade,
        "unknown": list(source.unknown),
        "lost": list(source.lost),
        "model": request.model,
        "system": request.system,
        "parameters": request.parameters,
        "text": response.text,
        "reasoning": bool(response.reasoning),
        "refusal": response.refusal or None,
        "calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in response.tool_calls],
        "finish_reason": response.finish_reason,
        "error": response.error,
        "usage": to_json(response.usage),
        "latency_ms": response.latency_ms,
        "at": source.at,
    }


def step_request_json(step: Step, index: int) -> dict[str, JsonValue]:
    """One step with its whole request and answer."""
    return {**step_json(step, index), "request": to_json(step.request), "response": to_json(step.response)}


def summaries_json(rows: Sequence[RunSummary]) -> dict[str, Any]:
    """A list of runs."""
    return {"runs": [dataclasses.asdict(row) for row in rows]}


def summary_lines(rows: Sequence[RunSummary], folder: Path) -> Iterator[str]:
    """A line for each run of a folder, and how many they are."""
    size = max((len(row.run) for row in rows), default=3)
    for row in rows:
        counts = f"{row.steps:5} steps {row.calls:5} calls {row.errors:4} errors"
        yield f"{line(row.run):{size}}  {row.status or '-':9}  {counts}  {row.at or '-'}  {line(row.agent)}"
    yield f"{many(len(rows), 'run')} in {line(folder.as_posix())}/"


def run_lines(run: Run) -> Iterator[str]:
    """A run: a line for each step, for each call with its result, for each note."""
    yield f"{line(run.id)}  {line(run.agent)}  {run.status or 'end not recorded'}"
    if run.error:
        yield f"  error   {short(run.error, WIDTH)}"
    calls: dict[int, list[Execution]] = {}
    for call in executions(run):
        calls.setdefault(call.step, []).append(call)
    for index, step in enumerate(run.steps):
        answer = step.response
        finish = short(answer.finish_reason or "-", WIDTH)
        shown = short(answer.error or answer.text or answer.refusal, WIDTH)
        yield f"  {index:5}  {short(step.request.model or '-', WIDTH)}  {step.source.grade}  {finish}  {shown}"
        for number, call in enumerate(calls.get(index, ())):
            result = f"error: {short(call.error, WIDTH)}" if call.error else short(call.result or "-", WIDTH)
            yield f"    {index}.{number}  {_call(call)} -> {result}"
    for note in run.notes:
        yield f"  {note.kind}  {short(str(note.value), WIDTH)}"


def step_lines(step: Step, index: int) -> Iterator[str]:
    """A step: its conversation, then its answer."""
    grade = f"{step.source.grade}, {step.source.api or 'no wire format'}"
    yield f"step {index} of {line(step.source.run)}: {grade}"
    if step.source.lost:
        yield f"lost       {line(', '.join(step.source.lost))}"
    if step.request.system is not None:
        yield f"system     {short(step.request.system, WIDTH)}"
    for message in step.request.messages:
        yield f"{message.role:10} {short(message.content, WIDTH)}"
        for call in message.tool_calls:
            yield f"{'call':10} {_call(call)}"
    yield f"{'answer':10} {line(step.response.error or step.response.text or '-')}"
    for call in step.response.tool_calls:
        yield f"{'call':10} {short(call.name, WIDTH)}({line(call.arguments)})"


def _call(call: Execution | ToolCall) -> str:
    return f"{short(call.name, WIDTH)}({short(call.arguments, WIDTH)})"


def prune_runs(
    folder: Path, now: float, *, older: float | None, max_bytes: int | None, dry_run: bool
) -> tuple[tuple[StoredRun, ...], tuple[StoredRun, ...]]:
    """Remove runs by age and size; those that went, or would, and those that stay.

    Raises:
        InputError: a file cannot be read, or removed.
    """
    runs = stored_runs(folder)
    gone = to_remove(runs, now, older=older, max_bytes=max_bytes)
    for run in () if dry_run else gone:
        remove(run)
    return tuple(gone), tuple(run for run in runs if run not in gone)


def pruned_run_lines(found: tuple[tuple[StoredRun, ...], tuple[StoredRun, ...]], *, dry_run: bool) -> Iterator[str]:
    """What went and what stays, or would."""
    words = ("would remove", "would keep") if dry_run else ("removed", "kept")
    for word, runs in zip(words, found, strict=True):
        yield f"{word} {many(len(runs), 'run')}, {sum(run.size for run in runs) / 1e6:,.1f} MB"
