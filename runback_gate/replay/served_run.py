"""A recorded run that answers a program instead of its models.

In: a run, then the bodies that the program sends. Out: the recorded answer of each, or where it differs from what was
asked when it was recorded.

    served = ServedRun(run, redaction)
    served.answer("openai.chat", body)          # Answered(step, bytes, media type) or Differs(step, place)

Each step answers once, in whatever order it is asked; the same body again gets the same answer, as a client that tries
again expects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runback_gate.canonical import JsonValue, plain_bytes
from runback_gate.frozen import dataclass
from runback_gate.replay.answer_body import answer_body, answer_events
from runback_gate.step import Api, Message, Request, Run, Step
from runback_gate.wire import format_of, grade

Clean = Callable[[JsonValue], JsonValue]
"""Redacts a body as the run was."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to send."""

    step: int
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Differs:
    """No step was asked this."""

    step: int
    """The one that was next."""
    place: str
    """The first JSON path at which the body differs from its request."""


class ServedRun:
    """The run, and which of its steps have answered."""

    def __init__(self, run: Run, clean: Clean) -> None:
        self._steps = list(run.steps)
        self._clean = clean
        self._done: set[int] = set()

    def answer(self, api: Api, body: dict[str, Any], *, streamed: bool) -> Answered | Differs:
        """The recorded answer to a body.

        Raises:
            NotUnderstoodError: not a body of this API.
            InputError: the answer cannot be served in this form.
        """
        asked = format_of(api).read_request(self._clean(body))
        waiting = [number for number in range(len(self._steps)) if number not in self._done]
        same = [
            number for number in (*waiting, *sorted(self._done)) if not _difference(api, asked, self._steps[number])
        ]
        if not same:
            step = waiting[0] if waiting else max(len(self._steps) - 1, 0)
            place = _difference(api, asked, self._steps[step]) if self._steps else "$"
            return Differs(step, place or "$")
        number = same[0]
        self._done.add(number)
        response, model = self._steps[number].response, self._steps[number].request.model
        if response.error is not None:
            return Differs(number, "the recorded step has no answer")
        if streamed:
            return Answered(number, answer_events(api, response, model), "text/event-stream")
        return Answered(number, plain_bytes(answer_body(api, response, model)), "application/json")


def _difference(api: Api, asked: Request, step: Step) -> str | None:
    """The first place at which a request differs from what a step asked; None where it does not."""
    if step.source.api != api:
        return "the API"
    form = format_of(api)
    recorded = _plain(replace(step.request, api=api))
    model = asked.model and recorded.model  # one that stands in the address is not in the body
    _, places = grade(form.write_request(_plain(asked), asked.model), form.write_request(recorded, model))
    return places[0] if places else None


def _plain(request: Request) -> Request:
    """The request with what its answers say, not how: a client sends back what it made of ours."""
    return replace(request, messages=tuple(map(_said, request.messages)))


def _said(message: Message) -> Message:
    if message.role != "assistant":
        return message
    calls = tuple(replace(call, extra={}) for call in message.tool_calls)
    return replace(message, tool_calls=calls, extra={})
