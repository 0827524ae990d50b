"""What the stages of reading OTLP hand to each other.

In: nothing. Out: values, from a span as it was exported to a call of a model in the body of one API.

    Span("7e22…", "e634…", "", "chat gpt", "opentelemetry.instrumentation", {"gen_ai.request.model": "gpt"})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from runback_gate.frozen import dataclass
from runback_gate.step import Api, RequestField


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event of a span, or a log record that belongs to one."""

    name: str
    attributes: Mapping[str, Any]
    body: Any = None
    """Of a log record: its body as JSON."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span; its ids in hexadecimal, its times in nanoseconds since 1970."""

    trace: str
    id: str
    parent: str
    name: str
    scope: str
    """Name of the instrumentation library."""
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    start: int = 0
    end: int = 0
    error: str | None = None
    """What went wrong, when its status is an error."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was asked and answered, in OpenAI's chat form; None is what a convention did not say."""

    messages: list[dict[str, Any]] | None = None
    choices: list[dict[str, Any]] | None = None
    """Each with `message` and perhaps `finish_reason`."""
    tools: list[dict[str, Any]] | None = None
    doubts: tuple[str, ...] = ()
    """Attributes whose content is not whole; a step with any is `view-only`."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model: bodies as they are on the wire of `api`."""

    span: Span
    body: dict[str, Any]
    answer: dict[str, Any] | None
    api: Api | None
    """None when the body has OpenAI's chat form without being one that was sent."""
    lost: tuple[str, ...] = ()
    """Fields of the sent body that the convention has no name for."""
    unknown: tuple[RequestField, ...] = ()
    doubts: tuple[str, ...] = ()
    agent: str | None = None
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpan:
    """One execution of a tool."""

    span: Span
    name: str
    arguments: str = ""
    result: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class NoContent:
    """A call of a model without what was said."""

    span: Span
    setting: str
    """What turns the content on."""


Found = ModelCall | ToolSpan | NoContent
"""What a convention makes of a span; None where the span is neither."""


def rfc3339(nanoseconds: int) -> str | None:
    """RFC 3339 time in UTC, in milliseconds; None for a time that is none."""
    if nanoseconds <= 0:
        return None
    try:
        at = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
