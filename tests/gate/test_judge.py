"""Rows that a judge model decides: asked like any other question, and never green without a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.gate.count import KOfN
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.replay.evidence import Answer, Evidence, Query
from runback_gate.step import Response
from runback_gate.testing import Answers, in_turn, run_to_row, sample_call, sample_case, sample_step, write_gate

RUBRIC: dict[str, Any] = {"model": "j/judge-1", "rubric": "Is kind.", "samples": 3}
SMALL = sample_call("issue_refund", amount=40)


def points(number: object) -> Response:
    return Response(json.dumps({"points": {"rubric": number}}))


class Judge:
    """Answers what judges are asked, in order; everything else is recorded."""

    def __init__(self, *replies: Response | None) -> None:
        self.replies = list(replies)
        self.asked: list[Query] = []

    def __call__(self, ask: Query) -> Answer:
        if ask.question.recorded and not ask.fresh:
            return Answer(Evidence.RECORDED, ask.step.response, "")
        self.asked.append(ask)
        reply = self.replies[ask.trial]
        return Answer(
            Evidence.MISSING if reply is None else Evidence.LIVE, reply, "the judge is down", f"sha256:{ask.trial}"
        )


def judged(root: Path, judge: Judge, engine: Engine | None = None, *, agent: Any = None, **rubric: Any) -> Row:
    case = sample_case("c", sample_step(SMALL, text="Hello"), {"judge": {**RUBRIC, **rubric}})
    write_gate(root, [case], agent=agent)
    plan = load_plan(root, day="2026-06-01")
    drive = lambda works: ((index, run_to_row(start(), judge)) for index, start in enumerate(works))  # noqa: E731
    (row,) = run_gate(plan, engine or CppEngine(), drive).rows
    return row


@pytest.mark.parametrize("engine", [CppEngine(), PyEngine()], ids=["cpp", "py"])
def test_a_judge_decides(tmp_path: Path, engine: Engine) -> None:
    """Its median is held against the threshold, beside the policies; the row shows every sample."""
    judge = Judge(points(9), points(2), points(8))
    row = judged(tmp_path, judge, engine)
    assert (row.verdict, row.evidence) == (Verdict.PASS, Evidence.RECORDED)
    assert row.trials[0].passed == ("refunds.limit", "judge Is kind.")
    (grade,) = row.trials[0].judged
    assert (grade.score, grade.samples, grade.passed) == ("80.0", ("rubric 9", "rubric 2", "rubric 8"), True)
    assert grade.stored == ("sha256:0", "sha256:1", "sha256:2")
    assert [(ask.trial, ask.least, ask.most) for ask in judge.asked] == [(0, 3, 3), (1, 2, 2), (2, 1, 1)]
    row = judged(tmp_path, Judge(points(9), points(2), points(3)), engine)
    assert row.verdict is Verdict.FAIL
    (finding,) = row.findings
    assert finding.message == "check does not hold: judge Is kind."
    assert dict(finding.values) == {
        "score": "30.0",
        "threshold": "70",
        "sample 1": "rubric 9",
        "sample 2": "rubric 2",
        "sample 3": "rubric 3",
    }


@pytest.mark.parametrize("reply", [None, Response("ten"), points(11), Response(error="busy")])
def test_no_verdict_of_a_judge(tmp_path: Path, reply: Response | None) -> None:
    """An outage, garbage: the row is undecided, never red and never green, unless the other samples settle it."""
    row = judged(tmp_path, Judge(reply, points(9), points(2)))
    assert row.verdict is Verdict.UNDECIDED
    assert row.findings[0].message.startswith("cannot be evaluated: the judge j/judge-1 gave no verdict: ")
    assert judged(tmp_path, Judge(reply, points(9), points(9))).verdict is Verdict.PASS
    assert judged(tmp_path, Judge(reply, points(1), points(1))).verdict is Verdict.FAIL


def test_a_judge_of_itself(tmp_path: Path) -> None:
    """It is not asked, unless that is allowed in so many words."""
    judge = Judge(points(9), points(9), points(9))
    row = judged(tmp_path, judge, model="other/gpt-4o")
    assert (row.verdict, judge.asked) == (Verdict.UNDECIDED, [])
    assert "it is the model under test" in row.findings[0].message
    assert judged(tmp_path, judge, model="other/gpt-4o", allowSelf=True).verdict is Verdict.PASS


def test_an_answer_too_long_for_a_judge(tmp_path: Path) -> None:
    """The row is undecided."""
    case = sample_case("c", sample_step(text="x" * 70_000), {"judge": RUBRIC})
    write_gate(tmp_path, [case])
    (row,) = run_gate(load_plan(tmp_path, day="2026-06-01"), CppEngine(), in_turn(Answers())).rows
    assert "longer than the 64 KiB" in row.findings[0].message


def test_without_an_answer_no_judge_is_asked(tmp_path: Path) -> None:
    """There is nothing to judge; and offline a judge that is not cached leaves the row undecided."""
    case = sample_case("c", sample_step(SMALL), {"judge": RUBRIC})
    write_gate(tmp_path, [case], agent={"model": "openai/gpt-5"})
    answers = Answers()
    (row,) = run_gate(load_plan(tmp_path, day="2026-06-01"), CppEngine(), in_turn(answers)).rows
    assert (row.verdict, len(answers.asked), row.trials[0].judged) == (Verdict.UNDECIDED, 1, ())
    answers = Answers(Response("", (SMALL,)))
    (row,) = run_gate(load_plan(tmp_path, day="2026-06-01"), CppEngine(), in_turn(answers)).rows
    assert len(answers.asked) == 4
    assert "no verdict" in row.findings[0].message


def test_what_a_judge_said_is_an_input(tmp_path: Path) -> None:
    """The report names the cached answers of judges among what its verdict depends on."""
    write_gate(tmp_path, [sample_case("c", sample_step(SMALL), {"judge": RUBRIC})])
    plan = load_plan(tmp_path, day="2026-06-01")
    result = run_gate(plan, CppEngine(), in_turn(Answers(*[points(9)] * 3)))
    (grade,) = result.rows[0].trials[0].judged
    names = [path for kind, path, *_ in result.stored if kind == "answer"]
    assert names == [f"{grade.request}.{number}" for number in range(3)]
    assert result.rows[0].verdict is Verdict.PASS


def test_counts() -> None:
    """How many trials may come: at least what is needed, at most the planned or, where it is open, the cap."""
    assert (KOfN(2, 3, 20).least([]), KOfN(2, 3, 20).most([])) == (2, 20)
    assert (KOfN(3, 3, 20).least([]), KOfN(3, 3, 20).most([])) == (3, 3)
    assert KOfN(2, 3, 20).extended(3) == KOfN(2, 3, 20)
    assert KOfN(2, 3, 20).extended(10) == KOfN(7, 10)
