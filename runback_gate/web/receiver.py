"""The receiver of OTLP over HTTP: traces and logs, in JSON and in protobuf.

In: exports, POSTed to `/v1/traces` and `/v1/logs`. Out: what OTLP answers; the spans go to the writer.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: 200 takes all, or all but what `partialSuccess` counts; 400 is
not to be sent again; 503 is, after `Retry-After`. gRPC goes through a Collector.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, Literal

from aiohttp import web

from runback_gate.canonical import parse_json
from runback_gate.capture.otlp.document import Batch
from runback_gate.capture.otlp.protobuf import read_protobuf
from runback_gate.errors import InputError, RunbackError
from runback_gate.web.guard import read_body

MAX_EXPORT: Final = 64 << 20
"""Bytes of an export, its encoding undone."""
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_INVALID: Final = 3
"""`INVALID_ARGUMENT` of google.rpc.Code."""

Kind = Literal["traces", "logs"]
Take = Callable[[dict[str, Any], int], bool]
"""Takes an export of so many bytes; False when too much waits already."""


class Receiver:
    """The handlers."""

    def __init__(self, take: Take) -> None:
        self._take = take

    async def traces(self, request: web.Request) -> web.Response:
        """`/v1/traces`."""
        return await self._handle(request, "traces")

    async def logs(self, request: web.Request) -> web.Response:
        """`/v1/logs`."""
        return await self._handle(request, "logs")

    async def _handle(self, request: web.Request, kind: Kind) -> web.Response:
        form = request.content_type
        if form not in (_PROTOBUF, _JSON):
            return web.Response(status=415, text=f"{_JSON} or {_PROTOBUF} was expected")
        data = await read_body(request, MAX_EXPORT)
        try:
            value, rejected = await asyncio.to_thread(_decoded, data, form, kind)
        except RunbackError as error:
            return _answer(form, 400, {"code": _INVALID, "message": str(error)}, (_INVALID, str(error)))
        if not self._take(value, len(data)):
            return web.Response(status=503, headers={"Retry-After": "1"}, text="too much at once")
        if not rejected:
            return _answer(form, 200, {}, None)
        why = "ids of a span are not 16 and 8 bytes"
        partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}}
        return _answer(form, 200, partial, (rejected, why), inner=True)


def _decoded(data: bytes, form: str, kind: Kind) -> tuple[dict[str, Any], int]:
    """The export as JSON, and how many of its spans cannot be taken."""
    if form == _PROTOBUF:
        value: Any = read_protobuf(data, "the export", kind)
    else:
        value = parse_json(data, path="the export", max_bytes=MAX_EXPORT)
    if not isinstance(value, dict) or value.keys() - {"resourceSpans" if kind == "traces" else "resourceLogs"}:
        raise InputError(f"no export of {kind}")
    batch = Batch()
    batch.add_value(value, "the export")
    return value, batch.rejected


def _answer(
    form: str, status: int, value: dict[str, Any], fields: tuple[int, str] | None, *, inner: bool = False
) -> web.Response:
    """An answer in the encoding of its request; in protobuf, `inner` puts the two fields into a message of field 1."""
    if form == _JSON:
        return web.Response(status=status, body=json.dumps(value).encode(), content_type=_JSON)
    data = b""
    if fields is not None:
        words = fields[1].encode()
        data = b"\x08" + _varint(fields[0]) + b"\x12" + _varint(len(words)) + words
        data = b"\x0a" + _varint(len(data)) + data if inner else data
    return web.Response(status=status, body=data, content_type=_PROTOBUF)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
