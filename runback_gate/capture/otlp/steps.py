"""The step of a call that a span describes.

In: a `ModelCall`, bodies as they are on the wire. Out: a `Step` with its grade.

    step_of(call, "support", None).source.grade

`exact`: the body of the request is known whole. `semantic`: it was rebuilt, and the lost fields are named. `view-only`:
the content is not whole, or nobody knows which tools were offered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runback_gate import wire
from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp import chat
from runback_gate.capture.otlp.model import ModelCall, rfc3339
from runback_gate.errors import RunbackError
from runback_gate.step import Grade, Request, RequestField, Response, Source, Step
from runback_gate.wire.faults import ErrorAnswerError


def step_of(call: ModelCall, agent: str, redaction: Redaction | None) -> Step:
    """The step of a call; its place in a run is still to be told."""
    counts: dict[str, int] = {}

    def clean(value: Any) -> Any:
        if redaction is None or value is None:
            return value
        found, more = redaction.apply(value)
        for rule, number in more.items():
            counts[rule] = counts.get(rule, 0) + number
        return found

    body = clean(call.body)
    request, grade, lost = _request(call, body)
    unknown = _unknown(call, request)
    if call.doubts or ("tools" in unknown and _uses_tools(body, call.answer)):
        grade = "view-only"
    response = _response(call, clean)
    took = (call.span.end - call.span.start) // 1_000_000
    source = Source(
        run="",
        event=0,
        grade=grade,
        unknown=unknown,
        at=rfc3339(call.span.start),
        redaction=redaction.level if redaction else None,  # type: ignore[arg-type]
        ruleset=redaction.ruleset if redaction else None,
        redacted=sum(counts.values()) if redaction and redaction.level != "off" else None,
        api=request.api,
        lost=tuple(dict.fromkeys((*call.doubts, *lost))),
    )
    return Step(agent, request, replace(response, latency_ms=max(took, 0)), source)


def _request(call: ModelCall, body: dict[str, Any]) -> tuple[Request, Grade, tuple[str, ...]]:
    form = wire.format_of(call.api or "openai.chat")
    try:
        request = form.read_request(body)
        grade, lost = wire.grade(body, form.write_request(request, request.model))
    except RunbackError:
        model = body.get("model")
        return Request(model=model if isinstance(model, str) else None, extra={"body": body}), "view-only", call.lost
    lost = (*call.lost, *lost)
    return replace(request, api=call.api), "semantic" if lost else grade, lost


def _unknown(call: ModelCall, request: Request) -> tuple[RequestField, ...]:
    missing = {"model": request.model is None, "system": False, "tools": False, "parameters": False}
    return tuple(name for name in missing if missing[name] or name in call.unknown)  # type: ignore[misc]


def _uses_tools(body: dict[str, Any], answer: dict[str, Any] | None) -> bool:
    choices = (answer or {}).get("choices") or []
    return chat.has_calls([*body.get("messages", ()), *(choice["message"] for choice in choices)])


def _response(call: ModelCall, clean: Any) -> Response:
    """The answer; one that is missing or not understood is none, and says why."""
    answer = clean(call.answer)
    if answer is None:
        why = clean(call.span.error) or "the span holds no answer"
        return Response(finish_reason="error", error=why)
    try:
        return wire.format_of(call.api or "openai.chat").read_answer(answer)
    except ErrorAnswerError as error:
        return Response(finish_reason="error", error=f"{error}: {error.error}"[:2000])
    except RunbackError as error:
        return Response(finish_reason="error", error=f"not understood: {error}", extra={"body": answer})
