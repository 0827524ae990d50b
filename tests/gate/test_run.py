"""The loop: whole folders in, rows out, and nothing green that nobody judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue, digest
from runback_gate.cel.cpp_engine import CppActivation, CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.work import Budget
from runback_gate.errors import InputError, IntegrityError
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.replay.cache import ResponseCache
from runback_gate.replay.evidence import Evidence
from runback_gate.step import Response
from runback_gate.testing import (
    AGENT,
    REFUNDS,
    Answers,
    in_turn,
    sample_case,
    sample_step,
    write_document,
    write_gate,
)
from tests.examples import examples
from tests.gate.folders import (
    BAD,
    CPP,
    DAY,
    GOOD,
    LARGE,
    ODD,
    OTHER_MODEL,
    SAYS_HI,
    SMALL,
    UGLY,
    WAIVER,
    one,
    rule,
    run,
    verdicts,
)


def test_a_folder_of_every_verdict(tmp_path: Path) -> None:
    """Each verdict in one gate; the worst row comes first, then the order of the file."""
    cases = [
        sample_case("small", sample_step(SMALL)),
        sample_case("warned", sample_step(SMALL, text="Oh no")),
        sample_case("large", sample_step(LARGE)),
        sample_case("red", sample_step(LARGE)),
        sample_case("odd", sample_step(ODD)),
        sample_case("hello", sample_step(text="Hi"), SAYS_HI),
        sample_case("broken", sample_step(text="Ho"), SAYS_HI),
    ]
    calm = {
        "validations": [{"id": "calm", "expression": '!response.text.contains("Oh")'}],
        "validationActions": ["Warn"],
    }
    write_gate(tmp_path, cases, policies={"refunds": REFUNDS, "calm": calm}, waivers={"w": WAIVER})
    result = run(tmp_path)
    assert verdicts(result) == {
        "red": "FAIL",
        "broken": "FAIL",
        "odd": "UNDECIDED",
        "warned": "WARN",
        "large": "WAIVED",
        "small": "PASS",
        "hello": "PASS",
    }
    assert [row.case for row in result.rows] == ["red", "broken", "odd", "warned", "large", "small", "hello"]
    assert gate_verdict(result.rows) is Verdict.FAIL
    assert result.vacuous == ()


def test_only_what_rules_read_is_laid_out(tmp_path: Path) -> None:
    """Policies and checks of all cases together say what the engine is given of an answer."""
    seen: list[dict[str, JsonValue]] = []

    class Watched(CppEngine):
        def bind(
            self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False
        ) -> CppActivation:
            seen.append(dict(data))
            return super().bind(data, budget, lean=lean)

    cases = [sample_case("c", sample_step(SMALL, text="Hi"), SAYS_HI), sample_case("d", sample_step(SMALL))]
    write_gate(tmp_path, cases, policies=rule("response.tool_calls.all(c, c.name != 'x')"))
    run(tmp_path, engine=Watched())
    assert seen[0] == {"response": {"text": "Hi", "tool_calls": [{"name": "issue_refund"}]}}
    assert len(seen) == 2


def test_a_row(tmp_path: Path) -> None:
    """What a row says of its case, its evidence, the answers and the trial that decided."""
    step = sample_step(LARGE)
    case = sample_case("large", step, {"toolCalled": "escalate"}, why="Incident 7", tags=["refund"])
    write_gate(tmp_path, [case])
    result = run(tmp_path)
    (row,) = result.rows
    assert (row.kind, row.agent, row.dataset, row.case, row.why) == ("case", AGENT, "cases", "large", "Incident 7")
    assert (row.verdict, row.evidence, row.note) == (Verdict.FAIL, Evidence.RECORDED, "")
    assert (row.needed, row.planned, row.passed) == (1, 1, 0)
    assert row.then == row.now == "issue_refund(amount: 250)"
    assert [(item.rule, item.policy, item.message) for item in row.findings] == [
        ("refunds.limit", "refunds", "refund above 100"),
        ("toolCalled escalate", "", "check does not hold: toolCalled escalate"),
    ]
    assert row.findings[0].values == (("c.arguments.amount", "250"), ("params.limit", "100"))
    assert str(row.location) == "datasets/cases.yaml:10:4"
    assert [str(item.location) for item in row.findings] == ["policies/refunds.yaml:21:20", "datasets/cases.yaml:14:6"]
    (trial,) = row.trials
    assert (trial.index, trial.answer, trial.passed, trial.skipped) == (0, row.now, (), ())
    assert row.recording is not None
    path = f"datasets/recordings/{row.recording[7:9]}/{row.recording[7:]}.json"
    assert result.stored == (("recording", path, row.recording, "head"),)
    assert (tmp_path / path).is_file()


@pytest.mark.parametrize("engine", [CPP, PyEngine()], ids=lambda engine: str(engine.name))
def test_both_engines_judge_alike(tmp_path: Path, engine: Engine) -> None:
    """The second engine could judge the same gate."""
    cases = [sample_case(name, sample_step(call)) for name, call in (("a", SMALL), ("b", LARGE), ("c", ODD))]
    write_gate(tmp_path, cases)
    assert verdicts(run(tmp_path, engine=engine)) == {"a": "PASS", "b": "FAIL", "c": "UNDECIDED"}


def test_two_runs_are_equal(tmp_path: Path) -> None:
    """The same files give the same result, value for value."""
    cases = [sample_case(f"c{n}", sample_step(call), SAYS_HI) for n, call in enumerate((SMALL, LARGE, ODD, SMALL))]
    write_gate(tmp_path, cases, agent=OTHER_MODEL, waivers={"w": WAIVER}, trials={"n": 3})
    answers = (GOOD, BAD, UGLY)
    assert run(tmp_path, Answers(*answers)) == run(tmp_path, Answers(*answers))


@pytest.mark.parametrize(
    ("agent", "place"),
    [
        (OTHER_MODEL, "request.model"),
        ({"system": "Be brief."}, "request.system"),
        ({"parameters": {"temperature": 1}}, "request.parameters.temperature"),
        ({"tools": [{"name": "issue_refund"}]}, "request.tools[0].description"),
    ],
    ids=str,
)
def test_a_changed_config_needs_an_answer(tmp_path: Path, agent: dict[str, Any], place: str) -> None:
    """A recorded answer never stands for a changed request: without another one the row is undecided, and says why."""
    row = one(tmp_path, SMALL, agent=agent)
    assert (row.verdict, row.evidence) == (Verdict.UNDECIDED, Evidence.MISSING)
    assert row.note == f"{place} differs from the recording; no answer to it is known"
    assert (row.then, row.now, row.findings) == ("issue_refund(amount: 40)", "", ())
    answered = one(tmp_path, SMALL, agent=agent, answers=Answers(BAD))
    assert (answered.verdict, answered.evidence) == (Verdict.FAIL, Evidence.CACHED)
    assert answered.note == f"{place} differs from the recording"
    assert (answered.then, answered.now) == ("issue_refund(amount: 40)", "issue_refund(amount: 250)")


def test_the_recorded_config_needs_none(tmp_path: Path) -> None:
    """A config that states what was recorded asks nobody."""
    answers = Answers(BAD)
    stated = {"model": "openai/gpt-4o", "system": "You are kind.", "parameters": {"temperature": 0.0}}
    row = one(tmp_path, SMALL, agent=stated, answers=answers)
    assert (row.verdict, row.evidence, answers.asked) == (Verdict.PASS, Evidence.RECORDED, [])


def test_what_the_recording_did_not_keep_is_named(tmp_path: Path) -> None:
    """It is left out of the comparison, and expressions do not see it unless the config states it."""
    step = sample_step(
        SMALL, source={"grade": "semantic", "unknown": ("parameters", "model")}, model=None, parameters={}
    )
    seen = rule("!has(request.parameters) && request.model == 'openai/gpt-5'")
    write_gate(tmp_path, [sample_case("c", step)], agent=OTHER_MODEL, policies=seen)
    (row,) = run(tmp_path).rows
    assert (row.verdict, row.evidence, row.note) == (Verdict.PASS, Evidence.RECORDED, "parameters, model unknown")


def test_view_only_recordings_are_undecided(tmp_path: Path) -> None:
    """They can be read, not judged, whatever answers there are."""
    write_gate(tmp_path, [sample_case("c", sample_step(SMALL, source={"grade": "view-only"}))])
    answers = Answers(GOOD)
    (row,) = run(tmp_path, answers).rows
    assert (row.verdict, row.evidence) == (Verdict.UNDECIDED, Evidence.MISSING)
    assert row.note == "the recording is view-only: it can be read, not judged"
    assert answers.asked == []


def test_a_conversation_by_hand(tmp_path: Path) -> None:
    """It was never recorded, so there is no answer then and none to compare with."""
    case = {"id": "c", "messages": [{"role": "user", "content": "Hi"}], "checks": [{"cel": "!has(baseline.text)"}]}
    write_gate(tmp_path, [case], policies={})
    (row,) = run(tmp_path).rows
    assert (row.verdict, row.then, row.recording) == (Verdict.UNDECIDED, "", None)
    assert row.note == "nothing was recorded: the conversation is written by hand; no answer to it is known"
    result = run(tmp_path, Answers(Response("Hi")))
    assert (result.rows[0].verdict, result.rows[0].now) == (Verdict.PASS, '"Hi"')
    assert [(kind, hashed) for kind, _, hashed, _ in result.stored] == [("answer", digest({"text": "Hi"}))]


def test_answers_on_disk(tmp_path: Path) -> None:
    """The real cache: what was put is judged, a file that was cut stops the run."""
    cache = ResponseCache(tmp_path / "responses")
    row = one(tmp_path, SMALL, agent=OTHER_MODEL, answers=cache)
    path = cache.write(row.trials[0].request, 0, BAD)
    assert one(tmp_path, SMALL, agent=OTHER_MODEL, answers=cache).verdict is Verdict.FAIL
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="the cached answer was cut or changed"):
        run(tmp_path, cache)


def test_a_changed_recording_stops_the_run(tmp_path: Path) -> None:
    """One byte, and there is no verdict at all."""
    write_gate(tmp_path, [sample_case("c", sample_step(LARGE))])
    (path,) = tmp_path.glob("datasets/recordings/*/*.json")
    path.write_bytes(path.read_bytes().replace(b"250", b"025"))
    with pytest.raises(IntegrityError, match="the recording was changed"):
        run(tmp_path)


def test_a_missing_recording_stops_the_run(tmp_path: Path) -> None:
    """A case without its step is no case that passes."""
    write_gate(tmp_path, [{"id": "c", "step": "sha256:" + "0" * 64}])
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path)


def test_no_case_is_never_green(tmp_path: Path) -> None:
    """A gate whose datasets hold nothing for the chosen agent could not judge."""
    write_gate(tmp_path, [sample_case("c", sample_step(SMALL))])
    write_document(tmp_path, "new.yaml", "Agent", "newcomer", {})
    result = run(tmp_path, agent="new.yaml")
    assert result == Result((), (), ("refunds",))
    assert gate_verdict(result.rows).exit_code == 2


def test_progress(tmp_path: Path) -> None:
    """After each case: how many are done, how many there are, and its row."""
    write_gate(tmp_path, [sample_case("a", sample_step(SMALL)), sample_case("b", sample_step(LARGE))])
    seen: list[tuple[int, int, str]] = []
    run_gate(
        load_plan(tmp_path, day=DAY),
        CPP,
        in_turn(Answers()),
        lambda done, total, row: seen.append((done, total, row.case)),
    )
    assert seen == [(1, 2, "a"), (2, 2, "b")]


KINDS = {
    "good": sample_step(SMALL),
    "bad": sample_step(LARGE),
    "odd": sample_step(ODD),
    "silent": sample_step(text="Hi"),
    "view": sample_step(SMALL, source={"grade": "view-only"}),
}
CASES = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5)


def judged(root: Path, kinds: list[str], *, waived: bool) -> Verdict:
    """The verdict of a gate with cases of these kinds, with or without a waiver of all of them."""
    cases = [sample_case(f"{kind}-{number}", KINDS[kind]) for number, kind in enumerate(kinds)]
    waiver = {"w": {**WAIVER, "cases": [case["id"] for case in cases]}}
    (root / "waivers/w.yaml").unlink(missing_ok=True)
    write_gate(root, cases, waivers=waiver if waived else None)
    return gate_verdict(run(root).rows)


@settings(max_examples=examples(60))
@given(CASES, st.sampled_from(["bad", "odd", "silent", "view"]), st.integers(0, 5))
def test_one_more_red_case_never_helps(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], red: str, place: int
) -> None:
    """Adding a red or undecided case anywhere makes no gate greener, and never passes."""
    root = tmp_path_factory.getbasetemp() / "more"
    rank = [Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS].index
    before = judged(root, kinds, waived=False)
    after = judged(root, [*kinds[:place], red, *kinds[place:]], waived=False)
    assert rank(after) <= rank(before)
    assert after is not Verdict.PASS


@settings(max_examples=examples(40))
@given(CASES)
def test_a_waiver_helps_against_breaches_only(tmp_path_factory: pytest.TempPathFactory, kinds: list[str]) -> None:
    """With everything waived a gate passes if and only if each case was judged and at least one breach was waived."""
    verdict = judged(tmp_path_factory.getbasetemp() / "waived", kinds, waived=True)
    assert (verdict is Verdict.PASS) == ("bad" in kinds and set(kinds) <= {"good", "bad"})


def test_samples_are_json(tmp_path: Path) -> None:
    """What `write_gate` writes is JSON as well as YAML, so that a test can change it."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Grüße"))])
    assert json.loads((tmp_path / "datasets/cases.yaml").read_text())["metadata"] == {"name": "cases", "agent": AGENT}
