"""The hook for botocore, which signs and sends for Bedrock: whole answers, event streams, and streams that are left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.capture.call import CLOSED
from runback_gate.capture.runs import read_run
from runback_gate.capture.sink import sink
from runback_gate.step import Step
from runback_gate.wire.bedrock_converse import write_request
from tests.contract.clients.server import Server
from tests.extras import needs

session: Any = needs("botocore.session")
config: Any = needs("botocore.config")
exceptions: Any = needs("botocore.exceptions")
ASKED = {"modelId": "m:0", "messages": [{"role": "user", "content": [{"text": "Where is A-1? Grüße 🙂"}]}]}


def client(url: str) -> Any:
    keys = {"aws_access_key_id": "secret-1", "aws_secret_access_key": "secret-2", "region_name": "eu-central-1"}
    options = config.Config(retries={"max_attempts": 0})
    return session.get_session().create_client("bedrock-runtime", endpoint_url=url, config=options, **keys)


def steps(folder: Path, server: Server) -> list[Step]:
    """What was recorded, once its requests are what the server saw."""
    assert sink().flush(60)
    (path,) = folder.glob("*.jsonl")
    data = path.read_bytes()
    assert b"secret-" not in data
    found = list(read_run(data, path.name).steps)
    assert [write_request(step.request, step.request.model) for step in found] == server.asked
    assert {(step.source.grade, step.source.api, step.request.model) for step in found} == {
        ("exact", "bedrock.converse", "m:0")
    }
    return found


def test_a_whole_answer(tmp_path: Path) -> None:
    """The application gets it, and the step has it; the model is that of the path."""
    with Server() as server, runback_gate.record("a", out=tmp_path, redact="off"):
        answer = client(f"{server.url}/plain").converse(**ASKED)
    assert answer["output"]["message"]["content"] == [{"text": "Good morning"}]
    (step,) = steps(tmp_path, server)
    assert (step.response.text, step.response.finish_reason) == ("Good morning", "stop")


@pytest.mark.parametrize(("scenario", "text", "calls"), [("stream", "Good morning", []), ("tool", "", ["lookup"])])
def test_an_event_stream(tmp_path: Path, scenario: str, text: str, calls: list[str]) -> None:
    """Every event reaches the application; the step is the answer that they make."""
    with Server() as server, runback_gate.record("a", out=tmp_path, redact="off"):
        events = list(client(f"{server.url}/{scenario}").converse_stream(**ASKED)["stream"])
    assert next(iter(events[-1])) == "metadata"
    (step,) = steps(tmp_path, server)
    assert (step.response.text, [call.name for call in step.response.tool_calls]) == (text, calls)
    assert step.response.usage.output_tokens == 2


def test_a_stream_that_is_left(tmp_path: Path) -> None:
    """The step says that the application closed it; what came of it is no answer."""
    with Server() as server, runback_gate.record("a", out=tmp_path, redact="off"):
        stream = client(f"{server.url}/close").converse_stream(**ASKED)["stream"]
        next(iter(stream))
        stream.close()
    (step,) = steps(tmp_path, server)
    assert (step.response.error, step.response.text) == (CLOSED, "")


def test_an_error(tmp_path: Path) -> None:
    """The application gets its exception, the step the status and the words."""
    with (
        Server() as server,
        runback_gate.record("a", out=tmp_path, redact="off"),
        pytest.raises(exceptions.ClientError),
    ):
        client(f"{server.url}/error").converse(**ASKED)
    (step,) = steps(tmp_path, server)
    assert (step.response.error or "").startswith("HTTP 400")
