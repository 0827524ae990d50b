"""Spans that lie as JSON objects: exports of Phoenix, and what the SDK's console exporter prints.

In: `{"context": {"trace_id": …, "span_id": …}, "attributes": {…}}`, one a line, in a list or below
`spans`. Out: `Span`s.

    [read_span(item) for item in spans_in(value) or ()]

https://arize.com/docs/phoenix/tracing/how-to-tracing/importing-and-exporting-traces. Phoenix nests its attributes
(`{"llm": {"model_name": …}}`), its data frames name them in full (`attributes.llm.model_name`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from runback_gate.capture.otlp.model import Span, SpanEvent

_PREFIX: Final = "attributes."
_WHOLE = frozenset("json_schema parameters arguments value invocation_parameters output function_call".split())
"""Last words of names whose values are kept as JSON."""
_KIND: Final = "openinference.span.kind"
_KINDS = frozenset("LLM TOOL AGENT CHAIN RETRIEVER EMBEDDING RERANKER GUARDRAIL EVALUATOR".split())
_TIMES: Final = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
"""From what a number is nanoseconds, microseconds, milliseconds, seconds since 1970; and the factor."""


def spans_in(value: Any) -> list[dict[str, Any]] | None:
    """The spans of a JSON value; None where it is no export of spans."""
    if isinstance(value, dict):
        below = next((value[name] for name in ("spans", "data") if isinstance(value.get(name), list)), None)
        found = [value] if below is None else below
    else:
        found = value if isinstance(value, list) else []
    if found and all(isinstance(item, dict) and isinstance(item.get("spans"), list) for item in found):
        found = [span for item in found for span in item["spans"]]
    return found if found and all(isinstance(item, dict) and _ids(item) for item in found) else None


def _ids(item: Mapping[str, Any]) -> tuple[str, str] | None:
    context = item.get("context")
    if isinstance(context, dict):
        pair = context.get("trace_id"), context.get("span_id")
    else:
        pair = item.get("context.trace_id"), item.get("context.span_id")
    if not all(isinstance(name, str) and name for name in pair):
        return None
    return _id(pair[0]), _id(pair[1])


def _id(text: Any) -> str:
    return str(text or "").lower().removeprefix("0x").replace("-", "")


def read_span(item: Mapping[str, Any]) -> Span:
    """A span.

    Raises:
        TypeError, ValueError: a field that is not what it is called.
    """
    trace, identity = _ids(item) or ("", "")
    found = dict(_attributes(item))
    if item.get("span_kind") in _KINDS:
        found.setdefault(_KIND, item["span_kind"])
    events = tuple(
        SpanEvent(str(event.get("name", "")), dict(_flat(event.get("attributes") or {}, "")))
        for event in item.get("events") or ()
    )
    status = item.get("status") if isinstance(item.get("status"), dict) else {}
    code = item.get("status_code") or (status or {}).get("status_code") or ""
    words = item.get("status_message") or (status or {}).get("description") or ""
    resource = item.get("resource")
    return Span(
        trace,
        identity,
        _id(item.get("parent_id")),
        str(item.get("name", "")),
        "",
        found,
        dict(_flat(resource.get("attributes") or {}, "")) if isinstance(resource, dict) else {},
        events,
        _nanoseconds(item.get("start_time")),
        _nanoseconds(item.get("end_time")),
        str(words or "error").partition("\n")[0] if str(code).rpartition(".")[2] == "ERROR" else None,
    )


def _attributes(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(item.get("attributes"), dict):
        yield from _flat(item["attributes"], "")
    for name, value in item.items():
        if name.startswith(_PREFIX) and value is not None:
            yield from _flat({name.removeprefix(_PREFIX): value}, "")


def _flat(value: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    """Attributes by their whole names; messages and tools of OpenInference are numbered."""
    for key, item in value.items():
        name = f"{before}{key}"
        if isinstance(item, (dict, list)) and name.rpartition(".")[2] in _WHOLE:
            yield name, json.dumps(item, ensure_ascii=False)
        elif isinstance(item, dict):
            yield from _flat(item, f"{name}.")
        elif isinstance(item, list) and name.startswith("llm.") and all(isinstance(each, dict) for each in item):
            for index, each in enumerate(item):
                yield from _flat(each, f"{name}.{index}.")
        elif item is not None:
            yield name, item


def _nanoseconds(value: Any) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        factor = next((factor for least, factor in _TIMES if value >= least), 0)
        return int(value * factor)
    if not isinstance(value, str) or not value:
        return 0
    at = datetime.fromisoformat(value)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000) * 1000
