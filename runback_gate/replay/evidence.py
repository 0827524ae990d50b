"""Evidence: which answer a case has under an agent config, decided by the digest of its request.

In: the recorded step, the request that it asks now, and a store of earlier answers. Out: `Answer`s, one a trial.

    question = compare_requests(step, ask(agent, step))
    question.recorded                                     # True: the request is the recorded one, so its answer counts
    replay(Query(step, question, trial=0), answers=cache)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from runback_gate.canonical import canonical_bytes, compact, digest_bytes
from runback_gate.errors import ErrorKind
from runback_gate.frozen import dataclass
from runback_gate.step import REQUEST_FIELDS, Request, RequestField, Response, Step, to_canonical, to_json
from runback_gate.summary import first_difference

_SHARED = ("tools", "parameters")


class Evidence(StrEnum):
    """Where the answer that was judged came from."""

    RECORDED = "recorded"
    """The request is identical to the recorded one: the recorded answer."""
    CACHED = "cached"
    """An earlier live answer to the identical request, same trial."""
    LIVE = "live"
    """The model was asked now."""
    MISSING = "missing"
    """It must be asked, but was not or did not answer."""


class Answers(Protocol):
    """Earlier answers, such as `cache.ResponseCache`."""

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer to a request and the digest of where it lies, or None."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a case asks now, held against what was recorded."""

    request: Request
    digest: str
    recorded: bool
    """The request is the recorded one, as far as the source kept it."""
    note: str
    """`parameters unknown`: what could not be compared; or why the recorded answer does not count."""
    written: bytes = field(default=b"", repr=False, compare=False)
    """The canonical bytes of the request, where they are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one trial, or why there is none."""

    evidence: Evidence
    response: Response | None
    note: str
    stored_digest: str | None = None
    """Digest of the cache entry, when there is one."""
    not_understood: str | None = None
    """JSON path of the part of the provider's answer that was not understood; None where nothing was."""
    error: ErrorKind | None = None
    """Why the model that was asked gave no answer; None where it gave one, or was not asked."""


@dataclass(frozen=True, slots=True)
class Query:
    """One answer that the gate wants: a trial of a question."""

    step: Step
    question: ReplayRequest
    trial: int
    """From 0."""
    live: bool = True
    """Whether a model may be asked; else only what is known already counts."""
    fresh: bool = False
    """Whether the recorded answer is not enough: a model's answer of today is compared with one of today."""
    risk: int = 0
    """How likely it is that the change shows here; what is likely is asked first."""
    least: int = 1
    """Trials that are still asked if all goes well, this one included."""
    most: int = 1
    """Trials that may still be asked, this one included."""
    expected: float = 1.0
    """Trials that are still asked on average, this one included."""
    judges: tuple[Request, ...] = ()
    """What judge models are asked about each answer, once for each sample, with an empty answer in the place of it."""
    following: tuple[Query, ...] = ()
    """What is asked after this one, whatever its answer is."""

    @property
    def key(self) -> tuple[str, int]:
        """By what an answer is known: two asks of one key have one answer."""
        return self.question.digest, self.trial


def compare_requests(step: Step, request: Request) -> ReplayRequest:
    """Hold the request that is asked now against the recorded one, leaving out what the source did not keep."""
    known = {name: _canonical(_Same(value)) for name in _SHARED if (value := getattr(request, name))}
    written = compact(to_canonical(request, known))
    now = digest_bytes(written)
    if step.source.grade == "view-only":
        return ReplayRequest(request, now, False, "the recording is view-only: it can be read, not judged", written)
    if not step.source.run:
        return ReplayRequest(request, now, False, "nothing was recorded: the conversation is written by hand", written)
    unknown = step.source.unknown
    if request.messages != step.request.messages:
        return ReplayRequest(request, now, False, "request.messages differs from the recording", written)
    # A config swaps these fields only.
    fields = [name for name in REQUEST_FIELDS if name not in unknown]
    bare = _lacks_provider(step.request.model, request.model)
    compared = replace(request, model=step.request.model) if bare else request
    if _same(step.request, compared, fields):
        lacking = (*unknown, *(("the model's provider",) if bare else ()))
        return ReplayRequest(request, now, True, f"{', '.join(lacking)} unknown" if lacking else "", written)
    place = _first_place(step.request, compared, fields)
    how = " in nothing but line ends (CR LF and LF)" if place == "system" and _one_text(step.request, request) else ""
    return ReplayRequest(request, now, False, f"request.{place} differs from the recording{how}", written)


def _lacks_provider(recorded: str | None, asked: str | None) -> bool:
    """Whether a recorded name is that of the model which is asked, without its provider: logs have `gpt-4o-mini`."""
    return bool(recorded) and asked is not None and "/" not in str(recorded) and asked.partition("/")[2] == recorded


def _one_text(one: Request, other: Request) -> bool:
    left, right = (re.sub("\r\n?", "\n", item.system or "") for item in (one, other))
    return left == right


def _same(one: Request, other: Request, fields: Sequence[RequestField]) -> bool:
    return all(_same_value(getattr(one, name), getattr(other, name)) for name in fields)


def _same_value(one: object, other: object) -> bool:
    if one is other or (isinstance(one, str) and isinstance(other, str)):
        return one == other
    return _canonical(_Same(one)) == _canonical(_Same(other))


class _Same:
    """A value that nobody changes, known by what it is instead of by what it holds."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=64)
def _canonical(same: _Same) -> bytes:
    """The canonical bytes of a value: all cases share the agent's tools and parameters, and most the recorded tools."""
    return canonical_bytes(to_json(same.value))


def _first_place(one: Request, other: Request, fields: Sequence[RequestField]) -> str | None:
    """Where two requests first differ, as `first_difference` finds it; a field that is the same is not written out."""
    for name in sorted(fields):
        left, right = getattr(one, name), getattr(other, name)
        if left is not right and (found := first_difference({name: to_json(left)}, {name: to_json(right)})):
            return found
    return None


def replay(ask: Query, answers: Answers) -> Answer:
    """The answer of one trial: the recorded one, else an earlier one, else none. No model is asked.

    Raises:
        IntegrityError: the stored answer was cut or changed.
    """
    step, question = ask.step, ask.question
    if question.recorded and not ask.fresh:
        return Answer(Evidence.RECORDED, step.response, question.note)
    if step.source.grade == "view-only":
        return Answer(Evidence.MISSING, None, question.note)
    if found := answers.get(question.digest, ask.trial):
        return Answer(Evidence.CACHED, found[0], question.note, found[1])
    note = "; ".join(part for part in (question.note, "no answer to it is known") if part)
    return Answer(Evidence.MISSING, None, note)
