"""A recording in a folder, a call for it, and the runs that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import runback_gate
from runback_gate.capture.exchange import Seen
from runback_gate.capture.runs import read_run
from runback_gate.capture.sink import sink
from runback_gate.step import Run
from runback_gate.testing.server import completion

URL = "https://api.example/v1/chat/completions"


def seen(text: str = "Hello", *, answer: Any = None, **changes: Any) -> Seen:
    """A call of a model, and its answer."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    data = json.dumps(completion("Hi") if answer is None else answer).encode()
    fields: dict[str, Any] = {"status": 200, "media_type": "application/json", "chunks": (data,), **changes}
    return Seen(URL, json.dumps(body).encode(), "2026-01-31T12:00:00Z", **fields)


def runs(folder: Path, *, truncated: bool = False) -> list[Run]:
    """The runs of a folder, oldest first."""
    assert sink().flush(60)
    paths = sorted(folder.glob("*.jsonl"))
    return [read_run(path.read_bytes(), path.name, truncated=truncated) for path in paths]


def recording(folder: Path, **options: Any) -> runback_gate.Recording:
    return runback_gate.record("a", out=folder, **{"redact": "off", **options})
