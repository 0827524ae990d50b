"""A gate whose cases must be asked, the answers to them, and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runback_gate.report.model import Report, read_report
from runback_gate.step import Message
from runback_gate.testing import sample_call, sample_case, sample_step, write_gate
from runback_gate.testing.server import ModelServer, completion

GOOD = completion("", [sample_call("issue_refund", amount=40)])
BAD = completion("", [sample_call("issue_refund", amount=250)])
KEY = "sk-not-in-any-file-1234"


def fill(
    root: Path, server: ModelServer, cases: int = 3, *, budget: Mapping[str, Any] | None = None, **gate: Any
) -> None:
    """A gate whose agent has another model than the recordings, so that every case must be asked."""
    steps = (sample_step(messages=(Message("user", f"case {number}"),)) for number in range(cases))
    agent = {"model": "local/m", **gate.pop("agent", {})}
    write_gate(root, [sample_case(f"c{number}", step) for number, step in enumerate(steps)], agent=agent, **gate)
    document = json.loads((root / "runback.yaml").read_text())
    provider = {"baseUrl": server.url, "models": ["*"], "apiKeyEnv": "LOCAL_KEY", "timeoutSeconds": 5}
    provider["prices"] = {"m": {"input": "1", "output": "2"}}
    document["spec"] |= {"providers": {"local": provider}, "budget": budget or {}}
    (root / "runback.yaml").write_text(json.dumps(document))


def case_of(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[-1])


def report(root: Path) -> Report:
    return read_report((root / ".runback/report.json").read_bytes())


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that the gate config names."""
    monkeypatch.setenv("LOCAL_KEY", KEY)
