"""No secret and no personal datum that level `standard` promises reaches the disk, by whatever way it came."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.capture.exchange import Seen
from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp.reader import read_otlp
from runback_gate.capture.proxy import Claim, ProxyRuns
from runback_gate.capture.runs import write_run
from runback_gate.capture.sink import sink
from runback_gate.redact import Redactor, Rule, load_rules
from runback_gate.testing.server import completion

URL = "https://api.example/v1/chat/completions"
AT = "2026-01-31T12:00:00Z"
RULES = load_rules("standard")


def private(rule: Rule) -> list[str]:
    """What of a rule's example nobody may find again, line by line."""
    match = rule.regex.search(rule.example)
    assert match is not None
    value = match["value"] if "value" in rule.regex.groupindex else match[0]
    return [line for line in value.split("\n") if line and not line.startswith("-----")]


def exchanges() -> list[Seen]:
    """Every example in each part of a request, and of an answer; some also in errors and in what was cut."""
    found = []
    for number, text in enumerate(rule.example for rule in RULES):
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"note": text})}}
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": text},
        ]
        tools = [{"type": "function", "function": {"name": "f", "description": text, "parameters": {"default": text}}}]
        body = json.dumps({"model": "m", "messages": messages, "tools": tools, "metadata": {"note": text}}).encode()
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


def otlp(folder: Path) -> None:
    """Spans whose messages and tool calls hold the examples."""
    redactor = Redactor("standard", key=bytes(32))
    spans = []
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
            span["attributes"] = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
            spans.append(span)
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    found = read_otlp(data, redaction=Redaction("standard", redactor.redact))
    assert found.runs
    for number, run in enumerate(found.runs):
        (folder / f"{number}.jsonl").write_bytes(write_run(run, lambda size: bytes(size)))


@pytest.mark.slow
@pytest.mark.parametrize("entry", [hook, proxy, otlp])
def test_nothing_private_is_written(tmp_path: Path, entry: Callable[[Path], None]) -> None:
    """Each rule's own example, in each place that the entry has: no byte of any file shows it."""
    entry(tmp_path)
    assert sink().flush(60)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    data = b"".join(path.read_bytes() for path in paths)
    assert data.count(b"<") > len(RULES)
    written = data.decode() + data.decode().encode().decode("unicode_escape", "replace")
    assert [rule.id for rule in RULES for text in private(rule) if text in written] == []
