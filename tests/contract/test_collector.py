"""An OpenTelemetry Collector between an agent that exports over gRPC and the receiver: the config of the guide.

`go build` in `tests/interop/collector` makes it, RUNBACK_COLLECTOR names it; elsewhere the test skips, and with
RUNBACK_REQUIRE_LIVE=1 it fails.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.capture.otlp.spans import GEN_AI, export, span
from tests.extras import needs
from tests.web.conftest import local

COLLECTOR = os.environ.get("RUNBACK_COLLECTOR", "")
if not COLLECTOR and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("no Collector is built", allow_module_level=True)

pytestmark = pytest.mark.contract

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "opentelemetry.md"


def config(grpc: int, receiver: int) -> str:
    """The config of the guide, with free ports in place of those that it names."""
    found = re.search(r'```yaml title="collector\.yaml"\n(.*?)```', GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    text = found[1]
    for old, new in (
        ("127.0.0.1:4317", f"127.0.0.1:{grpc}"),
        ("http://127.0.0.1:4318", f"http://127.0.0.1:{receiver}"),
    ):
        assert old in text
        text = text.replace(old, new)
    return f"{text}  telemetry: {{metrics: {{level: none}}}}\n"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def send(port: int, file: Path) -> None:
    """Export the traces of a file over gRPC; waits until the Collector listens."""
    subprocess.run([COLLECTOR, "send", f"127.0.0.1:{port}", str(file)], check=True, timeout=60)


@pytest.mark.parametrize("token", [None, "a-token-of-the-tests"])
def test_grpc_through_a_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    """What an agent sends over gRPC is a run: nothing is lost on the way, with a token as well."""
    needs("opentelemetry.proto.trace.v1.trace_pb2")
    (tmp_path / "traces.json").write_bytes(export(span(GEN_AI)))
    port = free_port()
    with local(tmp_path / "runs", token=token) as receiver:
        text = config(port, receiver.port)
        if token is not None:
            assert "headers:" in text
            text = re.sub(r"# (headers: .*)", r"\1", text)
            monkeypatch.setenv("RUNBACK_SERVE_TOKEN", token)
        (tmp_path / "collector.yaml").write_text(text, encoding="utf-8")
        command = [COLLECTOR, "--config", str(tmp_path / "collector.yaml")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as collector:
            try:
                send(port, tmp_path / "traces.json")
                time.sleep(1.5)  # its batches wait for a second
            finally:
                collector.terminate()
                said = collector.communicate(timeout=30)[0]
    assert " error " not in said, said
    (run,) = receiver.runs()
    assert (run.agent, run.steps[0].request.messages[0].content, run.steps[0].response.text) == ("shop", "Hi", "Hello")
