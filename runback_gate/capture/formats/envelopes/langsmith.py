"""Runs exported from LangSmith.

In: `{"id": …, "run_type": "llm", "trace_id": …, "inputs": {…}, "outputs": {…}}`, one a line, a list of these, the
answer to a query (`runs`), or a run with its `child_runs`. Out: one conversation a trace.

https://docs.smith.langchain.com/reference/data_formats/run_data_format. Answers are the outputs of runs of models,
never what chains repeat of them; results of tools come from the next input, else from the run of the tool. A bulk
export writes inputs, outputs and extra as texts of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import read_body
from runback_gate.capture.formats.exchange import open_tool_runs, parsed, read_call
from runback_gate.capture.formats.model import Call, Conversation, Located, finish_reason, token_usage
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Response
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "langsmith"
KEYS: Final = "run_type, trace_id, dotted_order, inputs, outputs, child_runs"
BESIDE: Final = frozenset("extra events serialized inputs_preview outputs_preview feedback_stats manifest".split())
"""Settings, streamed tokens and shortened copies."""

_PLACES = ("trace_id", "dotted_order", "parent_run_id", "child_runs", "session_id")
_SAID = ("inputs", "outputs", "error")
_PARAMETERS = frozenset(
    "temperature top_p max_tokens max_completion_tokens seed stop n presence_penalty frequency_penalty tool_choice "
    "response_format parallel_tool_calls reasoning_effort".split()
)
_MAX_DEPTH = 64


def is_run(value: Any) -> bool:
    """Whether this is a run of LangSmith."""
    return isinstance(value, dict) and isinstance(value.get("run_type"), str) and any(name in value for name in _PLACES)


def matches(values: Sequence[Any]) -> bool:
    """Whether these are runs."""
    found = [run.value for value in values[:20] for run in _listed(Located("$", None, value))]
    return bool(found) and all(is_run(value) for value in found[:20])


def _listed(where: Located) -> list[Located]:
    """The runs of a list, or of the answer to a query; one run by itself."""
    value, place = where.value, where
    if isinstance(value, dict) and isinstance(value.get("runs"), list):
        place = where.child(".runs", value["runs"])
        value = value["runs"]
    return [place.child(f"[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else [where]


def split(records: Records) -> Iterator[Located]:
    """One trace each: the runs of it, wherever in the file they stand."""
    traces: dict[Any, list[Located]] = {}
    for item in records.values:
        for one in _listed(item):
            for run in _with_children(one, 0):
                value = run.value if isinstance(run.value, dict) else {}
                trace = value.get("trace_id") or str(value.get("dotted_order") or "").partition(".")[0]
                traces.setdefault(trace or _root(one.value), []).append(run)
    for runs in traces.values():
        yield Located(runs[0].place, runs[0].line, runs)


def _root(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else None


def _with_children(where: Located, depth: int) -> Iterator[Located]:
    """A run, without the runs in it, and these."""
    value = where.value
    children = value.get("child_runs") if isinstance(value, dict) else None
    if not isinstance(children, list) or depth > _MAX_DEPTH:
        yield where
        return
    yield where.child("", {name: item for name, item in value.items() if name != "child_runs"})
    for index, child in enumerate(children):
        known = {**child, "parent_run_id": value.get("id")} if isinstance(child, dict) else child
        yield from _with_children(where.child(f".child_runs[{index}]", known), depth + 1)


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a trace."""
    located: list[Located] = where.value
    for item in located:
        if not is_run(item.value):
            raise NotUnderstoodError(item.place, "a run of LangSmith was expected")
    runs = sorted(located, key=lambda item: (str(item.value.get("start_time")), str(item.value.get("dotted_order"))))
    models = _models(runs)
    inner = {id(item) for item in models}
    for item in runs:
        if id(item) not in inner:
            # What chains and tools went in with and came out with stands in the calls of models.
            reader.passed += [item.value.get(name) for name in _SAID]
    root = next((item.value for item in runs if not item.value.get("parent_run_id")), runs[0].value)
    labels = {name: root[name] for name in ("id", "name", "tags", "session_name") if root.get(name)}
    if not models:
        return (_of_state(where, root, labels, reader),)
    calls, api = [], None
    for item in models:
        call, asked = _call(item, reader)
        calls.append(call)
        api = asked.api if asked is not None else api
    said = [[item.value.get("inputs"), item.value.get("outputs")] for item in models]
    error = str(root["error"]) if root.get("error") else None
    tools = tuple(open_tool_runs(calls, map(_tool_run, (item.value for item in runs if _kind(item) == "tool"))))
    return (
        Conversation(
            where,
            said,
            NAME,
            calls=calls,
            api=api,
            labels=labels,
            tool_runs=tools,
            status="error" if error else None,
            error=error,
        ),
    )


def _kind(where: Located) -> str:
    kind: str = where.value["run_type"]
    return kind


def _models(runs: Sequence[Located]) -> list[Located]:
    """The runs of models; one that wraps another is the same call."""
    parents = {item.value.get("id"): item.value.get("parent_run_id") for item in runs}
    models = [item for item in runs if _kind(item) == "llm"]
    around = set()
    for item in models:
        above = item.value.get("parent_run_id")
        for _ in range(len(parents)):
            if above is None or above in around:
                break
            around.add(above)
            above = parents.get(above)
    return [item for item in models if item.value.get("id") not in around]


def _call(where: Located, reader: Reader) -> tuple[Call, Conversation | None]:
    run = where.value
    about = _about(run)
    request = where.child(".inputs", _request(_value(run, "inputs"), _settings(run)))
    if run.get("error") or run.get("outputs") in (None, "", {}):
        if not run.get("error"):
            raise NotUnderstoodError(where.place, "no answer: the run has neither outputs nor an error")
        reader.passed.append(run.get("outputs"))
        call, asked = read_call(request, where.child("", ""), reader, **about)
        return replace(call, response=Response(error=str(run["error"]))), asked
    outputs = _value(run, "outputs")
    answer, reason = _answer(outputs)
    call, asked = read_call(request, where.child(".outputs", answer), reader, **about)
    response = call.response
    if response.finish_reason is None and reason is not None:
        response = replace(response, finish_reason=reason)
    if response.usage.input_tokens is None:
        response = replace(response, usage=token_usage(run))
    return replace(call, response=response), asked


def _value(run: Mapping[str, Any], name: str) -> Any:
    return parsed(Located("", None, run.get(name))).value


def _settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """What the model was called with beside its messages."""
    extra = _value(run, "extra")
    found = extra.get("invocation_params") if isinstance(extra, dict) else None
    return found if isinstance(found, dict) else {}


def _about(run: Mapping[str, Any]) -> dict[str, Any]:
    extra, given = _value(run, "extra"), _settings(run)
    metadata = extra.get("metadata") if isinstance(extra, dict) else None
    named = metadata if isinstance(metadata, dict) else {}
    model = named.get("ls_model_name") or given.get("model") or given.get("model_name")
    provider = named.get("ls_provider")
    if isinstance(model, str) and isinstance(provider, str) and provider and "/" not in model:
        model = f"{_PROVIDERS.get(provider, provider)}/{model}"
    parameters = {name: item for name, item in given.items() if name in _PARAMETERS and item is not None}
    at = run.get("start_time")
    return {
        "model": model if isinstance(model, str) else None,
        "parameters": parameters or None,
        "at": str(at) if at else None,
    }


_PROVIDERS = {"amazon_bedrock": "bedrock", "google_genai": "gemini", "google_vertexai": "vertex_ai"}
"""Names of LangChain that are others than those of the providers."""


def _request(inputs: Any, given: Mapping[str, Any]) -> Any:
    """The body of a request; of prompts of a model that completes, the one that there is."""
    if not isinstance(inputs, dict):
        return inputs
    prompts = inputs.get("prompts")
    if isinstance(prompts, list) and len(prompts) == 1:
        return prompts[0]
    messages = inputs.get("messages")
    if isinstance(messages, list) and len(messages) == 1 and isinstance(messages[0], list):
        inputs = {**inputs, "messages": messages[0]}  # LangChain: a batch of one
    tools = given.get("tools") or given.get("functions")
    if tools and not inputs.get("tools") and isinstance(inputs.get("messages"), list):
        return {**inputs, "tools": tools}
    (only,) = inputs.values() if len(inputs) == 1 else (None,)
    return only if isinstance(only, str) else inputs


def _answer(outputs: Any) -> tuple[Any, str | None]:
    """An answer, and why it ended where that stands beside it."""
    if not isinstance(outputs, dict):
        return outputs, None
    generations = outputs.get("generations")
    if isinstance(generations, list) and len(generations) == 1:
        (found,) = generations
        found = found[0] if isinstance(found, list) and len(found) == 1 else found
        if isinstance(found, dict):
            info = found.get("generation_info")
            reason = finish_reason(info.get("finish_reason")) if isinstance(info, dict) else None
            message = found.get("message")
            return (message if isinstance(message, dict) else found.get("text")), reason
    if len(outputs) == 1 and isinstance(outputs.get("output"), (dict, str)):
        return outputs["output"], None
    return outputs, None


def _tool_run(run: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Name, result and error of the run of a tool."""
    outputs = _value(run, "outputs")
    if isinstance(outputs, dict) and len(outputs) == 1:
        (outputs,) = outputs.values()
    if isinstance(outputs, dict):  # a message of LangChain
        kwargs = outputs.get("kwargs")
        outputs = (kwargs if isinstance(kwargs, dict) else outputs).get("content", outputs)
    text = outputs if isinstance(outputs, str) else json.dumps(outputs, ensure_ascii=False)
    return str(run.get("name")), text, str(run["error"]) if run.get("error") else None


def _of_state(where: Located, root: Mapping[str, Any], labels: dict[str, Any], reader: Reader) -> Conversation:
    """A trace without a run of a model: the messages that it ends with."""
    outputs = _value(root, "outputs")
    if not isinstance(outputs, dict) or not isinstance(outputs.get("messages"), list):
        raise NotUnderstoodError(where.place, "no run of a model, and no messages at its end")
    found = read_body(where.child(".outputs", {"messages": outputs["messages"]}), reader)
    return replace(found, where=where, format=NAME, labels=labels)
