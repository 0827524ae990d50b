"""One dataset, asked straight and through litellm: the same rows, findings and verdict."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runback_gate.step import Message
from runback_gate.testing import sample_call, sample_case, sample_step, write_document, write_gate
from runback_gate.testing.server import Act, ModelServer, completion

ROOT = Path(__file__).parent.parent.parent
ANSWERS = {
    "pay": completion(None, [sample_call("issue_refund", amount=250)]),
    "small": completion(None, [sample_call("issue_refund", amount=40)]),
    "both": completion(
        "One moment.", [sample_call("escalate", reason="dispute"), sample_call("issue_refund", amount=1)]
    ),
    "json": completion('{"action": "escalate"}'),
    "no": completion(None, refusal="I must not do that."),
    "cut": completion("I wi", finish_reason="length"),
}
CHECKS: dict[str, list[dict[str, Any]]] = {
    "json": [{"jsonSchema": {"type": "object", "required": ["action"]}}],
    "no": [{"cel": 'response.refusal.contains("must not")'}],
    "cut": [{"finishReason": "stop"}],
    "both": [{"toolCalled": {"name": "escalate", "arguments": {"reason": "dispute"}}}, {"maxTokens": 800}],
}

if importlib.util.find_spec("litellm") is None and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("needs requirements/providers.lock", allow_module_level=True)

pytestmark = pytest.mark.contract


def behave(body: dict[str, Any], _number: int) -> Act:
    """Answer by the last word of the customer; one question is never answered."""
    said = body["messages"][-1]["content"]
    return Act({"error": {"message": "no"}}, 400) if said == "broken" else Act(ANSWERS[said])


def judged(root: Path, url: str, api: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the rows of a run that asks in this way."""
    cases = [
        sample_case(name, sample_step(text="recorded", messages=(Message("user", name),)), *CHECKS.get(name, []))
        for name in [*ANSWERS, "broken"]
    ]
    write_gate(root, cases, agent={"system": "Another prompt.", "model": "openai/m", "parameters": {"temperature": 0}})
    gate: dict[str, Any] = json.loads((root / "runback.yaml").read_text())["spec"]
    provider = {"api": api, "baseUrl": url, "models": ["m"]}
    write_document(root, "runback.yaml", "Gate", "sample", {**gate, "providers": {"openai": provider}})
    command = [sys.executable, "-m", "runback_gate.cli", "run", "--live", "--json", "--quiet", "--root", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300)
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return done.returncode, rows


def test_the_same_verdicts(tmp_path: Path) -> None:
    """Tool calls, JSON, refusals and failures come through both, and are judged alike."""
    with ModelServer(behave) as server:
        straight = judged(tmp_path / "straight", server.url, "openai")
        through = judged(tmp_path / "through", server.url, "litellm")
        assert len(server.asked) == 2 * (len(ANSWERS) + 1)
    assert straight[0] == through[0] == 1
    verdicts = {row["case"]: row["verdict"] for row in straight[1]}
    assert verdicts == {
        "pay": "FAIL",
        "small": "PASS",
        "both": "PASS",
        "json": "PASS",
        "no": "PASS",
        "cut": "FAIL",
        "broken": "UNDECIDED",
    }

    for field in ("case", "verdict", "evidence", "findings", "now", "then", "planned"):
        assert [row[field] for row in straight[1]] == [row[field] for row in through[1]]
