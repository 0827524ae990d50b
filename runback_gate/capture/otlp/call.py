"""What a span is, by the convention that it follows.

In: a span. Out: a `ModelCall`, a `ToolSpan`, a `NoContent`, or None.

    find(span)

The GenAI conventions have held content in attributes, in events and in numbered attributes; the first that has any is
read. A span whose content is cut is kept as it is, `view-only`.
"""

from __future__ import annotations

from typing import Any

from runback_gate.capture.otlp import chat, gen_ai, gen_ai_events, openinference, openllmetry, vercel_ai
from runback_gate.capture.otlp.model import Content, Found, ModelCall, NoContent, Span, ToolSpan
from runback_gate.errors import DocumentError
from runback_gate.step import RequestField


def find(span: Span) -> Found | None:
    """What a span is."""
    try:
        if "ai.operationId" in span.attributes:
            return vercel_ai.read(span)
        if "openinference.span.kind" in span.attributes:
            return openinference.read(span)
        return _gen_ai(span)
    except (DocumentError, AttributeError, KeyError, TypeError, ValueError) as error:
        # An exporter cuts long attributes; whatever else stands in one, it is shown and never judged.
        body = {"model": _model(span), "attributes": dict(span.attributes)}
        return ModelCall(span, body, None, None, doubts=(f"not formed as its convention says: {error}",))


def _model(span: Span) -> Any:
    names = ("gen_ai.request.model", "llm.model_name", "ai.model.id")
    return next((span.attributes[name] for name in names if name in span.attributes), None)


def _gen_ai(span: Span) -> Found | None:
    attributes = gen_ai.whole(span)
    kind = gen_ai.operation(attributes)
    if kind == gen_ai.TOOL:
        name, arguments, gave, call_id = gen_ai.tool_run(attributes)
        return ToolSpan(span, name, arguments, gave, call_id)
    if (run := openllmetry.tool_run(attributes)) is not None:
        return ToolSpan(span, run[0], run[1], run[2], run[3])
    of_events = kind is None and any(event.name.startswith("gen_ai.") for event in span.events)
    if kind not in gen_ai.CALLS and not of_events:
        return None
    contents = (gen_ai.content(attributes), gen_ai_events.content(span.events), openllmetry.content(attributes))
    if all(content.messages is None and content.choices is None for content in contents):
        ours = openllmetry.is_ours(attributes, span.scope)
        return NoContent(span, openllmetry.SETTING if ours else gen_ai.setting(attributes))
    return _call(span, attributes, _merged(contents, gen_ai.reasons(attributes)))


def _merged(contents: tuple[Content, ...], reasons: list[Any]) -> Content:
    """The content, and what of it is not whole."""
    messages = next((content.messages for content in contents if content.messages is not None), None)
    tools = next((content.tools for content in contents if content.tools is not None), None)
    doubts = [doubt for content in contents for doubt in content.doubts]
    said = [_with_reasons(content.choices, reasons) for content in contents if content.choices]
    choices = said[0] if said else None
    if choices and chat.finish(choices[0]["finish_reason"]) == "tool_calls" and not _calls(choices):
        doubts.append("the calls of the answer are not where the convention has them")
        choices = next(filter(_calls, said), choices)
    if messages is None:
        doubts.append("what was asked is missing")
    return Content(messages, choices, tools, tuple(doubts))


def _with_reasons(choices: list[dict[str, Any]], reasons: list[Any]) -> list[dict[str, Any]]:
    """The choices, each with the finish reason that it or the span has."""
    known = [*reasons[: len(choices)], *[None] * (len(choices) - len(reasons))]
    return [
        {**choice, "finish_reason": choice.get("finish_reason") or reason}
        for choice, reason in zip(choices, known, strict=True)
    ]


def _calls(choices: list[dict[str, Any]]) -> bool:
    return chat.has_calls([choices[0]["message"]])


def _call(span: Span, attributes: dict[str, Any], content: Content) -> ModelCall:
    body = {**gen_ai.parameters(attributes), "messages": content.messages or []}
    if content.tools:
        body["tools"] = content.tools
    model, name = attributes.get("gen_ai.response.model"), attributes.get("gen_ai.response.id")
    answer = None
    if content.choices is not None:
        answer = chat.completion(content.choices, model, name, gen_ai.counts(attributes))
    unknown: tuple[RequestField, ...] = () if content.tools is not None else ("tools",)
    return ModelCall(
        span,
        body,
        answer,
        gen_ai.api(attributes),
        gen_ai.lost(attributes, body),
        unknown,
        content.doubts,
        attributes.get("gen_ai.agent.name"),
        attributes.get("gen_ai.conversation.id"),
    )
