"""What the base asks is asked of the head: no rule, check, case, waiver, label or trial of it can be taken out."""

from __future__ import annotations

from pathlib import Path

from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.replay.evidence import Evidence
from runback_gate.step import Response
from runback_gate.testing import AGENT, REFUNDS, sample_case, sample_step, write_document
from tests.gate.folders import BAD, GOOD, LARGE, SMALL
from tests.gate.sides import NEW, STRICT, WAIVER, cases, gates, held


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
