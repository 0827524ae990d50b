"""What is stored of a call: what the redactor leaves, up to a limit, and an answer only where there is one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.canonical import digest_bytes
from runback_gate.capture import outside
from runback_gate.capture.exchange import MAX_BODY, Seen
from runback_gate.capture.runs import blobs
from runback_gate.testing.server import completion
from tests.capture.recordings import URL, recording, runs, seen


def test_a_redactor_that_raises_withholds(tmp_path: Path) -> None:
    """Nothing is stored as it was, nothing is missing without a word, the agent notices nothing."""

    def broken(value: Any) -> Any:
        raise RuntimeError(str(value))

    with recording(tmp_path, redact=broken, labels={"secret": "private"}) as run:
        run._see(seen("private"))
        run.note("private")
        runback_gate.tool(lambda text: text)("private")
        run.finish("private")
    (path,) = tmp_path.glob("*.jsonl")
    assert b"private" not in path.read_bytes()
    (found,) = runs(tmp_path)
    assert [note.kind for note in found.notes] == ["dropped", "withheld", "withheld", "withheld", "withheld"]
    assert {note.value["reason"] for note in found.notes[1:]} == {"redaction failed: RuntimeError"}
    assert [note.value["event"] for note in found.notes[1:]] == ["model", "note", "tool", "run.end"]


def test_what_is_redacted_is_what_is_stored(tmp_path: Path) -> None:
    """Everything passes the redactor before it is graded, hashed and written, and the run says how much."""

    def redact(value: Any) -> tuple[Any, dict[str, int]]:
        text = json.dumps(value)
        return json.loads(text.replace("private", "<x>")), {"x": text.count("private")}

    with recording(tmp_path, redact=redact) as run:
        run._see(seen("private", answer=completion("so private")))
    (path,) = tmp_path.glob("*.jsonl")
    assert b"private" not in path.read_bytes()
    (found,) = runs(tmp_path)
    assert found.redaction["counts"] == {"x": 2}
    source = found.steps[0].source
    assert (source.grade, source.redacted, found.steps[0].response.text) == ("exact", 2, "so <x>")


def test_a_part_beyond_the_limit_is_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are left out, its digest and length stay, and the step is not exact, nor is one that repeats it."""
    monkeypatch.setattr(blobs, "MAX_PART", 100)
    picture = base64.b64encode(b"\1" * 99).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": [part]}]}).encode()
    with recording(tmp_path) as run:
        for _ in range(2):
            run._see(replace(seen(), body=body))
    (path,) = tmp_path.glob("*.jsonl")
    (found,) = runs(tmp_path)
    assert picture.encode() not in path.read_bytes()
    for step in found.steps:
        assert (step.source.grade, step.source.lost) == ("semantic", ("request.messages[0].parts[0].data",))
        assert step.request.messages[0].parts[0].blob == digest_bytes(b"\1" * 99)
        assert step.request.messages[0].parts[0].size == 99


def test_personal_data_is_redacted_unasked(tmp_path: Path) -> None:
    """The level is `standard` unless somebody says otherwise, and the run says so."""
    with runback_gate.record("a", out=tmp_path) as run:
        run._see(seen("my mail is jane.doe@shop.example.org", answer=completion("jane.doe@shop.example.org it is")))
        run.note("jane.doe@shop.example.org")
    (path,) = tmp_path.glob("*.jsonl")
    (found,) = runs(tmp_path)
    assert b"jane.doe@shop" not in path.read_bytes()
    assert (found.redaction["level"], found.redaction["counts"]) == ("standard", {"email": 3})
    assert (found.steps[0].source.redaction, found.steps[0].source.grade) == ("standard", "exact")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"chunks": (b"{",)}, "not understood: answer:1:2: not valid JSON"),
        ({"chunks": (b"\xff\xfe",)}, "not understood"),
        ({"chunks": (b"data: {}\n\n",), "media_type": "text/event-stream"}, ""),
        ({"whole": False}, f"an answer of more than {MAX_BODY >> 20} MiB"),
        ({"status": None, "chunks": (), "fault": "ReadTimeout: late"}, "ReadTimeout: late"),
        ({"answer": {"choices": []}}, "not understood: $.choices"),
        ({"answer": {"error": {"message": "no"}}}, "$.error: an error in place of an answer"),
    ],
    ids=str,
)
def test_answers_that_are_none(tmp_path: Path, changes: dict[str, Any], error: str) -> None:
    """Whatever came, the step says why there is no answer; a part of one is never taken for it."""
    with recording(tmp_path) as run:
        run._see(seen(**changes))
    (step,) = runs(tmp_path)[0].steps
    assert step.response.finish_reason == "error"
    assert (step.response.error or "").startswith(error)
    assert (step.response.text, step.response.tool_calls) == ("", ())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"messages": [NaN]}', b'{"messages": [{"$decimal": 1}]}'], ids=str
)
def test_bodies_that_cannot_be_stored(tmp_path: Path, body: bytes) -> None:
    """They are withheld, and the run says so."""
    with recording(tmp_path) as run:
        run._see(Seen(URL, body, outside.now(), 200, "", (b"{}",)))
        run._see(seen())
    (found,) = runs(tmp_path)
    assert [note.kind for note in found.notes] == ["withheld"]
    assert len(found.steps) == 1
