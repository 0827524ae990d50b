"""OTLP files and bodies to spans: JSON, JSON lines, protobuf; traces and logs.

In: bytes. Out: `Span`s, each with its events and the log records that belong to it.

    batch = Batch()
    batch.add(data, "traces.json")
    spans = batch.spans()

https://opentelemetry.io/docs/specs/otlp/: in JSON, ids are hexadecimal and 64-bit integers may be texts. A log record
whose span did not come makes a span of its own. A span that came twice counts once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from runback_gate.canonical import parse_json
from runback_gate.capture.otlp.flat import read_span, spans_in
from runback_gate.capture.otlp.model import Span, SpanEvent
from runback_gate.errors import DocumentError, InputError, Location

MAX_BYTES: Final = 512 << 20
_ERROR = (2, "STATUS_CODE_ERROR")
_ROOTS = ("resourceSpans", "resourceLogs")
_TRACE, _SPAN = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")
_START = re.compile(rb'\s*\{\s*"resource(Spans|Logs)"')
_FLAT = re.compile(rb'"(context\.)?span_id"')
_LOOKED_AT: Final = 1 << 16


def is_otlp(value: Any) -> bool:
    """Whether a JSON value is an export of traces or logs."""
    return isinstance(value, dict) and any(isinstance(value.get(root), list) for root in _ROOTS)


def looks_like_otlp(data: bytes) -> bool:
    """Whether bytes begin as an export does: its one field in JSON, field 1 in protobuf, or spans as objects."""
    if _START.match(data) is not None or (data[:1] == b"\n" and data.lstrip()[:1] not in (b"{", b"[", b"")):
        return True
    return looks_like_spans(data)


def looks_like_spans(data: bytes) -> bool:
    """Whether bytes are spans as JSON objects: all of the file is one value, or each line."""
    if not _FLAT.search(data, 0, _LOOKED_AT):
        return False
    try:
        return all(spans_in(value) is not None for _, value in islice(_values(data, "spans"), 3))
    except InputError:
        return False


class Batch:
    """Spans and log records that were read together."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._spans: dict[tuple[str, str], Span] = {}
        self._logs: dict[tuple[str, str], list[tuple[int, SpanEvent]]] = {}
        self._orphans: dict[tuple[str, str], Span] = {}
        self._records = 0
        self.rejected = 0
        """Spans whose ids are none; they are left out."""

    def add(self, data: bytes, path: str) -> None:
        """Read an export: one JSON value, one a line, or protobuf.

        Raises:
            InputError: none of them.
        """
        for line, value in _values(data, path):
            if (spans := spans_in(value)) is not None:
                self._add_flat(spans, Location(path, line))
                continue
            if not is_otlp(value):
                raise InputError(
                    "no export of traces or logs here",
                    hint="OTLP has resourceSpans or resourceLogs",
                    location=Location(path, line),
                )
            self.add_value(value, path)

    def add_value(self, value: Mapping[str, Any], path: str) -> set[str]:
        """Take one export that is JSON already, and give the traces that it tells of; errors as `add`."""
        try:
            return set(self._add_spans(value)) | set(self._add_records(value))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError("not a well-formed OTLP export", location=Location(path)) from error

    def _add_flat(self, spans: Iterable[Mapping[str, Any]], place: Location) -> None:
        try:
            found = [read_span(span) for span in spans]
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise InputError("not a well-formed span", location=place) from error
        self._spans |= {(span.trace, span.id): span for span in found}

    @property
    def traces(self) -> frozenset[str]:
        """The traces that it tells of."""
        return frozenset(key[0] for known in (self._spans, self._orphans) for key in known)

    @property
    def has_spans(self) -> bool:
        """Whether it holds spans, not only records of logs."""
        return bool(self._spans)

    def take(self, other: Batch) -> None:
        """Take what another one read."""
        self._spans |= other._spans
        for key, records in other._logs.items():
            known = self._logs.setdefault(key, [])
            known += [record for record in records if record not in known]
        for key, span in other._orphans.items():
            mine = self._orphans.get(key, span)
            self._orphans[key] = replace(span, start=min(span.start, mine.start), end=max(span.end, mine.end))

    def forget(self, traces: Collection[str]) -> None:
        """Leave out what was read of some traces."""
        for known in (self._spans, self._logs, self._orphans):
            for key in [key for key in known if key[0] in traces]:
                del known[key]

    def spans(self) -> list[Span]:
        """The spans by their start, with their log records as events."""
        found = []
        for key, span in {**self._orphans, **self._spans}.items():
            records = sorted(self._logs.get(key, ()), key=lambda record: record[0])
            found.append(replace(span, events=span.events + tuple(event for _, event in records)))
        return sorted(found, key=lambda span: (span.start, span.end))

    def _add_spans(self, value: Mapping[str, Any]) -> Iterator[str]:
        for resource, scope, wire in _below(value, "resourceSpans", "scopeSpans", "spans"):
            status = wire.get("status") or {}
            failed = status.get("code") in _ERROR
            events = tuple(
                SpanEvent(str(event.get("name", "")), attributes(event.get("attributes")))
                for event in wire.get("events") or ()
            )
            span = Span(
                str(wire.get("traceId", "")).lower(),
                str(wire.get("spanId", "")).lower(),
                str(wire.get("parentSpanId") or "").lower(),
                str(wire.get("name", "")),
                scope,
                attributes(wire.get("attributes")),
                resource,
                events,
                _nanoseconds(wire.get("startTimeUnixNano")),
                _nanoseconds(wire.get("endTimeUnixNano")),
                _fault(status, events) if failed else None,
            )
            if not (_TRACE.fullmatch(span.trace) and _SPAN.fullmatch(span.id)):
                self.rejected += 1
                continue
            self._spans[span.trace, span.id] = span
            yield span.trace

    def _add_records(self, value: Mapping[str, Any]) -> Iterator[str]:
        for resource, scope, wire in _below(value, "resourceLogs", "scopeLogs", "logRecords"):
            fields = attributes(wire.get("attributes"))
            name = str(wire.get("eventName") or fields.get("event.name") or "")
            key = (str(wire.get("traceId") or "").lower(), str(wire.get("spanId") or "").lower())
            at = _nanoseconds(wire.get("timeUnixNano")) or _nanoseconds(wire.get("observedTimeUnixNano"))
            body = any_value(wire["body"]) if isinstance(wire.get("body"), dict) else None
            if not name.startswith("gen_ai."):
                continue
            if not key[1]:  # a record of no span is a call of its own, if it holds all of one
                self._records += 1
                key = (key[0], f"record-{self._name}{self._records}")
            records = self._logs.setdefault(key, [])
            entry = (at, SpanEvent(name, fields, body))
            if entry not in records:
                records.append(entry)
            began = min(at, self._orphans[key].start) if key in self._orphans else at
            self._orphans[key] = Span(*key, "", name, scope, {}, resource, (), began, max(at, began))
            yield key[0]


def _values(data: bytes, path: str) -> Iterator[tuple[int | None, Any]]:
    start = data[:64].lstrip()
    if not start.startswith((b"{", b"[")):
        from runback_gate.capture.otlp.protobuf import read_protobuf  # noqa: PLC0415  an extra

        yield None, read_protobuf(data, path)
        return
    try:
        yield None, parse_json(data, path=path, max_bytes=MAX_BYTES)
        return
    except DocumentError:
        if b"\n" not in data.strip():
            raise
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, parse_json(line, path=f"{path}:{number}", max_bytes=MAX_BYTES)


def _below(
    value: Mapping[str, Any], root: str, scopes: str, items: str
) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for resource in value.get(root) or ():
        known = attributes((resource.get("resource") or {}).get("attributes"))
        for scope in resource.get(scopes) or ():
            name = str((scope.get("scope") or {}).get("name", ""))
            for item in scope.get(items) or ():
                yield known, name, item


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {pair["key"]: any_value(pair.get("value") or {}) for pair in pairs or ()}


def any_value(value: Mapping[str, Any]) -> Any:
    """The JSON of an AnyValue; bytes stay base64, and a number that JSON lacks is None."""
    for kind, item in value.items():
        if kind == "intValue":
            return int(item)
        if kind == "doubleValue":
            number = float(item)
            return number if math.isfinite(number) else None
        if kind == "arrayValue":
            return [any_value(entry) for entry in item.get("values") or ()]
        if kind == "kvlistValue":
            return attributes(item.get("values"))
        return item
    return None


def _nanoseconds(value: Any) -> int:
    return int(value) if value else 0


def _fault(status: Mapping[str, Any], events: tuple[SpanEvent, ...]) -> str:
    """What went wrong: the exception that the span tells of, or the first line of its status."""
    for event in events:
        if event.name == "exception":
            words = [str(event.attributes.get(f"exception.{name}") or "") for name in ("type", "message")]
            return ": ".join(word for word in words if word) or "error"
    return str(status.get("message") or "error").partition("\n")[0]
