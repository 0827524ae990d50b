"""OTLP in protobuf, to the JSON that OTLP has for it.

In: the bytes of an export of traces or logs. Out: JSON with `resourceSpans` or `resourceLogs`.

    read_protobuf(data, "traces.pb")

Needs the extra `otlp` (opentelemetry-proto). Which of the two an export is, is in no byte of it: the one of which the
records have ids or times is taken.
"""

from __future__ import annotations

import base64
from typing import Any

from runback_gate.errors import InputError, Location

_IDS = ("traceId", "spanId", "parentSpanId")


def read_protobuf(data: bytes, path: str, kind: str | None = None) -> dict[str, Any]:
    """The JSON of an export.

    Args:
        data: the bytes.
        path: names them in errors.
        kind: `traces` or `logs`, when it is known.

    Raises:
        InputError: no export, or the extra is not installed.
    """
    try:
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415  an extra
        from google.protobuf.message import DecodeError  # noqa: PLC0415
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(
            "this is no JSON; protobuf needs an extra", hint='pip install "runback-gate[otlp]"', location=Location(path)
        ) from error
    forms: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
    for name, form in forms.items():
        if kind not in (None, name):
            continue
        message = form()
        try:
            message.ParseFromString(data)
            value = MessageToDict(message)
        except (DecodeError, ValueError, RecursionError):
            continue
        if kind is not None or _records(value):
            _hexadecimal(value)
            return dict(value)
    raise InputError("neither JSON nor an OTLP export", location=Location(path))


def _records(value: Any) -> bool:
    """Whether any span or log record is one."""
    scopes = [
        scope
        for name, inner in (("resourceSpans", "scopeSpans"), ("resourceLogs", "scopeLogs"))
        for resource in value.get(name, ())
        for scope in resource.get(inner, ())
    ]
    items = [item for scope in scopes for item in (*scope.get("spans", ()), *scope.get("logRecords", ()))]
    return any(item.keys() & {"startTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"} for item in items)


def _hexadecimal(value: Any) -> None:
    """Write ids as OTLP's JSON has them; protobuf's own has all bytes in base64."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in _IDS and isinstance(item, str):
                value[name] = base64.b64decode(item).hex()
            elif name not in ("attributes", "body"):
                _hexadecimal(item)
    elif isinstance(value, list):
        for item in value:
            _hexadecimal(item)
