"""What the tests of the loop have in common: a gate in a folder, three answers, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.verdict import Row
from runback_gate.replay.evidence import Answers as Store
from runback_gate.step import Response, ToolCall
from runback_gate.testing import Answers, in_turn, sample_call, sample_case, sample_step, write_gate

CPP = CppEngine()
DAY = "2026-06-01"
SMALL, LARGE, ODD = (sample_call("issue_refund", amount=amount) for amount in (40, 250, "much"))
OTHER_MODEL = {"model": "openai/gpt-5"}
WAIVER = {
    "policies": ["refunds.limit"],
    "cases": ["large"],
    "reason": "T-1",
    "owner": "payments",
    "expires": "2026-12-31",
}
GOOD, BAD, UGLY = (Response(tool_calls=(call,)) for call in (SMALL, LARGE, ODD))
SAYS_HI = {"contains": "Hi"}


def run(root: Path, answers: Store | None = None, engine: Engine = CPP, day: str = DAY, **options: Any) -> Result:
    """Judge the gate of a folder."""
    return run_gate(load_plan(root, day=day, **options), engine, in_turn(answers or Answers()))


def one(root: Path, *calls: ToolCall, answers: Store | None = None, **gate: Any) -> Row:
    """The only row of a gate whose one case made these calls."""
    write_gate(root, [sample_case("c", sample_step(*calls))], **gate)
    (row,) = run(root, answers).rows
    return row


def rule(expression: str, **spec: Any) -> dict[str, Any]:
    """A policy with one validation `r`."""
    return {"p": {"validations": [{"id": "r", "expression": expression, "message": "broken"}], **spec}}


def verdicts(result: Result) -> dict[str, str]:
    """Verdict by row."""
    return {row.case: row.verdict.value for row in result.rows}
