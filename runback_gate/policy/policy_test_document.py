"""Policy tests as people write them: steps, and what each rule must say of them.

In: `kind: PolicyTest` YAML. Out: `PolicyTest` values whose cases give the data that expressions see. `conformance` runs
them.

    test = policy_test(document)
    test.cases[0].data          # {"request": …, "response": …, "history": […], …}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from runback_gate.canonical import DIGEST, JsonValue
from runback_gate.documents import Document
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.policy.context import agent_facts, bindings, case_facts, step_data
from runback_gate.schema import Model, Resource, validate
from runback_gate.step import Message, Request, Response, Role, Step, Tool, ToolCall, Usage

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


class PolicyTestCase(Model):
    """One step and what rules must say of it."""

    name: str = Field(min_length=1, max_length=256)
    step: ExampleStep | None = Field(None, description="A step written by hand.")
    recording: str | None = Field(
        None, pattern=f"^{DIGEST.pattern}$", description="Digest of a recorded step, instead of `step`."
    )
    dataset: str | None = Field(
        None, min_length=1, description="Dataset file that the recording lies beside, as a path from the root."
    )
    expect: dict[str, Expected] = Field(min_length=1, description="Rule id to pass, fail, error or skip.")

    @model_validator(mode="after")
    def _one_source(self) -> PolicyTestCase:
        if (self.step is None) == (self.recording is None):
            raise ValueError("a test names either `step` or `recording`")
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
        agent, tags, data = case.step.agent.name, tuple(case.step.case.tags), _written(case.step)
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
    )


def _written(step: ExampleStep) -> dict[str, JsonValue]:
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


def _calls(calls: list[ExampleCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(call.id, call.name, call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments))
        for call in calls
    )
