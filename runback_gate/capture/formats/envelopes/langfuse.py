"""Traces exported from Langfuse.

In: `{"trace": …, "observations": [{"type": "GENERATION", "input": …, "output": …}]}`, a trace with its observations, or
a list of these. Out: one conversation a trace.

https://langfuse.com/docs/api-and-data-platform. Answers are the outputs of generations, never what their inputs repeat;
results of tools come from the next input, else from the observation of the tool.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import system_message
from runback_gate.capture.formats.exchange import open_tool_runs, parsed, read_answer, read_call, read_request
from runback_gate.capture.formats.model import Call, Conversation, Located, token_usage, without
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Message
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "langfuse"
KEYS: Final = "trace, observations[].type, startTime, traceId"
BESIDE: Final = frozenset(("metadata",))
"""What a library sent beside what it was asked."""

_LISTS = ("observations", "data")
_SAID = ("input", "output")
_LABELS = ("id", "name", "sessionId", "userId", "tags", "release", "version", "environment")


def matches(values: Sequence[Any]) -> bool:
    """Whether these are traces or their observations."""
    return bool(values) and all(bool(_observations(value)) for value in values[:20])


def _observations(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("observations") or (value.get("trace") or {}).get("observations") or value.get("data")
    found = value if isinstance(value, list) else []
    known = all(isinstance(item, dict) and {"type", "startTime"} <= item.keys() for item in found)
    return found if known else []


def split(records: Records) -> Iterator[Located]:
    """One trace each."""
    for item in records.values:
        traces: dict[Any, list[Located]] = {}
        for index, observation in enumerate(_observations(item.value)):
            found = item.child(f".observations[{index}]", observation)
            traces.setdefault(observation.get("traceId"), []).append(found)
        about = item.value if isinstance(item.value, dict) else {}
        trace = without(about.get("trace") or about, _LISTS)
        for number, observations in enumerate(traces.values()):
            yield item.child("", (trace, observations, {} if number else _rest(about)))


def _rest(about: dict[str, Any]) -> dict[str, Any]:
    """What a file holds beside the trace and its observations: the trace may list these once more."""
    trace = about.get("trace")
    again = trace.get("observations") if isinstance(trace, dict) and about.get("observations") else None
    copies = [without(item, _SAID) for item in again or () if isinstance(item, dict)]
    return {**without(about, ("trace", *_LISTS)), "trace": {"observations": copies}}


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a trace."""
    trace, located, _ = where.value
    ordered = sorted((item.value for item in located), key=lambda item: (str(item["startTime"]), str(item.get("id"))))
    inner = _inner(ordered)
    _pass_over_copies(trace, ordered, inner, reader)
    calls: list[Call] = []
    api = None
    for observation in inner:
        if observation.get("output") is None and not observation.get("statusMessage"):
            reader.ignored["a generation without an answer"] += 1
            continue
        call, asked = _call(where.child(f".observations[{observation.get('id')}]", observation), reader)
        calls.append(call)
        api = asked.api if asked is not None else api
    labels = {name: trace[name] for name in _LABELS if trace.get(name)}
    said = [[item.get("input"), item.get("output")] for item in inner]
    if not calls:
        return (_of_last_input(where, trace, inner, labels, reader),)
    system = _system(trace, where)
    tools = [item for item in ordered if item["type"] == "TOOL" and item.get("output") is not None]
    runs = tuple(open_tool_runs(calls, map(_tool_run, tools)))
    return (Conversation(where, said, NAME, calls=calls, api=api, system=system, labels=labels, tool_runs=runs),)


def _pass_over_copies(trace: Any, ordered: Sequence[Any], inner: Sequence[Any], reader: Reader) -> None:
    """What the trace, and the observations around generations and tools, went in with and came out with."""
    generations = {id(item) for item in inner}
    for item in (trace, *(item for item in ordered if id(item) not in generations)):
        reader.passed += [item.get(name) for name in _SAID]


def _inner(ordered: Sequence[Any]) -> list[Any]:
    """The generations; one that wraps another is the same call."""
    generations = [item for item in ordered if item["type"] == "GENERATION"]
    parents = {item.get("id"): item.get("parentObservationId") for item in ordered}
    around = set()
    for item in generations:
        above = item.get("parentObservationId")
        for _ in range(len(parents)):
            if above is None:
                break
            around.add(above)
            above = parents.get(above)
    return [item for item in generations if item.get("id") not in around]


def _call(where: Located, reader: Reader) -> tuple[Call, Any]:
    observation = where.value
    if observation.get("level") == "ERROR" and observation.get("output") is None:
        raise NotUnderstoodError(where.place, f"a generation that failed: {str(observation.get('statusMessage'))[:80]}")
    model = observation.get("model")
    given = observation.get("modelParameters")
    known = given.items() if isinstance(given, dict) else ()
    parameters = {name: value for name, value in known if value not in ("null", None)}
    at, input_ = str(observation["startTime"]), where.child(".input", observation.get("input"))
    about = {"model": model if isinstance(model, str) else None, "parameters": parameters or None, "at": at}
    call, asked = read_call(input_, where.child(".output", observation["output"]), reader, **about)
    if call.system is None and isinstance(output := parsed(where.child("", observation["output"])).value, dict):
        instructions = output.get("instructions")  # of an answer of Responses, which repeats the request
        if isinstance(instructions, str) and instructions:
            return replace(call, system=Message("system", instructions)), asked
    if call.response.usage.input_tokens is None:
        usage = token_usage(observation.get("usageDetails"))
        return replace(call, response=replace(call.response, usage=usage)), asked
    return call, asked


def _system(trace: Any, where: Located) -> Message | None:
    """The instructions that the input of the trace names."""
    value = parsed(where.child("", trace.get("input"))).value
    said = value.get("system") or value.get("instructions") if isinstance(value, dict) else None
    return system_message(said, f"{where.place}.trace.input") if isinstance(said, str) else None


def _tool_run(observation: dict[str, Any]) -> tuple[str, str, str | None]:
    """Name, result and error of the observation of a tool."""
    output = observation["output"]
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    failed = observation.get("statusMessage") or text if observation.get("level") == "ERROR" else None
    return str(observation.get("name")), text, failed


def _of_last_input(
    where: Located, trace: Any, generations: Sequence[Any], labels: dict[str, Any], reader: Reader
) -> Conversation:
    """A trace whose generations keep no answer: the conversation of the last input, and the answer of the trace."""
    asked = [item for item in generations if item.get("input") is not None]
    if not asked or trace.get("output") is None:
        raise NotUnderstoodError(where.place, "no answer: no generation of the trace has an output")
    last = asked[-1]
    found = read_request(parsed(where.child(".input", last["input"])), reader)
    answer = read_answer(parsed(where.child(".trace.output", trace["output"])), reader)
    entries = [*found.entries, answer]
    model = last.get("model")
    named = model if isinstance(model, str) else None
    return Conversation(where, found.said, NAME, entries, system=found.system, model=named, labels=labels)
