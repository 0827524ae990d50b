"""What level `standard` promises never reaches the disk, from any way into a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runback_gate
from runback_gate.capture.exchange import Seen
from runback_gate.capture.sink import sink
from runback_gate.redact import load_rules
from runback_gate.testing.server import completion

VALUES = {rule.id: rule.example for rule in load_rules("standard")}
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


def agent(folder: Path, value: str) -> None:
    """A run that says the value wherever it can, and breaks."""
    with runback_gate.record("a", out=folder, labels={"k": value}) as run:
        run._see(seen(f"here is {value} for you", f"thanks for {value} there"))
        run.note("x", value=f"see {value} there")
        run.prompt("Hi {who}", who=value)
        run.tool(name="look")(lambda what: f"found {what} there")(f"for {value} now")
        run.finish({"answer": f"it is {value} here"})
        raise ValueError(f"broken by {value} there")


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=() if number % 5 == 0 else pytest.mark.slow)
        for number, rule in enumerate(sorted(VALUES))
    ],
)
def test_no_byte_holds_a_value(tmp_path: Path, rule: str) -> None:
    """Requests, answers, tools, notes, labels, prompts, output and errors: the value stands in none of them."""
    value = VALUES[rule]
    with pytest.raises(ValueError, match="broken"):
        agent(tmp_path, value)
    data = held(tmp_path)
    assert data.count(b"\n") > 3
    assert b'"withheld"' not in data
    for form in (value, json.dumps(value)[1:-1], NAMED):
        assert form.encode() not in data
