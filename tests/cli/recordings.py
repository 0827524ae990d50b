"""Recorded runs of a made-up agent that pays."""

from __future__ import annotations

import json
import os

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from tests.cli.conftest import write


def pays(amount: object) -> Response:
    """An answer that pays."""
    return Response("", (ToolCall("1", "issue_refund", json.dumps({"amount": amount})),), "tool_calls")


def recorded(name: str, *answers: Response) -> None:
    """Writes a run of these answers."""
    request = Request("m", None, (Message("user", "Hi"),))
    steps = tuple(
        Step("support", request, answer, Source(name, event, "exact")) for event, answer in enumerate(answers)
    )
    write(f"runs/{name}.jsonl", write_run(Run(name, "support", steps), os.urandom))
