"""The dataset file: the reviewed part of what an agent must keep doing.

In: `kind: Dataset` YAML under a root folder. Out: `Dataset`, its cases in the order written, each check with its place
in the file.

    dataset = load_dataset(root, "datasets/refunds.yaml")
    dataset.cases[0].checks[0].title        # 'toolCalled escalate(reason)'
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.checks import Check, Name
from runback_gate.dataset.recordings import load_recorded_run, load_recording
from runback_gate.dataset.trials import AnyTrials
from runback_gate.documents import Document, check_kind, read_document
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.rubric import Rubric
from runback_gate.schema import Model, Resource, validate
from runback_gate.step import Message, Request, Response, Run, Source, Step, from_json


class CaseSpec(Model):
    """One step and what it must keep doing; or one run, which policies judge."""

    id: Name = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Stable name, unique in the dataset.")
    step: str | None = Field(None, pattern=r"^sha256:[0-9a-f]{64}$", description="Digest of the recorded step.")
    messages: list[dict[str, Any]] | None = Field(
        None,
        min_length=1,
        description="A conversation written by hand instead of a recorded step; it needs a model's answer.",
    )
    run: str | None = Field(
        None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="Digest of a whole run beside the dataset, which policies judge; it has no checks of its own.",
    )
    why: str = Field("", max_length=2048, description="Why the case is here: the incident, the promise.")
    tags: list[Name] = Field(default_factory=list, description="Words that policies and people select by.")
    checks: list[Check] = Field(default_factory=list, description="What the step must keep doing.")
    trials: AnyTrials | None = Field(None, description="How often this case is asked: k of n, or a sequential test.")

    @model_validator(mode="after")
    def _one_source(self) -> CaseSpec:
        if sum(source is not None for source in (self.step, self.messages, self.run)) != 1:
            raise ValueError("a case names either `step`, `messages` or `run`")
        if self.run is not None and self.checks:
            raise ValueError("`checks` hold one step, and policies judge a whole run: keep the step as a case too")
        return self


class DatasetMetadata(Model):
    """Name of the dataset, and of the agent whose steps it holds."""

    name: Name
    agent: Name = Field(description="metadata.name of the agent config that the cases are asked under.")
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


Incomplete = Literal["length", "empty"]
"""How an answer may be less than whole: cut off at the limit of tokens, or without text, call and refusal."""


class DatasetSpec(Model):
    """The cases."""

    allow: list[Incomplete] = Field(
        default_factory=list, description="Incomplete answers that are judged all the same: length, empty."
    )
    trials: AnyTrials | None = Field(
        None, description="How often every case is asked that does not say its own: k of n, or a sequential test."
    )
    cases: list[CaseSpec] = Field(min_length=1, description="At least one: an empty dataset judges nothing.")


class DatasetDocument(Resource):
    """A dataset: recorded steps and the checks that they must keep."""

    kind: Literal["Dataset"]
    metadata: DatasetMetadata  # type: ignore[assignment]
    spec: DatasetSpec


@dataclass(frozen=True, slots=True)
class CaseCheck:
    """One check of a case, ready to be compiled."""

    kind: str
    """The field of the check: `toolCalled`."""
    title: str
    expression: str | None
    """CEL source, or None when `schema` or `rubric` decides."""
    schema: dict[str, Any] | None
    """JSON Schema of the answer's text, for `jsonSchema`."""
    location: Location
    rubric: Rubric | None = None
    """What a judge model grades by, for `judge`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One step, or one run, under test."""

    id: str
    dataset: str
    why: str
    tags: tuple[str, ...]
    checks: tuple[CaseCheck, ...]
    trials: AnyTrials | None
    allow: frozenset[str]
    """Incomplete answers that are judged all the same, those that a check asks for included."""
    step: str | None
    """Digest of the recording, or None for a conversation written by hand and for a whole run."""
    run: str | None
    """Digest of the run file, of a case that is a whole run."""
    messages: tuple[dict[str, Any], ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset file."""

    name: str
    agent: str
    path: str
    digest: str
    cases: tuple[Case, ...]
    trials: AnyTrials | None
    """How often the cases are asked that do not say their own; None where the gate says it."""
    allow: tuple[str, ...]
    """Incomplete answers that are judged all the same, in every case."""
    document: Document = field(repr=False, compare=False)
    """The file as it was read; it knows where each field stands."""


def load_dataset(root: Path, name: str) -> Dataset:
    """Read a dataset file; its recordings are read one by one, when their case is judged.

    Raises:
        InputError: missing, malformed, no case, or two cases of one id.
    """
    document = read_document(root, name)
    check_kind(document, ("Dataset",))
    return dataset_from(document)


def dataset_from(document: Document) -> Dataset:
    """The dataset that a document holds."""
    model = validate(document, DatasetDocument)
    # Most cases say the same of many things: each is held once.
    same: dict[Any, Any] = {}
    cases, seen = [], set()
    for index, spec in enumerate(model.spec.cases):
        pointer = ("spec", "cases", index)
        if spec.id in seen:
            raise DocumentError(f"two cases are named {spec.id!r}", location=document.mark((*pointer, "id")))
        seen.add(spec.id)
        checks = tuple(
            _check(document, (*pointer, "checks", number), check, same) for number, check in enumerate(spec.checks)
        )
        tags = tuple(spec.tags)
        allow = frozenset((*model.spec.allow, *(check.implied for check in spec.checks if check.implied)))
        cases.append(
            Case(
                id=spec.id,
                dataset=model.metadata.name,
                why=spec.why,
                tags=same.setdefault(tags, tags),
                checks=checks,
                trials=spec.trials or model.spec.trials,
                allow=same.setdefault(allow, allow),
                step=spec.step,
                run=spec.run,
                messages=tuple(spec.messages or ()),
                location=document.mark(pointer),
            )
        )
    document.forget()
    return Dataset(
        name=model.metadata.name,
        agent=model.metadata.agent,
        path=document.path,
        digest=digest_bytes(document.data),
        cases=tuple(cases),
        trials=model.spec.trials,
        allow=tuple(model.spec.allow),
        document=document,
    )


def _check(document: Document, pointer: tuple[str | int, ...], check: Check, same: dict[Any, Any]) -> CaseCheck:
    title, expression, place = check.title, check.expression, document.mark(pointer)
    if check.kind == "cel":
        expression, place = document.expression((*pointer, "cel")), document.mark((*pointer, "cel"))
    title, expression = same.setdefault(title, title), same.setdefault(expression, expression)
    return CaseCheck(check.kind, title, expression, check.jsonSchema, place, check.judge)


def case_run(root: Path, dataset: Dataset, case: Case) -> Run:
    """The run of a case that names one.

    Raises:
        InputError: it is missing or changed, or another agent's.
    """
    with _naming(case):
        run = load_recorded_run(root, dataset.path, case.run or "")
    if run.agent != dataset.agent:
        message = f"the run is of agent {run.agent!r}, the dataset of {dataset.agent!r}"
        raise InputError(message, location=case.location)
    return run


def case_step(root: Path, dataset: Dataset, case: Case) -> Step:
    """The step of a case: the recording, what its hand-written conversation amounts to, or the last one of its run.

    Raises:
        InputError: the recording is missing or changed, or the conversation is not one.
    """
    if case.run is not None:
        return case_run(root, dataset, case).steps[-1]
    if case.step is not None:
        with _naming(case):
            return load_recording(root, dataset.path, case.step)
    messages = tuple(
        from_json(Message, cast("Any", item), f"{case.location}: messages[{index}]")
        for index, item in enumerate(case.messages)
    )
    system = messages[0].content if messages[0].role in ("system", "developer") else None
    request = Request(model=None, system=system, messages=messages if system is None else messages[1:])
    source = Source(run="", event=0, grade="semantic")
    return Step(agent=dataset.agent, request=request, response=Response(), source=source)


@contextlib.contextmanager
def _naming(case: Case) -> Iterator[None]:
    """A recording that cannot be read is named with its case; one that was changed says that alone."""
    try:
        yield
    except IntegrityError:
        raise
    except InputError as error:
        hint = f"case {case.id!r} at {case.location} names it" + (f"; {error.hint}" if error.hint else "")
        raise type(error)(error.message, hint=hint, location=error.location) from error
