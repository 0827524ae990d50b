"""What a recording holds of a text."""

from __future__ import annotations

import json
from pathlib import Path

from runback_gate.capture.exchange import Seen
from runback_gate.capture.sink import sink
from runback_gate.testing.server import completion

NAMED = "tR0ub4dor&3"


def held(folder: Path) -> bytes:
    """Every byte that was written, once all is."""
    assert sink().flush(60)
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def seen(text: str, answer: str) -> Seen:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text}]},
        ],
        "tools": [{"type": "function", "function": {"name": "mail", "description": text, "parameters": {}}}],
        "metadata": {"note": text, "password": NAMED},
    }
    data = json.dumps(completion(answer)).encode()
    url = "https://api.example/v1/chat/completions"
    times = {"status": 200, "media_type": "application/json"}
    return Seen(url, json.dumps(body).encode(), "2026-01-31T12:00:00Z", chunks=(data,), **times)  # type: ignore[arg-type]
