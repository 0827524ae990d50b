"""An answer that is not whole is never green, unless its gate or dataset says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import find_weakenings
from runback_gate.gate.judge import RowTask
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Row, unallowed
from runback_gate.replay.evidence import Answer, Query
from runback_gate.replay.known import missing
from runback_gate.report import console, markdown
from runback_gate.report.build import build_report
from runback_gate.report.model import write_report
from runback_gate.step import Part, Response
from runback_gate.testing import (
    AGENT,
    Answers,
    in_turn,
    run_to_row,
    sample_call,
    sample_case,
    sample_step,
    write_document,
    write_gate,
)

DAY = "2026-06-01"
CUT = Response("Half a sent", finish_reason="length")
EMPTY = Response(finish_reason="stop")
BOTH = Response(finish_reason="length")
CALLED = Response(tool_calls=(sample_call("issue_refund", amount=9),), finish_reason="length")
GLOBS = {kind: [f"{kind}/*.yaml"] for kind in ("agents", "datasets")}


def judged(root: Path, response: Response, *checks: dict[str, Any], gate: list[str], dataset: list[str]) -> Row:
    """The row of one answer to a conversation that is written by hand."""
    write_gate(root, [], policies={})
    write_document(root, "runback.yaml", "Gate", "sample", {**GLOBS, **({"allow": gate} if gate else {})})
    case = {"id": "c", "messages": [{"role": "user", "content": "Hi"}], "checks": list(checks)}
    spec = {"cases": [case], **({"allow": dataset} if dataset else {})}
    write_document(root, "datasets/cases.yaml", "Dataset", "cases", spec, agent=AGENT)
    (row,) = run_gate(load_plan(root, day=DAY), CppEngine(), in_turn(Answers(response))).rows
    return row


NOT_CALLED = {"toolNotCalled": "escalate"}


@pytest.mark.parametrize(
    ("response", "allow", "verdict"),
    [
        (CUT, [], "UNDECIDED"),
        (CUT, ["empty"], "UNDECIDED"),
        (CUT, ["length"], "PASS"),
        (EMPTY, [], "UNDECIDED"),
        (EMPTY, ["length"], "UNDECIDED"),
        (EMPTY, ["empty"], "PASS"),
        (BOTH, ["length"], "UNDECIDED"),
        (BOTH, ["length", "empty"], "PASS"),
        (CALLED, [], "UNDECIDED"),
        (Response(" \n", finish_reason="stop"), [], "UNDECIDED"),
        (Response("Hello.", finish_reason="stop"), [], "PASS"),
        (Response("Hello."), [], "PASS"),
        (Response(parts=(Part("refusal", "I cannot."),), finish_reason="stop"), [], "PASS"),
    ],
)
@pytest.mark.parametrize("where", ["gate", "dataset"])
def test_an_answer_that_is_not_whole_is_undecided(
    tmp_path: Path, response: Response, allow: list[str], verdict: str, where: str
) -> None:
    """Cut off or empty, on a check that something is not there; either place may allow it."""
    said: dict[str, list[str]] = {"gate": [], "dataset": [], where: allow}
    row = judged(tmp_path, response, NOT_CALLED, **said)
    assert row.verdict == verdict
    assert (unallowed(response, allow) in row.note) is True


def test_what_fails_on_it_fails(tmp_path: Path) -> None:
    """A call that must not be there is there, however the answer ended."""
    assert judged(tmp_path, CALLED, {"toolNotCalled": "issue_refund"}, gate=[], dataset=[]).verdict == "FAIL"


def test_a_check_for_length_allows_it(tmp_path: Path) -> None:
    """Whoever asks that an answer is cut off wants it judged."""
    assert judged(tmp_path, CUT, {"finishReason": "length"}, gate=[], dataset=[]).verdict == "PASS"


def test_to_allow_more_is_a_weakening(tmp_path: Path) -> None:
    """In the gate, in a dataset, or by a check that asks for it; to allow less is none."""
    ways: list[dict[str, Any]] = [{}, {"gate": ["length"]}, {"dataset": ["empty"]}, {"check": True}]
    plans = []
    for number, way in enumerate(ways):
        checks = [{"finishReason": "length"}] if way.get("check") else []
        root = tmp_path / str(number)
        write_gate(root, [sample_case("c", sample_step(text="Hi"), {"noError": True}, *checks)], policies={})
        write_document(root, "runback.yaml", "Gate", "sample", {**GLOBS, "allow": way.get("gate", [])})
        path = root / "datasets/cases.yaml"
        if "dataset" in way:
            path.write_text(path.read_text().replace('"cases": [', '"allow": ["empty"], "cases": [', 1))
        plans.append(load_plan(root, day=DAY))
    for plan in plans[1:]:
        assert [item.kind for item in find_weakenings(plans[0], plan)] == ["allow-widened"]
    assert find_weakenings(plans[1], plans[0]) == ()


def test_an_answer_that_was_not_understood(tmp_path: Path) -> None:
    """The row is undecided, and its trial and note name the JSON path; console and Markdown show the note."""
    write_gate(tmp_path, [], policies={})
    case = {"id": "c", "messages": [{"role": "user", "content": "Hi"}], "checks": [NOT_CALLED]}
    write_document(tmp_path, "runback.yaml", "Gate", "sample", GLOBS)
    write_document(tmp_path, "datasets/cases.yaml", "Dataset", "cases", {"cases": [case]}, agent=AGENT)
    place, plan = "$.choices[0].message.later", load_plan(tmp_path, day=DAY)

    def answer(ask: Query) -> Answer:
        return missing(ask, f"not understood: local: {place}: not known", not_understood=place)

    def drive(tasks: Sequence[Callable[[], RowTask]]) -> Iterator[tuple[int, Row]]:
        yield from ((index, run_to_row(start(), answer)) for index, start in enumerate(tasks))

    result = run_gate(plan, CppEngine(), drive)
    (row,) = result.rows
    assert (row.verdict, row.trials[0].not_understood) == ("UNDECIDED", place)
    report = build_report(plan, result, CppEngine(), version="1.2.3")
    assert json.loads(write_report(report))["rows"][0]["trials"][0]["not_understood"] == place
    shown = console.render(report, width=200, colour=False, show_all=True), markdown.render(report)
    assert all("not understood" in text and "message" in text for text in shown)
