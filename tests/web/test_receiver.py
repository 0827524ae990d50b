"""The receiver takes OTLP over HTTP, as the specification says, and makes runs of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.log import Redaction, off
from runback_gate.capture.otlp import received
from runback_gate.capture.otlp.received import OtlpReceived
from runback_gate.capture.runs import read_run
from runback_gate.web import receiver
from tests.capture.otlp.spans import GEN_AI, export, pairs, span
from tests.conftest import SHARED_DATA
from tests.extras import needs, needs_data
from tests.web.conftest import Local, Serve

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
FOLDER = SHARED_DATA / "otlp"


def send(local: Local, data: bytes, kind: str = "traces", **headers: str) -> tuple[int, dict[str, str], bytes]:
    return local.ask("POST", f"/v1/{kind}", data, {**JSON, **headers})


def test_traces_become_a_run(served: Serve) -> None:
    """An export is answered with an empty object, and is a run once the server ends."""
    with served() as local:
        assert send(local, export(span(GEN_AI)))[::2] == (200, b"{}")
        assert send(local, b"{}")[::2] == (200, b"{}")
    (run,) = local.runs()
    assert (run.agent, run.steps[0].response.text) == ("shop", "Hello")


def test_compressed(served: Serve) -> None:
    """Exporters compress."""
    with served() as local:
        assert send(local, gzip.compress(export(span(GEN_AI))), **{"Content-Encoding": "gzip"})[0] == 200
    assert len(local.runs()) == 1


def test_content_in_logs(served: Serve) -> None:
    """The content of a span may come in logs, before or after it."""
    bare = {name: value for name, value in GEN_AI.items() if "messages" not in name}
    record = {
        "traceId": f"{1:032x}",
        "spanId": f"{1:016x}",
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": "1",
        "attributes": pairs(GEN_AI),
    }
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    with served(agent="mine") as local:
        assert send(local, logs, "logs")[0] == 200
        assert send(local, export(span(bare)))[0] == 200
    (run,) = local.runs()
    assert (run.agent, len(run.steps), run.steps[0].response.text) == ("mine", 1, "Hello")


def test_partial_success(served: Serve) -> None:
    """A span without its ids is rejected and counted; the others are taken."""
    with served() as local:
        status, _, data = send(local, export(span(GEN_AI), {**span(GEN_AI, 2), "traceId": "1"}))
    assert (status, json.loads(data)["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert len(local.runs()) == 1


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"resourceLogs": []}', JSON, 400),
        (b'{"resourceSpans": [1]}', JSON, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"not gzip", {**JSON, "Content-Encoding": "gzip"}, 400),
        (b" " * 2000, JSON, 413),
    ],
)
def test_bad_data(
    served: Serve, monkeypatch: pytest.MonkeyPatch, data: bytes, headers: dict[str, str], status: int
) -> None:
    """What is no export is answered so that the exporter does not send it again."""
    monkeypatch.setattr(receiver, "MAX_EXPORT", 1000)
    with served() as local:
        assert local.ask("POST", "/v1/traces", data, headers)[0] == status
    assert local.runs() == []


def test_protobuf(served: Serve) -> None:
    """Protobuf is answered in protobuf, errors as well."""
    needs("opentelemetry.proto.trace.v1.trace_pb2")
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service  # noqa: PLC0415

    whole = service.ExportTraceServiceRequest()
    item = whole.resource_spans.add().scope_spans.add().spans.add()
    item.trace_id, item.span_id, item.name = b"1" * 16, b"2" * 8, "x"
    half = service.ExportTraceServiceRequest()
    half.CopyFrom(whole)
    half.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    with served() as local:
        assert local.ask("POST", "/v1/traces", whole.SerializeToString(), PROTOBUF)[::2] == (200, b"")
        data = local.ask("POST", "/v1/traces", half.SerializeToString(), PROTOBUF)[2]
        status, _, bad = local.ask("POST", "/v1/traces", b"\xff\xff", PROTOBUF)
    assert service.ExportTraceServiceResponse.FromString(data).partial_success.rejected_spans == 1
    assert (status, bad[:3]) == (400, b"\x08\x03\x12")  # google.rpc.Status: code 3 and a message


@needs_data(FOLDER)
@pytest.mark.parametrize("name", ["otel-genai-openai-eventonly", "langgraph-openinference", "vercel-ai-v6"])
def test_samples(served: Serve, name: str) -> None:
    """What emitters sent is one run of three steps."""
    with served() as local:
        assert send(local, (FOLDER / f"{name}.json").read_bytes())[0] == 200
        logs = FOLDER / f"{name}.logs.json"
        assert not logs.exists() or send(local, logs.read_bytes(), "logs")[0] == 200
    assert [len(run.steps) for run in local.runs()] == [3]


def clocked(folder: Path, apply: Any = off) -> tuple[OtlpReceived, list[float]]:
    now = [0.0]
    return OtlpReceived(folder, Redaction("standard", apply), idle=10, seconds=lambda: now[0]), now


def values(*numbers: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(export(*(span({**GEN_AI, "gen_ai.request.model": f"m{n}"}, n) for n in numbers)))
    return found


def test_quiet_traces_are_written(tmp_path: Path) -> None:
    """A run is written when its traces have been quiet, and not before; spans that came again make no second run."""
    runs, now = clocked(tmp_path)
    runs.take(values(1), 100)
    now[0] = 5.0
    runs.take(values(2), 100)
    runs.tick()
    assert list(tmp_path.iterdir()) == []
    now[0] = 12.0
    runs.tick()
    assert len(list(tmp_path.iterdir())) == 1
    runs.close()
    runs.take(values(1), 100)
    runs.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound everything is written."""
    monkeypatch.setattr(received, "MAX_WAITING", 150)
    runs, _ = clocked(tmp_path)
    runs.take(values(1), 100)
    runs.take(values(2), 100)
    assert len(list(tmp_path.iterdir())) == 1


def test_redactor_that_raises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written that was not redacted, and the loss is told without its content."""

    def fails(_value: Any) -> Any:
        raise ValueError("Hi")

    runs, _ = clocked(tmp_path, fails)
    runs.take(values(1), 100)
    runs.close()
    assert list(tmp_path.iterdir()) == []
    assert "1 traces are not recorded: ValueError" in (errors := capsys.readouterr().err)
    assert "Hi" not in errors


def test_missing_content_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which variable turns the content on is said once, however often an exporter sends."""
    runs, _ = clocked(tmp_path)
    for number in (1, 2):
        runs.take(json.loads(export(span({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}, number))), 100)
        runs.close()
    assert capsys.readouterr().err.count("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") == 1
    assert list(tmp_path.iterdir()) == []


def test_written_files_are_whole_runs(tmp_path: Path) -> None:
    """A file that the receiver wrote verifies."""
    runs, _ = clocked(tmp_path)
    runs.take(values(1), 100)
    runs.close()
    (path,) = tmp_path.iterdir()
    assert read_run(path.read_bytes(), path.name).redaction["level"] == "standard"
