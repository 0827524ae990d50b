"""Base against head: both sets of rules judge, and each row says what became of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import digest
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import find_weakenings
from runback_gate.gate.alike import config
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.verdict import Row, Verdict, gate_verdict
from runback_gate.replay.evidence import Evidence
from runback_gate.step import Response, Step, to_json
from runback_gate.testing import (
    AGENT,
    REFUNDS,
    in_turn,
    sample_call,
    sample_case,
    sample_step,
    write_document,
    write_gate,
)
from tests.examples import examples

CPP = CppEngine()
DAY = "2026-06-01"
SMALL, LARGE = (sample_call("issue_refund", amount=amount) for amount in (40, 250))
GOOD, BAD = Response(tool_calls=(SMALL,)), Response(tool_calls=(LARGE,))
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


def block(root: Path, name: str, block: str) -> None:
    """Say what blocks on one side."""
    globs = {kind: [f"{kind}/*.yaml"] for kind in ("agents", "datasets", "policies", "waivers")}
    write_document(root / name, "runback.yaml", "Gate", "sample", {**globs, "block": block})


def test_nothing_changed(tmp_path: Path) -> None:
    """What the base says is what the head says: unchanged where it passes, already failing where it fails."""
    listed = [sample_case("good", sample_step(SMALL)), sample_case("bad", sample_step(LARGE))]
    gates(tmp_path, listed, listed)
    result = held(tmp_path)
    assert cases(result) == {"bad": ("FAIL", "already failing"), "good": ("PASS", "unchanged")}
    assert [row.blocking for row in result.rows] == [False, True]
    assert gate_verdict(result.rows) is Verdict.PASS


def test_every_status(tmp_path: Path) -> None:
    """A changed agent: one row regresses, one stays red, one is fixed, one is new, one stays green."""
    names = ("regressed", "still", "fixed", "same", "new")
    steps = {name: sample_step(SMALL, messages=(), system=name) for name in names}
    steps |= {name: sample_step(LARGE, messages=(), system=name) for name in ("still", "fixed")}
    listed = [sample_case(name, step) for name, step in steps.items()]
    gates(tmp_path, listed[:-1], listed, head_agent=NEW)
    now = {"regressed": BAD, "still": BAD, "fixed": GOOD, "same": GOOD, "new": BAD}
    result = held(tmp_path, *((steps[name], "openai/new", [answer]) for name, answer in now.items()))
    assert cases(result) == {
        "regressed": ("FAIL", "regressed"),
        "new": ("FAIL", "new"),
        "still": ("FAIL", "already failing"),
        "fixed": ("PASS", "fixed"),
        "same": ("PASS", "unchanged"),
    }
    assert [row.case for row in result.rows] == ["regressed", "new", "still", "fixed", "same"]
    assert gate_verdict(result.rows) is Verdict.FAIL


def test_what_fails_on_the_base_blocks_where_either_side_says_so(tmp_path: Path) -> None:
    """`block: all` holds from the base, and from the head at once."""
    listed = [sample_case("bad", sample_step(LARGE))]
    gates(tmp_path, listed, listed, waivers={})
    for side, other in (("base", "head"), ("head", "base")):
        block(tmp_path, side, "all")
        block(tmp_path, other, "regressions")
        (row,) = (item for item in held(tmp_path).rows if item.kind == "case")
        assert (row.status, row.blocking) == ("already failing", True)


def test_another_rule_that_breaks_is_a_regression(tmp_path: Path) -> None:
    """A row that was red for one reason and now is for another as well is to be blamed."""
    step = sample_step(LARGE)
    checks = [{"notContains": "Oh"}]
    gates(tmp_path, [sample_case("c", step, *checks)], [sample_case("c", step, *checks)], head_agent=NEW)
    worse = Response("Oh no", (LARGE,))
    assert cases(held(tmp_path, (step, "openai/new", [worse]))) == {"c": ("FAIL", "regressed")}
    assert cases(held(tmp_path, (step, "openai/new", [BAD]))) == {"c": ("FAIL", "already failing")}


def test_a_rule_of_the_base_cannot_be_taken_out(tmp_path: Path) -> None:
    """The head has no such rule any more; the base still judges by it, and the row is red."""
    step = sample_step(SMALL)
    listed = [sample_case("c", step, {"noError": True})]
    gates(tmp_path, listed, listed, head_agent=NEW, base_policies={"refunds": REFUNDS}, head_policies={"s": STRICT})
    result = held(tmp_path, (step, "openai/new", [BAD]))
    assert cases(result) == {"c": ("FAIL", "regressed")}
    assert {row.kind for row in result.rows} == {"case", "weakening"}


def test_a_check_of_the_base_cannot_be_taken_out(tmp_path: Path) -> None:
    """Nor can what a case must keep."""
    step = sample_step(SMALL, text="Hi")
    said = [sample_case("c", step, {"contains": "Hi"}, {"noError": True})]
    gates(tmp_path, said, [sample_case("c", step, {"noError": True})], head_agent=NEW)
    result = held(tmp_path, (step, "openai/new", [Response("Ho", (SMALL,))]))
    (row,) = (item for item in result.rows if item.kind == "case")
    assert (row.verdict, row.status) == (Verdict.FAIL, "regressed")
    assert [item.rule for item in row.findings] == ["contains Hi"]


def test_a_new_rule_counts_at_once(tmp_path: Path) -> None:
    """What the head adds judges as well. That the agent breaks it is new, not a regression, and blocks."""
    listed = [sample_case("c", sample_step(SMALL, text="Oh no"))]
    gates(tmp_path, listed, listed, base_policies={"r": REFUNDS}, head_policies={"r": REFUNDS, "s": STRICT})
    result = held(tmp_path)
    assert cases(result) == {"c": ("FAIL", "new")}
    assert result.rows[0].blocking


def test_a_rule_that_became_stricter_blames_nobody(tmp_path: Path) -> None:
    """The agent is as it was, so it is the rule that is new: the row is red and blocks, and has not regressed."""
    listed = [sample_case("c", sample_step(SMALL))]
    tight = {**REFUNDS, "params": {"limit": 10}}
    gates(tmp_path, listed, listed, base_policies={"refunds": REFUNDS}, head_policies={"refunds": tight})
    result = held(tmp_path)
    assert cases(result) == {"c": ("FAIL", "new")}
    (effect,) = result.effects
    assert (effect.word, [flip.kind for flip in effect.flips]) == ("stricter", ["newly failing"])


def test_a_case_of_the_base_cannot_be_taken_out(tmp_path: Path) -> None:
    """It is judged from the base's dataset and recording, after the cases of the head."""
    kept, gone = sample_step(SMALL), sample_step(SMALL, messages=())
    both = [sample_case("kept", kept), sample_case("gone", gone)]
    gates(tmp_path, both, both[:1], head_agent=NEW)
    result = held(tmp_path, (kept, "openai/new", [GOOD]), (gone, "openai/new", [BAD]))
    assert cases(result) == {"gone": ("FAIL", "regressed"), "kept": ("PASS", "unchanged")}
    sides = {(kind, side) for kind, _, _, side in result.stored}
    assert sides == {("recording", "head"), ("recording", "base"), ("answer", "head")}


def test_a_case_of_an_agent_that_is_gone(tmp_path: Path) -> None:
    """Nobody can say how an agent answers that the change does not have."""
    listed = [sample_case("c", sample_step(SMALL))]
    gates(tmp_path, listed, listed)
    document = {"cases": [{"id": "c", "messages": [{"role": "user", "content": "Hi"}], "checks": [{"noError": True}]}]}
    write_document(tmp_path / "base", "datasets/other.yaml", "Dataset", "other", document, agent="other")
    write_document(tmp_path / "base", "agents/other.yaml", "Agent", "other", {})
    row = next(item for item in held(tmp_path).rows if item.dataset == "other")
    assert (row.verdict, row.evidence, row.status) == (Verdict.UNDECIDED, Evidence.MISSING, "")
    assert row.note == "the change has no agent 'other'"


def test_a_waiver_of_the_head_takes_no_effect(tmp_path: Path) -> None:
    """One of the base does, as long as the head keeps it."""
    listed = [sample_case("c", sample_step(LARGE))]
    gates(tmp_path, listed, listed, head_waivers={"w": WAIVER})
    assert cases(held(tmp_path))["c"][0] == "FAIL"
    gates(tmp_path, listed, listed, waivers={"w": WAIVER})
    assert cases(held(tmp_path)) == {"c": ("WAIVED", "unchanged")}
    (tmp_path / "head/waivers/w.yaml").unlink()
    assert cases(held(tmp_path))["c"][0] == "FAIL"


def test_a_red_waiver_of_the_base_is_no_regression(tmp_path: Path) -> None:
    """A waiver that waives nothing on both sides does not block; one that the change made useless does."""
    listed = [sample_case("c", sample_step(SMALL))]
    gates(tmp_path, listed, listed, waivers={"w": WAIVER})
    (row,) = (item for item in held(tmp_path).rows if item.kind == "waiver")
    assert (row.verdict, row.status, row.blocking) == (Verdict.FAIL, "already failing", False)
    step = sample_step(LARGE)
    gates(tmp_path, [sample_case("c", step)], [sample_case("c", step)], waivers={"w": WAIVER}, head_agent=NEW)
    (row,) = (item for item in held(tmp_path, (step, "openai/new", [GOOD])).rows if item.kind == "waiver")
    assert (row.verdict, row.status, row.blocking) == (Verdict.FAIL, "new", True)


def test_labels_are_those_of_the_base(tmp_path: Path) -> None:
    """A change cannot label its agent out of a rule."""
    rule = {"validations": [{"id": "r", "expression": '!has(agent.labels.team) || response.text != "Ho"'}]}
    step = sample_step(text="Hi")
    gates(tmp_path, [sample_case("c", step)], [sample_case("c", step)], policies={"p": rule})
    write_document(tmp_path / "base", f"agents/{AGENT}.yaml", "Agent", AGENT, {}, labels={"team": "pay"})
    write_document(tmp_path / "head", f"agents/{AGENT}.yaml", "Agent", AGENT, NEW)
    assert cases(held(tmp_path, (step, "openai/new", [Response("Ho")])))["c"][0] == "FAIL"


def test_trials_of_the_base_are_asked(tmp_path: Path) -> None:
    """Fewer trials on the head do not make a row green that needs three."""
    step = sample_step(SMALL)
    listed = [sample_case("c", step)]
    gates(tmp_path, listed, listed, head_agent=NEW, base_trials={"n": 3})
    result = held(tmp_path, (step, "openai/new", [GOOD, GOOD, BAD]))
    (row,) = (item for item in result.rows if item.kind == "case")
    assert (row.verdict, row.needed, row.planned, len(row.trials)) == (Verdict.FAIL, 3, 3, 3)


def test_the_base_is_asked_today_before_a_change_is_blamed(tmp_path: Path) -> None:
    """Where a model answered for the head, a rule fails on the base when it fails in the record and today."""
    step = sample_step(SMALL)
    listed = [sample_case("c", step)]
    gates(tmp_path, listed, listed, head_agent=NEW, trials={"n": 2})
    said = (step, "openai/new", [BAD])
    assert cases(held(tmp_path, said)) == {"c": ("FAIL", "regressed")}
    drifted = (step, "openai/gpt-4o", [BAD])
    assert cases(held(tmp_path, said, drifted)) == {"c": ("FAIL", "regressed")}
    assert cases(held(tmp_path, said, (step, "openai/gpt-4o", [GOOD]))) == {"c": ("FAIL", "regressed")}
    bad = sample_step(LARGE)
    gates(tmp_path, [sample_case("c", bad)], [sample_case("c", bad)], head_agent=NEW, trials={"n": 2})
    said = (bad, "openai/new", [BAD])
    assert cases(held(tmp_path, said, (bad, "openai/gpt-4o", [BAD]))) == {"c": ("FAIL", "already failing")}
    assert cases(held(tmp_path, said, (bad, "openai/gpt-4o", [GOOD]))) == {"c": ("FAIL", "regressed")}
    assert cases(held(tmp_path, said)) == {"c": ("FAIL", "already failing")}


@settings(max_examples=examples(30))
@given(st.sampled_from([0, 1, 1.0, False, True, None, "0", [], [0], {}, {"a": 0}, {"a": False}]), st.data())
def test_two_configs_are_one_when_their_bytes_are(value: object, data: st.DataObject) -> None:
    """A parameter that is another value asks anew, whatever Python's == says of the two."""
    other = data.draw(st.sampled_from([0, 1, 1.0, False, True, None, "0", [], [0], {}, {"a": 0}, {"a": False}]))
    for root in folders():
        listed = [sample_case("c", sample_step(SMALL))]
        sides = {"base_agent": {"parameters": {"p": value}}, "head_agent": {"parameters": {"p": other}}}
        gates(root, listed, listed, **sides)
        base, head = (load_plan(root / name, day=DAY).agents[0] for name in ("base", "head"))
        assert (config(base) == config(head)) is (json.dumps(value) == json.dumps(other))


def test_checks_of_one_title_are_two(tmp_path: Path) -> None:
    """One failed on the base already; that the other one fails now is a regression, whatever both are called."""
    step = sample_step(sample_call("issue_refund", amount=18))
    limits = [{"argument": {"tool": "issue_refund", "path": "amount", "op": "<=", "value": top}} for top in (10, 100)]
    listed = [sample_case("c", step, *limits)]
    gates(tmp_path, listed, listed, policies={}, head_agent=NEW)
    assert cases(held(tmp_path, (step, "openai/new", [GOOD]))) == {"c": ("FAIL", "already failing")}
    assert cases(held(tmp_path, (step, "openai/new", [BAD]))) == {"c": ("FAIL", "regressed")}


def test_the_base_counts_by_its_own_numbers(tmp_path: Path) -> None:
    """More trials on the head are not asked of the base, whose 2 of 3 hold."""
    step = sample_step(LARGE)
    listed = [sample_case("c", step)]
    gates(
        tmp_path,
        listed,
        listed,
        head_agent=NEW,
        base_agent={"model": "openai/old"},
        base_trials={"n": 3, "pass": 2},
        head_trials={"n": 20},
    )
    base = (step, "openai/old", [GOOD, BAD, GOOD, BAD])
    assert cases(held(tmp_path, (step, "openai/new", [BAD]), base)) == {"c": ("FAIL", "regressed")}


def test_a_rule_that_both_have_is_said_once_and_by_whom(tmp_path: Path) -> None:
    """The base's limit is broken, the head's is not: the row says whose rule spoke, and not that it holds."""
    step = sample_step(sample_call("issue_refund", amount=250))
    loose = {**REFUNDS, "params": {"limit": 500}}
    gates(
        tmp_path,
        [sample_case("c", step)],
        [sample_case("c", step)],
        base_policies={"r": REFUNDS},
        head_policies={"r": loose},
    )
    (row,) = (item for item in held(tmp_path).rows if item.kind == "case")
    assert [(item.rule, item.side) for item in row.findings] == [("refunds.limit", "base")]
    assert all("refunds.limit" not in trial.passed for trial in row.trials)
    gates(
        tmp_path,
        [sample_case("c", step)],
        [sample_case("c", step)],
        policies={"r": REFUNDS, "s": STRICT},
        base_policies={"r": REFUNDS},
    )
    (row,) = (item for item in held(tmp_path).rows if item.kind == "case")
    assert [(item.rule, item.side) for item in row.findings] == [("refunds.limit", "head")]


def test_changed_policies_are_tried_on_the_new_answers_too(tmp_path: Path) -> None:
    """The record never broke the limit; the new answer does, and the looser limit lets it through."""
    step = sample_step(SMALL)
    loose = {**REFUNDS, "params": {"limit": 500}}
    listed = [sample_case("c", step)]
    gates(tmp_path, listed, listed, head_agent=NEW, base_policies={"r": REFUNDS}, head_policies={"r": loose})
    (effect,) = held(tmp_path, (step, "openai/new", [BAD])).effects
    assert (effect.steps, effect.word) == (2, "looser")
    assert [(flip.run, flip.step, flip.kind) for flip in effect.flips] == [
        ("cases/c", digest(to_json(BAD)), "newly permitted")
    ]


def test_an_approval_lets_the_head_judge_alone(tmp_path: Path) -> None:
    """What was loosened is said and waived; the case that is gone is gone."""
    step, gone = sample_step(LARGE), sample_case("gone", sample_step(LARGE, messages=()))
    both = [sample_case("c", step)]
    loose = {**REFUNDS, "params": {"limit": 500}}
    gates(tmp_path, [*both, gone], both, base_policies={"refunds": REFUNDS}, head_policies={"refunds": loose})
    red = held(tmp_path)
    assert [row.verdict for row in red.rows if row.kind == "weakening"] == [Verdict.FAIL, Verdict.FAIL]
    assert gate_verdict(red.rows) is Verdict.FAIL
    result = held(tmp_path, approval="9" * 40)
    assert cases(result) == {"c": ("PASS", "fixed")}
    waived = [row for row in result.rows if row.kind == "weakening"]
    assert {row.verdict for row in waived} == {Verdict.WAIVED}
    assert waived[0].waivers == ("approved for " + "9" * 40,)
    assert gate_verdict(result.rows) is Verdict.PASS


def test_without_a_gate_on_the_base_all_is_new(tmp_path: Path) -> None:
    """There is nobody to compare with, and nothing that could be loosened."""
    write_gate(tmp_path, [sample_case("c", sample_step(LARGE)), sample_case("d", sample_step(SMALL))])
    result = run_gate(load_plan(tmp_path, day=DAY), CPP, in_turn(Said()), base=Base(None))
    assert cases(result) == {"c": ("FAIL", "new"), "d": ("PASS", "new")}


def test_a_part_of_the_head_is_held_against_that_part(tmp_path: Path) -> None:
    """A run of one dataset does not ask for the cases of the others."""
    listed = [sample_case("c", sample_step(SMALL))]
    gates(tmp_path, listed, listed)
    document = {"cases": [{"id": "x", "messages": [{"role": "user", "content": "Hi"}], "checks": [{"noError": True}]}]}
    write_document(tmp_path / "base", "datasets/other.yaml", "Dataset", "other", document, agent=AGENT)
    head = load_plan(tmp_path / "head", day=DAY, dataset="cases")
    assert head.selection == ()
    for side in ("base", "head"):
        write_document(tmp_path / side, "datasets/other.yaml", "Dataset", "other", document, agent=AGENT)
    head, base = load_plan(tmp_path / "head", day=DAY, dataset="cases"), load_plan(tmp_path / "base", day=DAY)
    assert set(cases(run_gate(head, CPP, in_turn(Said()), base=Base(base)))) == {"c"}


def test_the_base_cannot_be_judged(tmp_path: Path) -> None:
    """A change that fails where nobody knows what the base does is blamed; one that passes has no status."""
    step = sample_step(SMALL, source={"grade": "view-only"})
    other = sample_step(SMALL)
    gates(tmp_path, [sample_case("c", step)], [sample_case("c", other)], head_agent=NEW)
    assert cases(held(tmp_path, (other, "openai/new", [GOOD])))["c"] == ("UNDECIDED", "")
    result = held(tmp_path, (other, "openai/new", [BAD]), approval="9" * 40)
    assert cases(result)["c"] == ("FAIL", "regressed")


EXPRESSIONS = (
    "true",
    "false",
    'calls(response, "issue_refund").all(c, c.arguments.amount <= 100)',
    'calls(response, "issue_refund").all(c, c.arguments.amount > 100)',
    'response.text == "Hi"',
    "size(response.tool_calls) == 0",
    "response.nothing == 1",
)
POLICIES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(EXPRESSIONS), min_size=1, max_size=3)
STEPS = (sample_step(SMALL), sample_step(LARGE), sample_step(text="Hi"), sample_step(text="Ho"))


def written(rules: Mapping[str, str], action: str = "Deny") -> dict[str, Any]:
    """A policy for each expression."""
    return {
        name: {"validations": [{"id": f"{name}.r", "expression": text}], "validationActions": [action]}
        for name, text in rules.items()
    }


def folders() -> Iterator[Path]:
    """A folder for one example."""
    with TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=examples(40))
@given(POLICIES, POLICIES, st.sampled_from(STEPS), st.sampled_from(["Deny", "Warn", "Audit"]))
def test_whatever_the_head_holds_a_failing_rule_of_the_base_fails(
    base: dict[str, str], head: dict[str, str], step: Step, action: str
) -> None:
    """No set of head rules makes a case green, or waived, that the base's rules fail."""
    for root in folders():
        listed = [sample_case("c", step)]
        gates(root, listed, listed, base_policies=written(base), head_policies=written(head, action))
        alone = _row(run_gate(load_plan(root / "base", day=DAY), CPP, in_turn(Said())))
        row = _row(held(root))
        if alone.verdict is Verdict.FAIL:
            assert row.verdict is Verdict.FAIL
        failing = {item.rule for item in alone.findings if item.outcome == "fail"}
        assert failing <= {item.rule for item in row.findings if item.outcome == "fail"}


@settings(max_examples=examples(40))
@given(POLICIES, st.sampled_from(EXPRESSIONS), st.sampled_from(STEPS))
def test_adding_a_rule_never_turns_a_red_gate_green(rules: dict[str, str], more: str, step: Step) -> None:
    """What failed or was undecided before does not pass with one rule more."""
    for root in folders():
        listed = [sample_case("c", step)]
        gates(root, listed, listed, base_policies=written(rules), head_policies=written({**rules, "z": more}))
        alone = _row(run_gate(load_plan(root / "base", day=DAY), CPP, in_turn(Said())))
        row = _row(held(root))
        if alone.verdict is not Verdict.PASS:
            assert row.verdict is not Verdict.PASS
        if alone.verdict is Verdict.FAIL:
            assert row.verdict is Verdict.FAIL


def _row(result: Result) -> Row:
    (row,) = (item for item in result.rows if item.kind == "case")
    return row
