"""What `spec.redact` of the gate config says holds for the proxy and the receiver as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.testing.server import Act, ModelServer, completion
from tests.capture.otlp.spans import GEN_AI, export, span
from tests.web.conftest import Serve

RULE = "{id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-1}"


def test_rules_of_the_project(served: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte on the disk has what a rule of the project finds; the client got it all the same."""
    (tmp_path / "runback.yaml").write_text(f"spec: {{redact: {{rules: [{RULE}]}}}}")
    monkeypatch.chdir(tmp_path)
    said = {**GEN_AI, "gen_ai.output.messages": GEN_AI["gen_ai.output.messages"].replace("Hello", "Hello EMP-654321")}
    traces, kind = export(span(said)), {"Content-Type": "application/json"}
    body = {"model": "m", "messages": [{"role": "user", "content": "I am EMP-654321"}]}
    with (
        ModelServer(lambda _body, _number: Act(completion("Hello EMP-654321"))) as server,
        served(redact=None, providers={"local": server.url}) as local,
    ):
        assert b"EMP-654321" in local.post("/v1/proxy/local/chat/completions", body)[2]
        assert b"EMP-654321" in traces
        assert local.ask("POST", "/v1/traces", traces, kind)[0] == 200
    written = [path.read_bytes() for path in local.folder.iterdir()]
    assert [b"<staff:" in data for data in written] == [True, True]
    assert not any(b"EMP-654321" in data for data in written)
