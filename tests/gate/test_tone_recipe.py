"""The recipe for tone in the guide, judged by a scripted judge: the one recipe that no policy test can hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents import parse_document
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Verdict
from runback_gate.step import Response
from runback_gate.testing import REFUNDS, Answers, in_turn, sample_call, sample_case, sample_step, write_gate

PAGE = Path(__file__).parents[2] / "docs/guides/policy-recipes.md"


@pytest.mark.parametrize(
    ("politeness", "language", "verdict"),
    [
        (9, 9, Verdict.PASS),
        (3, 10, Verdict.FAIL),
        (10, 0, Verdict.FAIL),
        (8, 6, Verdict.PASS),
        (None, 9, Verdict.UNDECIDED),
    ],
)
def test_the_recipe_for_tone(tmp_path: Path, politeness: int | None, language: int, verdict: Verdict) -> None:
    """Politeness counts twice; an answer without a text is not graded; without a readable grade nothing is green."""
    found = re.search(r'```yaml title="ten/tone\.yaml"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    tone = parse_document(found[1].encode(), "tone.yaml").value
    assert isinstance(tone, dict)
    assert isinstance(tone["spec"], dict)
    silent = sample_case("silent", sample_step(sample_call("issue_refund", amount=40)))
    said = sample_case("said", sample_step(text="Gladly. It is on its way."))
    write_gate(tmp_path, [said, silent], policies={"tone": tone["spec"], "refunds": REFUNDS})
    grade = Response(json.dumps({"points": {"politeness": politeness, "language": language}, "reason": "so"}))
    answers = Answers(grade, grade, grade)
    plan = load_plan(tmp_path, day="2026-06-01")
    rows = {row.case: row for row in run_gate(plan, CppEngine(), in_turn(answers)).rows}
    assert (rows["said"].verdict, len(answers.asked)) == (verdict, 3)
    assert (rows["silent"].verdict, rows["silent"].trials[0].skipped) == (Verdict.PASS, ("tone.calm",))
