"""Every way to loosen a gate, through the gate: a red row that blocks, until this very commit is approved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import find_weakenings
from runback_gate.gate.contest import Base
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Row, Verdict, gate_verdict
from runback_gate.testing import Answers, in_turn
from tests.change.edits import ROOT, Way, edited
from tests.change.ways import WAYS, line_of

pytestmark = pytest.mark.integration

ENGINE = CppEngine()
COMMIT = "9" * 40


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what)
def test_a_way_to_loosen_the_gate_is_a_red_row(tmp_path: Path, way: Way) -> None:
    """With file and line, whatever the answers say: the gate fails. Approved, each row is waived and says for which
    commit, and none is red any more.
    """
    base, head = edited(tmp_path / "base", way.given), edited(tmp_path / "head", (*way.given, *way.edits))
    for side in ("base", "head"):
        shutil.copytree(ROOT / "datasets/recordings", tmp_path / side / "datasets/recordings")
    weakenings = find_weakenings(base, head)
    found = run_gate(head, ENGINE, in_turn(Answers()), base=Base(base, weakenings)).rows
    assert gate_verdict(found) is Verdict.FAIL
    red = weakened(found)
    assert {(row.verdict, row.blocking) for row in red} == {(Verdict.FAIL, True)}
    row = next(row for row in red if row.case == way.subject and row.note.startswith(way.kind))
    side, path, line = line_of(way)
    assert (row.location.path, row.location.line) == (path, line)
    assert row.note.endswith("in the base's file") == (side == "base")
    assert way.said in row.why
    approved = run_gate(head, ENGINE, in_turn(Answers()), base=Base(base, weakenings, COMMIT)).rows
    waived = {(row.verdict, row.waivers) for row in weakened(approved)}
    assert waived == {(Verdict.WAIVED, (f"approved for {COMMIT}",))}


def weakened(rows: tuple[Row, ...]) -> list[Row]:
    """The rows of what was loosened."""
    return [row for row in rows if row.kind == "weakening"]
