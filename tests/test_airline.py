"""The airline's policies against the same rules written once more in plain Python, turn by turn over 100 real runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.analysis.effect import compare_policies
from runback_gate.analysis.lint import lint_policy
from runback_gate.analysis.policy_tests import run_tests
from runback_gate.analysis.recorded import recorded
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.document import load_policies
from tests.airline import (
    AIRLINE,
    BOOK,
    EXAMPLE,
    OVER_RUNS,
    VALIDATIONS,
    Facts,
    airline_backtest,
    airline_policies,
    airline_runs,
    needs_runs,
    paid_with,
    reference,
    turns,
)


@pytest.mark.slow
def test_both_engines_say_what_the_examples_expect() -> None:
    """Every policy test of the airline holds on both CEL engines."""
    assert run_tests(*airline_policies(), (CppEngine(), PyEngine())).deviations == ()


def test_every_validation_has_a_green_and_a_red_example() -> None:
    """No validation of the airline is without an example that it passes and one that it fails."""
    coverage = run_tests(*airline_policies(), (CppEngine(),)).coverage
    assert {item.rule: item.gap for item in coverage} == dict.fromkeys((*VALIDATIONS, *OVER_RUNS))


@pytest.mark.slow
def test_the_policies_are_clean() -> None:
    """Names, fields, types, patterns and portability of the airline's expressions give nothing to report."""
    assert [finding for policy in airline_policies()[0] for finding in lint_policy(policy)] == []


@pytest.mark.slow
@needs_runs
def test_all_turns_are_judged() -> None:
    """The runs hold 1,229 assistant turns, and no rule ends in an error on one of them."""
    found = airline_backtest()
    assert (found.runs, found.steps, [item for item in found.failures if item.outcome == "error"]) == (100, 1229, [])


@pytest.mark.slow
@needs_runs
@pytest.mark.parametrize(("validation", "count"), [("airline.one_action", 42), ("airline.basic_economy_update", 15)])
def test_known_counts(validation: str, count: int) -> None:
    """Two counts are known from an independent reading of the runs."""
    assert airline_backtest().counts[validation]["fail"] == count


@pytest.mark.slow
@needs_runs
@pytest.mark.parametrize("validation", VALIDATIONS)
def test_policy_and_second_reading_agree(validation: str) -> None:
    """The policy refuses the same turns as the rule written in Python, and concerns as many."""
    expected, found = reference()[validation], airline_backtest()
    refused = {(int(item.run.split("-")[1]) - 1, item.step) for item in found.failures if item.rule == validation}
    assert refused == {turn for turn, verdict in expected.items() if verdict == "fail"}
    assert found.counts[validation]["skip"] == found.steps - len(expected)


@pytest.mark.slow
@needs_runs
@pytest.mark.parametrize(
    ("param", "was", "now", "count", "kind"),
    [
        ("certificates", 1, 2, lambda call: paid_with("certificate", call), "newly permitted"),
        ("passengers", 5, 2, lambda call: len(call["passengers"]), "newly failing"),
        ("gift_cards", 3, 0, lambda call: paid_with("gift_card", call), "newly failing"),
    ],
)
def test_a_changed_rule_is_told_by_its_turns(
    tmp_path: Path, param: str, was: int, now: int, count: Callable[[Facts], int], kind: str
) -> None:
    """Of a changed limit: exactly the turns between the limits, each with the comparison that flipped."""
    shutil.copytree(EXAMPLE / "policies", tmp_path / "policies")
    booking = tmp_path / "policies" / "booking.yaml"
    text = booking.read_text()
    assert f"    {param}: {was}\n" in text
    booking.write_text(text.replace(f"    {param}: {was}\n", f"    {param}: {now}\n"))
    head, _ = load_policies(tmp_path, ["policies/*.yaml"])
    steps = (step for run in airline_runs() for step in recorded(run))
    (effect,) = compare_policies(airline_policies()[0], head, CppEngine(), steps)
    counts = {
        (run, number): count(call)
        for run, line in enumerate((AIRLINE / "runs.jsonl").read_text().splitlines())
        for number, turn in enumerate(turns(json.loads(line)["messages"]))
        if (call := turn.call(BOOK)) is not None
    }
    low, high = sorted((was, now))
    said = {True: "true", False: "false"}
    expected = {
        turn: f"{number} <= {was} {said[number <= was]} → {number} <= {now} {said[number <= now]}"
        for turn, number in counts.items()
        if low < number <= high
    }
    assert expected
    found = {(int(flip.run.split("-")[1]) - 1, flip.step): flip.why.rpartition(": ")[2] for flip in effect.flips}
    assert found == expected
    assert {(flip.kind, flip.validation) for flip in effect.flips} == {(kind, f"airline.{param}_max")}
    assert all(flip.expression.endswith(f" <= params.{param}") for flip in effect.flips)
    assert (effect.word, effect.steps) == ("looser" if now > was else "stricter", 1229)
    assert [(item.what, item.base, item.head) for item in effect.changes] == [(f"params.{param}", str(was), str(now))]


@pytest.mark.slow
@needs_runs
def test_the_table_of_the_readme_is_current() -> None:
    """The README states for each rule how many turns, or runs, it concerns and how many break it."""
    table = re.findall(r"^\| `(airline\.\w+)` \| (\d+) \| (\d+) \|", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    counts = airline_backtest().counts
    names = sorted((*VALIDATIONS, *OVER_RUNS))
    expected = [(name, counts[name]["pass"] + counts[name]["fail"], counts[name]["fail"]) for name in names]
    assert sorted((name, int(concerned), int(broken)) for name, concerned, broken in table) == expected


@needs_runs
def test_the_examples_hold_no_recorded_ids() -> None:
    """The examples are made by hand: no user, reservation or payment of the runs stands in them."""
    written = set(re.findall(r"\w+", "".join(path.read_text() for path in EXAMPLE.rglob("*") if path.is_file())))
    runs = (AIRLINE / "runs.jsonl").read_text()
    recorded = re.findall(r"(?:reservation_id|user_id|payment_id|flight_number)[\\\" :]+(\w+)", runs)
    assert written & set(recorded) == set()
