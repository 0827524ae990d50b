"""Two gates in a folder, base and head, the answers of today, and what is made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runback_gate.canonical import digest
from runback_gate.change.gates import find_weakenings
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.step import Response, Step, to_json
from runback_gate.testing import in_turn, write_gate
from tests.gate.folders import CPP, DAY

NEW = {"model": "openai/new"}
STRICT: Mapping[str, Any] = {"validations": [{"id": "calm", "expression": '!response.text.contains("Oh")'}]}
WAIVER = {"policies": ["refunds.limit"], "cases": ["c"], "reason": "T-1", "owner": "pay", "expires": "2026-12-31"}


class Said:
    """Answers by model and conversation, whatever the trial."""

    def __init__(self, *said: tuple[Step, str, Sequence[Response]]) -> None:
        self.answers = {
            digest(to_json(dataclasses.replace(step.request, model=model))): list(responses)
            for step, model, responses in said
        }

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer of a trial; the last one stands for all that follow."""
        responses = self.answers.get(request)
        if not responses:
            return None
        response = responses[min(trial, len(responses) - 1)]
        return response, digest(to_json(response))


def held(root: Path, *said: tuple[Step, str, Sequence[Response]], approval: str = "", **options: Any) -> Result:
    """Judge `root`/head against `root`/base."""
    head, base = (load_plan(root / name, day=DAY) for name in ("head", "base"))
    change = Base(base, find_weakenings(base, head), approval)
    return run_gate(head, CPP, in_turn(Said(*said)), base=change, **options)


def cases(result: Result) -> dict[str, tuple[str, str]]:
    """Verdict and status of each case."""
    return {row.case: (row.verdict.value, row.status) for row in result.rows if row.kind == "case"}


def gates(root: Path, base: Sequence[Any], head: Sequence[Any], **both: Any) -> None:
    """Write both gates; a keyword that begins with `base_` or `head_` is for that one alone."""
    for name, listed in (("base", base), ("head", head)):
        own = {key.removeprefix(f"{name}_"): value for key, value in both.items() if key.startswith(f"{name}_")}
        shared = {key: value for key, value in both.items() if not key.startswith(("base_", "head_"))}
        write_gate(root / name, listed, **{**shared, **own})
