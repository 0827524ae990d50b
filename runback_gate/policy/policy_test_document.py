"""Policy tests as people write them: steps and runs, and what each rule must say of them.

In: `kind: PolicyTest` YAML. Out: `PolicyTest` values whose cases give the data that expressions see. `conformance` runs
them.

    test = policy_test(document)
    test.cases[0].data          # {"request": …, "response": …, "history": […], …}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator

from runback_gate.canonical import DIGEST, JsonValue
from runback_gate.cel.environment import Scope
from runback_gate.documents import Document
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.context import agent_facts, bindings, case_facts, step_data
from runback_gate.policy.embedded_json import read_json
from runback_gate.policy.run_context import run_data
from runback_gate.schema import Model, Resource, validate
from runback_gate.step import Message, Request, Response, Role, Run, Source, Step, Tool, ToolCall, ToolRun, Usage

Expected = Literal["pass", "fail", "error", "skip"]


class ExampleCall(Model):
    """A tool call of an answer or of the conversation."""

    name: str
    id: str = ""
    arguments: Any = Field(
        default_factory=dict, description="The arguments; text stands for arguments that are no JSON."
    )


class ExampleMessage(Model):
    """A message of the conversation."""

    role: Role
    content: str = ""
    tool_calls: list[ExampleCall] = Field(default_factory=list)
    tool_call_id: str | None = None
    name: str | None = None


class ExampleTool(Model):
    """A tool that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class ExampleRequest(Model):
    """What the model was asked."""

    model: str | None = None
    system: str | None = None
    messages: list[ExampleMessage] = Field(default_factory=list)
    tools: list[ExampleTool] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)


class ExampleUsage(Model):
    """Tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class ExampleResponse(Model):
    """What the model answered. What is left out is unknown."""

    text: str = ""
    tool_calls: list[ExampleCall] = Field(default_factory=list)
    finish_reason: str | None = None
    model: str | None = None
    usage: ExampleUsage = Field(default_factory=ExampleUsage)
    latency_ms: int | None = None
    cost_usd: str | None = Field(None, pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$")
    error: str | None = None


class ExampleHistory(Model):
    """A tool call that came before, with its result."""

    name: str
    arguments: Any = Field(default_factory=dict)
    result: Any = None
    error: str | None = None


class ExampleAgent(Model):
    """The agent config."""

    name: str = "agent"
    labels: dict[str, str] = Field(default_factory=dict)


class ExampleCase(Model):
    """The case that the step belongs to."""

    id: str = "example"
    dataset: str = "examples"
    tags: list[str] = Field(default_factory=list)
    now: str | None = Field(None, description="When the step was recorded, RFC 3339.")


class ExampleStep(Model):
    """A step written by hand."""

    response: ExampleResponse
    request: ExampleRequest = Field(default_factory=ExampleRequest)
    history: list[ExampleHistory] = Field(
        default_factory=list, description="Earlier tool calls; those in request.messages come before them."
    )
    baseline: ExampleResponse | None = None
    agent: ExampleAgent = Field(default_factory=ExampleAgent)
    case: ExampleCase = Field(default_factory=ExampleCase)


class ExampleRunCall(ExampleCall):
    """A tool call of a run, with what came back where it is known."""

    result: Any = Field(None, description="What the tool answered; left out where nobody knows.")
    error: str | None = None


class ExampleRunResponse(ExampleResponse):
    """What the model answered at a step of a run."""

    tool_calls: list[ExampleRunCall] = Field(default_factory=list)  # type: ignore[assignment]


class ExampleRunStep(Model):
    """A step of a run. What was asked before goes on: messages are added, other fields stay until they change."""

    response: ExampleRunResponse
    request: ExampleRequest = Field(
        default_factory=ExampleRequest, description="`messages`: what was said since the step before."
    )
    agent: str | None = Field(None, description="The agent whose step it is; that of the run when left out.")


class ExampleRun(Model):
    """A run written by hand."""

    steps: list[ExampleRunStep] = Field(min_length=1, max_length=1000)
    id: str = Field("example", min_length=1)
    agent: ExampleAgent = Field(default_factory=ExampleAgent)
    case: ExampleCase = Field(default_factory=ExampleCase)
    labels: dict[str, Any] = Field(default_factory=dict, description="Labels of the run, such as its task.")
    status: Literal["ok", "error", "truncated"] | None = None


class PolicyTestCase(Model):
    """One step, or one run, and what rules must say of it."""

    name: str = Field(min_length=1, max_length=256)
    step: ExampleStep | None = Field(None, description="A step written by hand.")
    run: ExampleRun | None = Field(None, description="A run written by hand, for a policy with `scope: run`.")
    recording: str | None = Field(
        None, pattern=f"^{DIGEST.pattern}$", description="Digest of a recorded step, instead of `step`."
    )
    dataset: str | None = Field(
        None, min_length=1, description="Dataset file that the recording lies beside, as a path from the root."
    )
    expect: dict[str, Expected] = Field(min_length=1, description="Rule id to pass, fail, error or skip.")

    @model_validator(mode="after")
    def _one_source(self) -> PolicyTestCase:
        if sum(source is not None for source in (self.step, self.run, self.recording)) != 1:
            raise ValueError("a test names either `step`, `run` or `recording`")
        if (self.recording is None) != (self.dataset is None):
            raise ValueError("`recording` and `dataset` go together")
        return self


class PolicyTestSpec(Model):
    """The tests of one policy."""

    policy: str = Field(min_length=1, description="metadata.name of the policy.")
    cases: list[PolicyTestCase] = Field(min_length=1)


class PolicyTestDocument(Resource):
    """Examples of a policy: what it must say of named steps, on both CEL engines."""

    kind: Literal["PolicyTest"]
    spec: PolicyTestSpec


@dataclass(frozen=True, slots=True)
class Example:
    """One case of a policy test."""

    name: str
    data: dict[str, JsonValue]
    """What expressions see."""
    agent: str
    tags: tuple[str, ...]
    expect: dict[str, Expected]
    location: Location
    places: dict[str, Location]
    """Where each expectation stands."""
    scope: Scope = "step"
    """Whether it is a step or a run."""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A policy test file."""

    policy: str
    path: str
    cases: tuple[Example, ...]
    location: Location
    """Where the policy is named."""


Recordings = Callable[[str, str], Step]
"""Reads the recorded step beside a dataset file, given the file's path and the digest of the step."""


def policy_test(document: Document, recordings: Recordings | None = None) -> PolicyTest:
    """The policy test that a document holds.

    Raises:
        InputError: malformed, or a recording that it names is missing or was changed.
    """
    spec = validate(document, PolicyTestDocument).spec
    cases = tuple(_example(document, index, case, recordings) for index, case in enumerate(spec.cases))
    return PolicyTest(spec.policy, document.path, cases, document.mark(("spec", "policy")))


def _example(document: Document, index: int, case: PolicyTestCase, recordings: Recordings | None) -> Example:
    pointer = ("spec", "cases", index)
    if case.step is not None:
        agent, tags, data = case.step.agent.name, tuple(case.step.case.tags), example_data(case.step)
    elif case.run is not None:
        agent, tags = case.run.agent.name, tuple(case.run.case.tags)
        try:
            data = _written_run(case.run)
        except ValueError as error:
            raise DocumentError(str(error), location=document.mark((*pointer, "run"))) from error
    else:
        place = document.mark((*pointer, "recording"))
        if recordings is None:
            raise DocumentError("a recording can only be read below a root folder", location=place)
        try:
            recorded = recordings(case.dataset or "", case.recording or "")
        except InputError as error:
            raise type(error)(f"{error.location}: {error.message}", hint=error.hint, location=place) from error
        agent, tags, data = recorded.agent, (), step_data(recorded)
    return Example(
        name=case.name,
        data=data,
        agent=agent,
        tags=tags,
        expect=dict(case.expect),
        location=document.mark(pointer),
        places={rule: document.mark((*pointer, "expect", rule)) for rule in case.expect},
        scope="step" if case.run is None else "run",
    )


def example_data(step: ExampleStep) -> dict[str, JsonValue]:
    """What expressions see of a step written by hand."""
    data = bindings(
        _request(step.request),
        _response(step.response),
        baseline=None if step.baseline is None else _response(step.baseline),
        case=case_facts(step.case.dataset, step.case.id, step.case.tags, step.case.now),
        agent=agent_facts(step.agent.name, step.agent.labels),
    )
    earlier: Any = data["history"]
    data["history"] = earlier + [_earlier(item) for item in step.history]
    return data


def _written_run(example: ExampleRun) -> dict[str, JsonValue]:
    """What expressions see of a run written by hand."""
    steps: list[Step] = []
    tool_runs: list[ToolRun] = []
    asked = ExampleRequest()
    messages: tuple[Message, ...] = ()
    for index, step in enumerate(example.steps):
        # What a step states holds from there on.
        asked = asked.model_copy(update={name: getattr(step.request, name) for name in step.request.model_fields_set})
        messages += _request(step.request).messages
        response = _named(index, _response(step.response))
        source = Source(example.id, index, "semantic", at=example.case.now)
        request = replace(_request(asked), messages=messages)
        steps.append(Step(step.agent or example.agent.name, request, response, source))
        results = tuple(_results(index, response, step.response.tool_calls))
        tool_runs += results
        messages += (Message("assistant", response.text, response.tool_calls), *map(_told, results))
    run = Run(example.id, example.agent.name, steps, example.labels, None, tuple(tool_runs), (), example.status)
    case = case_facts(example.case.dataset, example.case.id, example.case.tags, example.case.now)
    return run_data(run, labels=example.agent.labels, case=case)


def _named(index: int, response: Response) -> Response:
    """The answer with an id for each call that has none: its results are found by it."""
    calls = tuple(replace(call, id=call.id or f"{index}.{place}") for place, call in enumerate(response.tool_calls))
    return replace(response, tool_calls=calls)


def _results(index: int, response: Response, examples: Sequence[ExampleRunCall]) -> Iterator[ToolRun]:
    """What came back of the calls of a step, as a recorder would have seen it."""
    for place, (call, example) in enumerate(zip(response.tool_calls, examples, strict=True)):
        if not {"result", "error"}.isdisjoint(example.model_fields_set):
            result, known = example.result, "result" in example.model_fields_set
            # A text is itself, unless it reads as JSON.
            plain = isinstance(result, str) and read_json(result) == result
            text = result if plain else json.dumps(result, ensure_ascii=False)
            yield ToolRun(index, place, call.name, call.arguments, call.id, text if known else None, example.error)


def _told(run: ToolRun) -> Message:
    return Message("tool", run.result or "", tool_call_id=run.id, name=run.name, error=run.error)


def _earlier(entry: ExampleHistory) -> dict[str, JsonValue]:
    """The entry as `context.history` makes them: a result that is not given is absent, and so is an error."""
    facts: dict[str, JsonValue] = {"name": entry.name, "arguments": entry.arguments}
    if "result" in entry.model_fields_set:
        facts["result"] = entry.result
    return facts if entry.error is None else {**facts, "error": entry.error}


def _request(request: ExampleRequest) -> Request:
    messages = tuple(
        Message(item.role, item.content, _calls(item.tool_calls), item.tool_call_id, item.name)
        for item in request.messages
    )
    tools = tuple(Tool(item.name, item.description, item.parameters) for item in request.tools)
    return Request(request.model, request.system, messages, tools, request.parameters)


def _response(response: ExampleResponse) -> Response:
    return Response(
        text=response.text,
        tool_calls=_calls(response.tool_calls),
        finish_reason=response.finish_reason,
        model=response.model,
        usage=Usage(response.usage.input_tokens, response.usage.output_tokens),
        latency_ms=response.latency_ms,
        cost_usd=response.cost_usd,
        error=response.error,
    )


def _calls(calls: Sequence[ExampleCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(call.id, call.name, call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments))
        for call in calls
    )
