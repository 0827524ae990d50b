"""Answers on recorded evidence."""

from __future__ import annotations

from pathlib import Path

from runback_gate.agent import ask, load_agent
from runback_gate.dataset.document import load_dataset
from runback_gate.dataset.recordings import load_recording
from runback_gate.replay.cache import answer_entry, answer_name
from runback_gate.replay.evidence import compare_requests
from runback_gate.step import Response, ToolCall
from tests.cli.conftest import write

REFUND = Response("", (ToolCall("1", "issue_refund", '{"amount": 250}'),), "tool_calls")


def answered(root: Path, answer: Response, agent: str = "agents/changed.yaml") -> Path:
    """Puts an answer to the sample case under an agent into the cache, and gives the file."""
    dataset = load_dataset(root, "datasets/support.yaml")
    assert dataset.cases[0].step is not None
    step = load_recording(root, dataset.path, dataset.cases[0].step)
    digest = compare_requests(step, ask(load_agent(root, agent), step)).digest
    return write(root / ".runback/responses" / answer_name(digest, 0), answer_entry(digest, 0, answer))
