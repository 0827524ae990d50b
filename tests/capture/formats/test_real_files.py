"""Real transcripts of public repositories: what is read is what an independent reading counted."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import pytest

from runback_gate.app.import_runs import ImportedFile, counts
from runback_gate.app.runs import executions
from runback_gate.canonical import digest_bytes
from runback_gate.capture.formats import Defaults, Transcripts, read_transcripts
from runback_gate.errors import RunbackError
from tests.capture.formats.real_files import EXPECTED, FOLDER

COUNTS = ("runs", "system", "turns", "calls", "results", "errors", "names", "text_sha256", "arguments_sha256")
OTLP = "17-otlp/test-traces.json"
"""Read by `capture.otlp`."""


def told(found: Transcripts) -> dict[str, Any]:
    """What was read, by the names of expected.json."""
    steps = [step for run in found.runs for step in run.steps]
    calls = [call for run in found.runs for call in executions(run)]
    texts = [step.response.text for step in steps if step.response.text]
    return {
        "runs": len(found.runs),
        "system": sum(any(step.request.system for step in run.steps) for run in found.runs),
        "turns": len(steps),
        "calls": len(calls),
        "results": sum(call.result is not None for call in calls),
        "errors": sum(call.error is not None for call in calls),
        "names": dict(Counter(call.name for call in calls)),
        "text_sha256": digest_bytes("\n".join(texts).encode())[7:],
        "arguments_sha256": digest_bytes("\n".join(_canonical(call.arguments) for call in calls).encode())[7:],
    }


def _canonical(text: str) -> str:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return text
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != OTLP])
def test_counts(name: str) -> None:
    """Runs, instructions, turns, calls, results, errors, texts and arguments; or a refusal where there is no run."""
    expected = EXPECTED[name]
    outcomes = [expected, *expected.get("alternatives", [])]
    try:
        found = read_transcripts((FOLDER / name).read_bytes(), name, Defaults("agent"))
    except RunbackError:
        assert any(outcome["runs"] == 0 for outcome in outcomes)
        return
    if not found.runs:
        assert any(outcome["runs"] == 0 for outcome in outcomes), found.faults
        return
    seen = told(found)
    assert found.faults == []
    total = counts(ImportedFile(name, found.format, tuple(found.runs)))
    assert asdict(total) == {
        **{key: seen[key] for key in ("runs", "calls", "results", "errors")},
        "steps": seen["turns"],
    }
    assert seen in [{key: outcome[key] for key in COUNTS} for outcome in outcomes]
