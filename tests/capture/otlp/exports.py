"""Exports in the forms of OTLP."""

from __future__ import annotations

import json

from tests.capture.otlp.spans import GEN_AI, export, pairs, span

SAID = ("gen_ai.input.messages", "gen_ai.output.messages")

SILENT = {name: value for name, value in GEN_AI.items() if name not in SAID}

DETAILS = "gen_ai.client.inference.operation.details"


def logs(*numbers: int) -> bytes:
    """The log records that hold what was said in the spans of these numbers."""
    records = [
        {
            "timeUnixNano": str(number * 10**9),
            "eventName": DETAILS,
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "attributes": pairs({name: json.loads(GEN_AI[name]) for name in SAID}),
        }
        for number in numbers
    ]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


TRACES = export(span(SILENT, 1))
