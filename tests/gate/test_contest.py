"""Base against head: both sets of rules judge, and each row says what became of it."""

from __future__ import annotations

from pathlib import Path

from runback_gate.canonical import digest
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Verdict, gate_verdict
from runback_gate.step import Response, to_json
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
from tests.gate.folders import BAD, CPP, DAY, GOOD, LARGE, SMALL
from tests.gate.sides import NEW, STRICT, Said, cases, gates, held


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


def test_checks_of_one_title_are_two(tmp_path: Path) -> None:
    """One failed on the base already; that the other one fails now is a regression, whatever both are called."""
    step = sample_step(sample_call("issue_refund", amount=18))
    limits = [{"argument": {"tool": "issue_refund", "path": "amount", "op": "<=", "value": top}} for top in (10, 100)]
    listed = [sample_case("c", step, *limits)]
    gates(tmp_path, listed, listed, policies={}, head_agent=NEW)
    assert cases(held(tmp_path, (step, "openai/new", [GOOD]))) == {"c": ("FAIL", "already failing")}
    assert cases(held(tmp_path, (step, "openai/new", [BAD]))) == {"c": ("FAIL", "regressed")}


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
