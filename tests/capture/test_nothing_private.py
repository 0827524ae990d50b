"""No secret and no personal datum that level `standard` promises reaches the disk, by whatever way it came."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.app.import_files import import_lines, import_paths, next_lines
from runback_gate.app.import_runs import ImportOptions, file_json, redaction
from runback_gate.capture.exchange import Seen
from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp.reader import read_otlp
from runback_gate.capture.otlp.span_processor import RecorderSpanProcessor
from runback_gate.capture.proxy import Claim, ProxyRuns
from runback_gate.capture.runs import write_run
from runback_gate.capture.sink import sink
from runback_gate.redact import Redactor, load_rules
from runback_gate.testing.server import Act, ModelServer, completion
from tests.capture.otlp.processor import ended
from tests.capture.private import private
from tests.web.conftest import local

URL = "https://api.example/v1/chat/completions"
AT = "2026-01-31T12:00:00Z"
RULES = load_rules("standard")
KEY = "q7Zx8Qv2Lr7Tn4Kp1W3s"
"""Of the headers and the address of a request."""


def body_of(text: str) -> bytes:
    """The body of a request with a text in each of its parts."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"note": text})}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": text},
        {"role": "user", "content": [{"type": "text", "text": text}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": text},
    ]
    tools = [{"type": "function", "function": {"name": "f", "description": text, "parameters": {"default": text}}}]
    return json.dumps({"model": "m", "messages": messages, "tools": tools, "metadata": {"note": text}}).encode()


def exchanges() -> list[Seen]:
    """Every example in each part of a request, and of an answer; some also in errors and in what was cut."""
    found = []
    for number, text in enumerate(rule.example for rule in RULES):
        body = body_of(text)
        answer = json.dumps(completion(text)).encode()
        found.append(Seen(URL, body, AT, 200, "application/json", (answer,)))
        if number % 8:
            continue
        found += [
            Seen(URL, body, AT, 400, "application/json", (json.dumps({"error": {"message": text}}).encode(),)),
            Seen(URL, body, AT, 200, "application/json", (b'{"said": ' + json.dumps(text).encode(),)),
            Seen(URL, body, AT, 200, "text/event-stream", (b"data: " + answer[:-9],), fault=f"ReadError: {text}"),
            Seen("https://api.example/api/chat", body, AT, 200, "application/json", (answer,)),
            Seen(URL, body[:-5], AT, 200, "application/json", (answer,)),
        ]
    return found


def hook(folder: Path) -> None:
    """A recorded agent: its calls, tools, notes, prompt, labels, output and error."""
    examples = [rule.example for rule in RULES]
    with contextlib.suppress(ValueError), runback_gate.record("a", out=folder, labels={"all": list(examples)}) as run:
        for seen in exchanges():
            run._see(seen)
        for text in examples:

            @run.tool
            def tool(given: str) -> str:
                if len(given) % 2:
                    raise KeyError(given)
                return given

            with contextlib.suppress(KeyError):
                tool(text)
            run.note(text, more=[text])
            run.prompt("{x}", x=text)
        run.finish(output=list(examples))
        raise ValueError(" ".join(examples))


def proxy(folder: Path) -> None:
    """The same calls through the recording proxy."""
    redactor = Redactor("standard", key=bytes(32))
    runs = ProxyRuns(folder, Redaction("standard", redactor.redact), idle=0)
    for seen in exchanges():
        runs.take(seen, Claim())
    runs.close()


def proxy_over_http(folder: Path) -> None:
    """The same bodies sent to the port of the server, which passes on an answer with the same example."""

    def answer(body: Any, number: int) -> Act:
        text = body["metadata"]["note"]
        return Act(completion(text)) if number % 8 else Act({"error": {"message": text}}, status=400)

    bodies = {seen.body: None for seen in exchanges() if seen.body.endswith(b"}")}
    with ModelServer(answer) as server, local(folder, providers={"local": server.url}, redact="standard") as served:
        for number, body in enumerate(bodies):
            if number % 2:
                body = body[:-1] + b', "stream": true}'
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", "X-Api-Key": KEY}
            served.ask("POST", f"/v1/proxy/local/chat/completions?key={KEY}", body, headers)
        assert len(server.asked) == len(bodies)


def exports() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Spans whose messages, tool calls, events and errors hold the examples, and log records."""
    spans = []
    records = []
    for number, text in enumerate(rule.example for rule in RULES):
        said = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
        answer = [{"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": text}]}]
        values = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "m",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": text}]),
            "gen_ai.input.messages": json.dumps(said),
            "gen_ai.output.messages": json.dumps(answer),
        }
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c1"}
        tool |= {"gen_ai.tool.call.arguments": json.dumps({"note": text}), "gen_ai.tool.call.result": text}
        for at, attributes in enumerate((values, tool)):
            span: dict[str, Any] = {"traceId": f"{number + 1:032x}", "spanId": f"{2 * number + at + 1:016x}"}
            span["name"] = "n"
            span |= {"startTimeUnixNano": str(number), "endTimeUnixNano": str(number + 1)}
            span["attributes"] = _pairs(attributes)
            span["status"] = {"code": at + 1, "message": text}
            span["events"] = [{"name": "exception", "attributes": _pairs({"exception.message": text})}]
            spans.append(span)
        record: dict[str, Any] = {"traceId": f"{number + 1:032x}", "spanId": f"{2 * number + 1:016x}"}
        record |= {"timeUnixNano": str(number), "eventName": "gen_ai.client.inference.operation.details"}
        record |= {"attributes": _pairs(values), "body": {"stringValue": text}}
        records.append(record)
    return spans, records


def _pairs(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _openinference(number: int, text: str) -> dict[str, Any]:
    """A span of another convention, in which the whole body stands as well."""
    values = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": text,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": text,
        "llm.invocation_parameters": json.dumps({"user": text}),
        "input.value": json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}),
        "output.value": json.dumps(completion(text)),
        "metadata": json.dumps({"note": text}),
    }
    span = {"traceId": f"{number + 5000:032x}", "spanId": f"{number + 5000:016x}", "name": "n"}
    return {**span, "startTimeUnixNano": "1", "endTimeUnixNano": "2", "attributes": _pairs(values)}


def _export(spans: list[dict[str, Any]]) -> bytes:
    resource = {"attributes": _pairs({"service.name": "shop", "host.name": RULES[0].example})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def otlp(folder: Path) -> None:
    """An export in a file."""
    redactor = Redactor("standard", key=bytes(32))
    found = read_otlp(_export(exports()[0]), redaction=Redaction("standard", redactor.redact))
    assert found.runs
    for number, run in enumerate(found.runs):
        (folder / f"{number}.jsonl").write_bytes(write_run(run, lambda size: bytes(size)))


def receiver_over_http(folder: Path) -> None:
    """Traces and logs sent to the port of the server, plain and compressed, in two conventions."""
    spans, records = exports()
    spans += [_openinference(number, rule.example) for number, rule in enumerate(RULES)]
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    kind = {"Content-Type": "application/json"}
    with local(folder, redact="standard") as served:
        assert served.ask("POST", "/v1/logs", logs, kind)[0] == 200
        for start in range(0, len(spans), 50):
            data = gzip.compress(_export(spans[start : start + 50]))
            assert served.ask("POST", "/v1/traces", data, {**kind, "Content-Encoding": "gzip"})[0] == 200
    assert len(list(folder.iterdir())) > len(RULES)


def imported(folder: Path) -> None:
    """Transcripts of several formats, good and bad; what `import` prints counts as written."""
    files = folder.parent / f"{folder.name}-files"
    files.mkdir()
    for number, text in enumerate(rule.example for rule in RULES):
        use = {"type": "tool_use", "id": "c1", "name": "f", "input": {"note": text}}
        result = {"type": "tool_result", "tool_use_id": "c1", "content": text, "is_error": True}
        call = {"functionCall": {"name": "f", "args": {"note": text}}}
        values: list[Any] = [
            json.loads(body_of(text)) | {"output": text, "customer": text, text: "a name"},
            {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}], "reward": text},
            {
                "system": text,
                "messages": [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}],
            },
            {"contents": [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [call]}]},
            {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": text}]},
            {"messages": [{"role": text, "content": text}]},
            {text: [text]},
        ]
        for at, value in enumerate(values):
            (files / f"{number}-{at}.json").write_text(json.dumps(value))
        (files / f"{number}-cut.json").write_text(json.dumps(values[0])[:-3])
    options = ImportOptions(redaction=redaction("standard", "k" * 32, bytes))
    found = import_paths(sorted(files.iterdir()), folder, options, bytes)
    assert sum(bool(file.runs) for file in found) >= 4 * len(RULES)
    lines = [*import_lines(found), *next_lines(found, folder, None, gate=False), json.dumps([*map(file_json, found)])]
    (folder / "printed").write_text("\n".join(lines))


def span_processor(folder: Path) -> None:
    """Spans of tools that end in a process that is recorded."""
    processor = RecorderSpanProcessor()
    with runback_gate.record("a", out=folder):
        for text in (rule.example for rule in RULES):
            values = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}
            values |= {"gen_ai.tool.call.arguments": json.dumps({"note": text}), "gen_ai.tool.call.result": text}
            span = ended(values, failed=True)
            span.status.description = text
            processor.on_end(span)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    [hook, proxy, proxy_over_http, otlp, receiver_over_http, imported, span_processor],
    ids=lambda e: e.__name__,
)
def test_nothing_private_is_written(tmp_path: Path, entry: Callable[[Path], None]) -> None:
    """Each rule's own example, in each place that the entry has: no byte of any file shows it."""
    entry(tmp_path)
    assert sink().flush(60)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    data = b"".join(path.read_bytes() for path in paths)
    assert data.count(b"<") > len(RULES)
    written = data.decode() + data.decode().encode().decode("unicode_escape", "replace")
    assert [rule.id for rule in RULES for text in private(rule) if text in written] == []
    assert KEY not in written
