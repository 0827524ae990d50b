"""What an expression of a policy over runs sees: one plain JSON object for a whole run.

In: a run, and the fields of its steps that the rules read (`cel.reads`). Out: the roots `run`, `case` and `agent`.

    data = run_data(run, ALL)
    data["run"]["calls"][0]         # {"step": 0, "id": …, "name": …, "arguments": …, "result": …}

A call is one that an answer of the run asked for. Its result is what the recorder saw, else what a later request of the
same conversation says. Unknown values are absent, as everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.cel.projection import ALL
from runback_gate.policy.context import EVERYTHING, Layout, agent_facts, answer_facts, case_facts
from runback_gate.policy.embedded_json import arguments, fits, read_json
from runback_gate.policy.history import Unnamed
from runback_gate.step import Message, Response, Run, Step

MAX_RUN_BYTES = 64 << 20
"""Characters of conversations that are laid out for one run, where a rule reads what each step was asked."""

_MESSAGE = 64
"""What a message takes beside its text."""
_CONVERSATION = ("request.messages", "history")


def run_data(
    run: Run,
    reads: Collection[str] = ALL,
    *,
    labels: Mapping[str, str] | None = None,
    case: dict[str, JsonValue] | None = None,
    baselines: Mapping[int, Response] | None = None,
) -> dict[str, JsonValue]:
    """The roots that a rule over runs sees. Values are shared between steps: nobody may change them.

    Args:
        run: the run.
        reads: fields of steps, those of the request as `request.NAME`; others are left out.
        labels: of the agent config.
        case: the case that names the run; None for a run that is judged as it was recorded.
        baselines: the recorded answers by step, where the run is another one than was recorded.

    Raises:
        ValueError: the rules read what each step was asked, and that is more than `MAX_RUN_BYTES` together.
    """
    if fault := oversized(run, reads):
        raise ValueError(fault)
    layout = Layout(EVERYTHING)
    steps: list[JsonValue] = []
    for index, step in enumerate(run.steps):
        baseline = step.response if baselines is None else baselines.get(index)
        steps.append(_step(step, reads, labels, case, baseline, layout))
    whole: dict[str, JsonValue] = {
        "id": run.id,
        "agent": run.agent,
        "labels": {name: value if fits(value) else str(value) for name, value in run.labels.items()},
        "steps": steps,
        "calls": list(run_calls(run)),
    }
    if run.status is not None:
        whole["status"] = run.status
    return {"run": whole, "case": case or case_facts("", run.id, (), run.at), "agent": agent_facts(run.agent, labels)}


def _step(
    step: Step,
    reads: Collection[str],
    labels: Mapping[str, str] | None,
    case: dict[str, JsonValue] | None,
    baseline: Response | None,
    layout: Layout,
) -> JsonValue:
    """A step as a policy over steps sees it, but for the fields that nobody reads."""
    source = step.source
    wanted = {name.removeprefix("request.") for name in reads if name.startswith("request.")} - set(source.unknown)
    found: dict[str, JsonValue] = {
        "request": layout.request(step.request, wanted),
        "response": answer_facts(step.response),
        "case": case or case_facts("", f"{source.run}/{source.event}", (), source.at),
        "agent": agent_facts(step.agent, labels),
    }
    if "baseline" in reads:
        found["baseline"] = {} if baseline is None else answer_facts(baseline)
    if "history" in reads:
        found["history"] = layout.history.of(step.request.messages)
    return found


def oversized(run: Run, reads: Collection[str]) -> str:
    """Why a run is too large for rules that read these fields of its steps; empty where it is not."""
    left = MAX_RUN_BYTES
    for step in () if set(_CONVERSATION).isdisjoint(reads) else run.steps:
        for message in step.request.messages:
            left -= _MESSAGE + len(message.content) + sum(len(call.arguments) for call in message.tool_calls)
            if left < 0:
                return f"what the steps of the run were asked is more than {MAX_RUN_BYTES >> 20} MiB together"
    return ""


def run_calls(run: Run) -> Iterator[dict[str, JsonValue]]:
    """The tool calls that the answers of a run asked for, in order, with the step of each."""
    results = _results(run)
    for index, step in enumerate(run.steps):
        for place, call in enumerate(step.response.tool_calls):
            facts: dict[str, JsonValue] = {"step": index, "id": call.id, "name": call.name}
            yield {**facts, "arguments": arguments(call), **results.get((index, place), {})}


Results = dict[tuple[int, int], dict[str, JsonValue]]
"""`result` and `error` by step and place among its calls."""


def _results(run: Run) -> Results:
    found: Results = {}
    last: dict[str, tuple[int, Step]] = {}
    previous: tuple[int, Step] | None = None
    for index, step in enumerate(run.steps):
        for asked in (last.get(step.agent), previous):
            if asked is not None and _answered(*asked, step.request.messages, found):
                break
        last[step.agent] = previous = index, step
    for tool in run.tool_runs:
        told = {} if tool.result is None else {"result": read_json(tool.result)}
        told |= {} if tool.error is None else {"error": tool.error}
        if told:
            found[tool.step, tool.call] = told
    return found


def _answered(index: int, asked: Step, messages: Sequence[Message], found: Results) -> bool:
    """Note what messages say of the calls of a step; whether they say something.

    Where they go on from it, what was said since belongs to it; where they were cut or put otherwise, ids alone tell.
    """
    before, calls = asked.request.messages, asked.response.tool_calls
    # Conversations are long, and where the last message stands in its place the others mostly do as well.
    continued = len(messages) > len(before) and messages[len(before) - 1 : len(before)] == before[-1:]
    waiting = {call.id: place for place, call in enumerate(calls) if call.id}
    unnamed = Unnamed({"name": call.name, "place": place} for place, call in enumerate(calls) if not call.id)
    said = False
    for message in messages[len(before) :] if continued else messages:
        if message.role == "assistant" and said:
            # Results that name no call belong to the answer before them, which is now another one.
            unnamed = Unnamed(())
        if message.role != "tool":
            continue
        place: Any = waiting.pop(message.tool_call_id, None) if message.tool_call_id else None
        if place is None and not message.tool_call_id and continued and messages[: len(before)] == before:
            place = (unnamed.take(message.name) or {}).get("place")
        if place is not None:
            said = True
            error: dict[str, JsonValue] = {} if message.error is None else {"error": message.error}
            found[index, place] = {"result": read_json(message.content), **error}
    return said
