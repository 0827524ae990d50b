"""Sequential trials in the loop: what is asked, what is shown, the error that is shared, base and shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import digest
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import compare_gates
from runback_gate.change.model import Direction
from runback_gate.dataset.trials import SequentialTrials
from runback_gate.errors import InputError
from runback_gate.gate.alike import shared_tests
from runback_gate.gate.contest import Alone, Base
from runback_gate.gate.judge import Rules
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.sequential import SequentialTest, sequential_test
from runback_gate.replay.estimate import Forecast
from runback_gate.report import renderer
from runback_gate.report.build import Context, build_report
from runback_gate.report.merge import merge
from runback_gate.report.model import Report, read_report, write_report
from runback_gate.step import Response, Step, to_json
from runback_gate.testing import Answers, in_turn, sample_call, sample_case, sample_step, write_gate

CPP = CppEngine()
DAY = "2026-06-01"
SMALL, LARGE = (sample_call("issue_refund", amount=amount) for amount in (40, 250))
GOOD, BAD, CUT = Response(tool_calls=(SMALL,)), Response(tool_calls=(LARGE,)), Response("Hm", finish_reason="length")
TEST = {"holds": 0.95, "regress": 0.65, "alpha": 0.01}
NEW = {"model": "openai/new"}


class ByModel:
    """Answers by model; the last one stands for all that follow."""

    def __init__(self, step: Step, **said: Sequence[Response | None]) -> None:
        self.said = {
            digest(to_json(dataclasses.replace(step.request, model=f"openai/{model}"))): responses
            for model, responses in said.items()
        }

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer of a trial."""
        found = self.said.get(request, [None])
        response = found[min(trial, len(found) - 1)]
        return None if response is None else (response, digest(to_json(response)))


def write(root: Path, cases: int = 1, **gate: Any) -> None:
    listed = [sample_case(f"c{number}", sample_step(SMALL)) for number in range(cases)]
    write_gate(root, listed, **{"agent": NEW, "trials": TEST, **gate})


def judged(root: Path, answers: Any, **options: Any) -> Result:
    return run_gate(load_plan(root, day=DAY), CPP, in_turn(answers), **options)


def reported(root: Path, answers: Any, shard: tuple[int, int] = (1, 1)) -> Report:
    plan = load_plan(root, day=DAY)
    result = run_gate(plan, CPP, in_turn(answers), shard=shard)
    return build_report(plan, result, CPP, version="1", context=Context(shard=shard))


@pytest.mark.parametrize(
    ("responses", "verdict", "passed", "asked"),
    [
        ([GOOD] * 7, "PASS", 7, 7),
        ([BAD, *[GOOD] * 20], "PASS", 12, 13),
        ([BAD] * 3, "FAIL", 0, 3),
        ([BAD, GOOD, BAD, BAD], "FAIL", 1, 4),
        ([None], "UNDECIDED", 0, 3),
        ([GOOD, None, *[GOOD] * 20], "PASS", 12, 13),
        ([GOOD, CUT, None, GOOD, CUT], "UNDECIDED", 2, 5),
        ([*[GOOD] * 6, *([BAD, *[GOOD] * 5] * 9)], "UNDECIDED", 26, 31),
    ],
)
def test_trials_until_it_is_clear(
    tmp_path: Path, responses: list[Response | None], verdict: str, passed: int, asked: int
) -> None:
    """A case is asked until it is red, green, at its end, or too often without an answer that counts."""
    write(tmp_path)
    (row,) = judged(tmp_path, Answers(*responses)).rows
    assert (row.verdict.value, row.passed, len(row.trials)) == (verdict, passed, asked)
    assert (row.needed, row.planned) == (7, 31)
    assert row.sequential is not None


def test_an_open_end_says_so(tmp_path: Path) -> None:
    """The first trial that failed is shown, and that neither rate is excluded."""
    write(tmp_path)
    (row,) = judged(tmp_path, Answers(*[GOOD] * 6, *([BAD, *[GOOD] * 5] * 9))).rows
    assert row.note.endswith("26 of 31 trials passed, which leaves holds 0.95 and regress 0.65 both open")
    assert [item.rule for item in row.findings] == ["refunds.limit"]


def test_a_recorded_answer_is_one_trial(tmp_path: Path) -> None:
    """It cannot vary, so there is nothing to test."""
    write(tmp_path, agent={})
    (row,) = judged(tmp_path, Answers()).rows
    assert (row.verdict.value, row.needed, row.planned, row.sequential) == ("PASS", 1, 1, None)


def test_the_error_is_shared_over_the_whole_plan(tmp_path: Path) -> None:
    """A filter changes no verdict: three failures are red of one case, four of ten."""
    write(tmp_path, 10)
    plan = load_plan(tmp_path, day=DAY)
    assert shared_tests(plan, None) == 10
    assert shared_tests(load_plan(tmp_path, day=DAY, dataset="cases"), None) == 10
    rows = run_gate(plan, CPP, in_turn(Answers(*[BAD] * 9))).rows
    assert {len(row.trials) for row in rows} == {4}


def test_where_both_rules_judge_there_are_more_tests(tmp_path: Path) -> None:
    """Each may make the agent red: the same cases twice, once where a person approved."""
    write(tmp_path / "base", 3)
    write(tmp_path / "head", 4, policies={})
    head, base = (load_plan(tmp_path / name, day=DAY) for name in ("head", "base"))
    assert (shared_tests(head, base), shared_tests(head, None), shared_tests(base, base)) == (8, 4, 3)
    found = run_gate(head, CPP, in_turn(Answers(*[GOOD] * 9)), base=Base(base))
    assert {test.tests for test in found.tests} == {8}
    found = run_gate(head, CPP, in_turn(Answers(*[GOOD] * 9)), base=Base(base, approval="9" * 40))
    assert {test.tests for test in found.tests} == {4}


def test_shards_say_the_same(tmp_path: Path) -> None:
    """Three parts make one report, byte for byte, with the error of the whole plan and all answers counted."""
    write(tmp_path, 7)
    answers = Answers(BAD, *[GOOD] * 30)
    whole = reported(tmp_path, answers)
    assert whole.guarantee is not None
    assert (whole.guarantee.cases, whole.guarantee.calls, whole.guarantee.share) == (7, 7 * 13, "0.00142858")
    parts = [reported(tmp_path, answers, (number, 3)) for number in (1, 2, 3)]
    assert write_report(merge(parts)) == write_report(whole)
    assert read_report(write_report(whole)) == whole
    other = dataclasses.replace(parts[0], guarantee=dataclasses.replace(whole.guarantee, alpha="0.05"))
    with pytest.raises(InputError, match="guarantee differs"):
        merge([other, *parts[1:]])


@pytest.mark.parametrize("surface", ["console", "markdown", "html", "junit", "sarif"])
def test_every_surface_states_the_error(tmp_path: Path, surface: str) -> None:
    """What may be red, what is found, and what it took."""
    write(tmp_path, 2)
    options: dict[str, Any] = {"width": 120, "colour": False, "show_all": True} if surface == "console" else {}
    text = " ".join(renderer(surface)(reported(tmp_path, Answers(*[GOOD] * 9)), **options).split())
    for part in ("passes 95", "in at most 1 %", "passes 65 % or less", "14 answers", "2 tests share the error"):
        assert part in text


def test_what_regressed_means(tmp_path: Path) -> None:
    """Red is what the head's own test says. It is excused by a test of the base that is red as well, never by one that
    is green or open."""
    write(tmp_path / "base", agent={"model": "openai/old"})
    write(tmp_path / "head")
    head, base = (load_plan(tmp_path / name, day=DAY) for name in ("head", "base"))

    def status(*old: Response | None) -> tuple[str, str]:
        (row,) = run_gate(head, CPP, in_turn(ByModel(sample_step(SMALL), new=[BAD], old=old)), base=Base(base)).rows
        return row.verdict.value, row.status

    assert status(BAD) == ("FAIL", "already failing")
    assert status(GOOD) == ("FAIL", "regressed")
    assert status(None) == ("FAIL", "regressed")
    assert status(*[GOOD] * 6, *([BAD, *[GOOD] * 5] * 9)) == ("FAIL", "regressed")


def test_a_rule_excuses_only_what_it_fails_alone(tmp_path: Path) -> None:
    """Two rules that make the base red together excuse both; one that does it alone excuses itself."""
    rules = {"validations": [{"id": name, "expression": f'!response.text.contains("{name}")'} for name in ("a", "b")]}
    step = sample_step(text="fine")
    for side, model in (("base", "old"), ("head", "new")):
        write_gate(
            tmp_path / side,
            [sample_case("c", step)],
            agent={"model": f"openai/{model}"},
            trials=TEST,
            policies={"p": rules},
        )
    head, base = (load_plan(tmp_path / name, day=DAY) for name in ("head", "base"))

    def status(new: str, old: list[str]) -> str:
        said = {"new": [Response(new)], "old": [Response(text) for text in old]}
        (row,) = run_gate(head, CPP, in_turn(ByModel(step, **said)), base=Base(base)).rows
        return row.status

    assert status("a", ["a"]) == "already failing"
    assert status("b", ["a", "a", "a b"]) == "regressed"
    assert status("b", ["a", "b", "a"]) == "already failing"


def test_the_estimate_says_what_is_expected(tmp_path: Path) -> None:
    """At least seven calls a case, at most the end, about ten if the case holds."""
    write(tmp_path, 3)
    forecast = Forecast()
    asked = [next(start()) for start in Alone(Rules(load_plan(tmp_path, day=DAY), CPP, tests=3)).tasks()]
    for question in asked:
        forecast.add(question)
    estimate = forecast.estimate(lambda _: None, rows=3, free=0)
    # The three cases ask the same, so one is asked for all of them.
    assert (estimate.calls_least, estimate.calls_expected, estimate.calls_most) == (7, 10, asked[0].most)


def test_a_power_out_of_reach_is_refused(tmp_path: Path) -> None:
    """Before anything is judged, at the case."""
    write(tmp_path, trials={"holds": 0.95, "regress": 0.94, "alpha": 0.01})
    with pytest.raises(InputError, match="case 'c0': 500 trials do not reach a power") as error:
        judged(tmp_path, Answers())
    assert error.value.location is not None
    write(tmp_path / "k", trials=TEST)
    listed = [sample_case("c", sample_step(SMALL), trials={"n": 9})]
    write_gate(tmp_path / "k", listed, trials=TEST)
    with pytest.raises(InputError, match="asks for 9 of 9 trials, the gate for sequential trials"):
        load_plan(tmp_path / "k", day=DAY)


def passes(one: SequentialTest, other: SequentialTest) -> tuple[bool, bool]:
    """Whether some series of answers lets the first pass and not the second, and the other way round."""
    found = [False, False]
    seen: set[tuple[int, int, str, str]] = set()
    left = [(0, 0, "", "")]

    def after(test: SequentialTest, was: str, passed: int, failed: int) -> str:
        if was or passed + failed > test.max_trials:
            return was or "open"
        return test.settled(passed, failed) or ("open" if passed + failed == test.max_trials else "")

    while left:
        state = left.pop()
        passed, failed, mine, its = state
        if state in seen:
            continue
        seen.add(state)
        if mine and its:
            found[0] |= mine == "green" != its
            found[1] |= its == "green" != mine
            continue
        for more in ((passed + 1, failed), (passed, failed + 1)):
            left.append((*more, after(one, mine, *more), after(other, its, *more)))
    return found[0], found[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.05},
        {"alpha": 0.001},
        {"power": 0.95},
        {"power": 0.8},
        {"maxTrials": 60},
        {"maxTrials": 100},
        {"maxTrials": None},
        {"alpha": 0.05, "maxTrials": None},
        {"alpha": 0.02, "power": 0.95, "maxTrials": 75},
        {"holds": 0.97},
        {"regress": 0.7},
    ],
)
@pytest.mark.parametrize("tests", [1, 20])
def test_the_direction_of_a_change_is_that_of_what_passes(tmp_path: Path, fields: dict[str, Any], tests: int) -> None:
    """Held against every series of answers: what is called stricter lets nothing pass that did not."""
    before = {**TEST, "maxTrials": 80}
    after = {name: value for name, value in {**before, **fields}.items() if value is not None}
    for side, spec in (("base", before), ("head", after)):
        write(tmp_path / side, trials=spec)
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    said: set[Direction] = {item.direction for item in compare_gates(base, head)} - {"neutral"}
    one, other = (sequential_test(SequentialTrials.model_validate(spec), tests) for spec in (after, before))
    more, fewer = passes(one, other)
    if said == {"stricter"}:
        assert not more
    if said == {"looser"}:
        assert not fewer
    assert said
