"""Facts about rules over runs beside rules over steps: backtest, the effect of a change, mutants, explanations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis.backtest import backtest
from runback_gate.analysis.effect import compare_policies
from runback_gate.analysis.mutation import try_mutants
from runback_gate.analysis.policy_effect import PolicyEffect, judged_on
from runback_gate.analysis.recorded import VIEW_ONLY, Recorded, RecordedRun, recorded
from runback_gate.analysis.tally import Failure, Tally
from runback_gate.app.explain import explain_step
from runback_gate.app.investigate import rule_breach
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.errors import InputError
from runback_gate.policy import run_context
from runback_gate.policy.document import Policy, load_policies
from runback_gate.report.backtest import backtest_lines
from runback_gate.report.effects import as_json, as_markdown, as_text
from runback_gate.step import Run
from runback_gate.testing import REFUNDS, sample_call, sample_run, sample_step, write_document

ENGINE = CppEngine()


def pays(*amounts: int, **changes: Any) -> Run:
    """A run that refunds these amounts, one at a step."""
    run = sample_run(*(sample_step(sample_call("issue_refund", amount=amount), **changes) for amount in amounts))
    return Run("-".join(map(str, amounts)), run.agent, run.steps)


RUNS = (pays(60, 30), pays(60, 50), pays(250))
SUM = {
    "scope": "run",
    "params": {"most": 100},
    "validations": [
        {
            "id": "total.most",
            "expression": "run.calls.map(c, c.arguments.amount).sum() <= params.most",
            "message": "too much in one run",
        }
    ],
}


def policies(root: Path, **specs: Any) -> tuple[Policy, ...]:
    for name, spec in specs.items():
        write_document(root, f"{name}.yaml", "Policy", name, spec)
    return load_policies(root, [f"{name}.yaml" for name in specs])[0]


def items(*runs: Run) -> Iterator[Recorded]:
    """The steps of the runs, and the runs."""
    for run in runs:
        yield from recorded(run)
        yield RecordedRun(run)


def test_a_backtest_counts_runs_for_them(tmp_path: Path) -> None:
    """Rules over steps count steps and rules over runs count runs, in one pass."""
    found = backtest(policies(tmp_path, refunds=REFUNDS, total=SUM), ENGINE, RUNS)
    assert (found.runs, found.steps) == (3, 5)
    assert found.counts["refunds.limit"] == {"pass": 4, "fail": 1, "error": 0, "skip": 0}
    assert found.counts["total.most"] == {"pass": 1, "fail": 2, "error": 0, "skip": 0}
    assert [item for item in found.failures if item.rule == "total.most"] == [
        Failure("total.most", "250", None, "fail", "too much in one run"),
        Failure("total.most", "60-50", None, "fail", "too much in one run"),
    ]
    told: Any = found.to_json()
    assert told["validations"]["total.most"] == {"pass": 1, "fail": 2, "error": 0, "skip": 0, "scope": "run"}
    assert told["validations"]["refunds.limit"] == {"pass": 4, "fail": 1, "error": 0, "skip": 0}
    assert told["failures"][1] == {
        "validation": "total.most",
        "run": "250",
        "step": None,
        "message": "too much in one run",
        "scope": "run",
    }
    assert list(backtest_lines(found, show=1)) == [
        "3 runs, 5 steps",
        "",
        "  rule              pass    fail   error    skip",
        "  refunds.limit        4       1       0       0",
        "",
        "  rule over runs    pass    fail   error    skip",
        "  total.most           1       2       0       0",
        "",
        "  fail   refunds.limit  run 250 step 0  refund above 100",
        "  fail   total.most  run 250  too much in one run",
        "         total.most  1 more: --failures 2, or --json",
    ]
    assert (found.counted("total.most", 2), found.counted("refunds.limit", 1)) == ("2 runs", "1 step")


def test_tallies_of_runs_add_up(tmp_path: Path) -> None:
    """Whole runs are what a backtest is parted by, so rules over runs add up like all others."""
    both = policies(tmp_path, refunds=REFUNDS, total=SUM)
    whole = backtest(both, ENGINE, RUNS)
    parts = [backtest(both, ENGINE, [run]) for run in reversed(RUNS)]
    assert Tally.sum(list(whole.counts), parts) == whole


def test_rules_over_runs_alone_look_at_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are counted all the same, and none is bound."""
    monkeypatch.setattr("runback_gate.policy.history.History.of", lambda *_: pytest.fail("bound"))
    found = backtest(policies(tmp_path, total=SUM), ENGINE, RUNS)
    assert (found.steps, found.counts["total.most"]["fail"]) == (5, 2)


def test_a_run_that_cannot_be_judged_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step that can only be read, or more conversation than may be laid out: neither holds nor fails."""
    view_only = pays(10, source={"grade": "view-only"})
    reading = {
        "scope": "run",
        "validations": [{"id": "read.all", "expression": "run.steps.all(s, size(s.request.messages) < 9)"}],
    }
    reads, total = policies(tmp_path, total=SUM, reading=reading)
    found = backtest((reads, total), ENGINE, [view_only])
    assert {item.message for item in found.failures} == {VIEW_ONLY}
    assert [item.outcome for item in found.failures] == ["error", "error"]
    monkeypatch.setattr(run_context, "MAX_RUN_BYTES", 10)
    assert backtest([total], ENGINE, RUNS[:1]).counts["total.most"]["pass"] == 1
    (failure,) = backtest([reads], ENGINE, RUNS[:1]).failures
    assert "is more than" in failure.message


def test_a_run_of_another_agent_is_skipped(tmp_path: Path) -> None:
    """`match.agents` is about the agent that began the run."""
    found = backtest(policies(tmp_path, total={**SUM, "match": {"agents": ["nobody"]}}), ENGINE, RUNS)
    assert found.counts["total.most"] == {"pass": 0, "fail": 0, "error": 0, "skip": 3}


def compared(tmp_path: Path, base: Any, head: Any) -> PolicyEffect:
    """What became of one policy on the record of all runs."""
    sides = policies(tmp_path / "base", total=base), policies(tmp_path / "head", total=head)
    (effect,) = compare_policies(*sides, ENGINE, items(*RUNS))
    return effect


def test_the_effect_of_a_change_on_runs(tmp_path: Path) -> None:
    """A policy over runs is held against recorded runs, and against no step."""
    effect = compared(tmp_path, SUM, {**SUM, "params": {"most": 120}})
    assert (effect.word, effect.scope, effect.steps, effect.same, effect.matched) == ("looser", "run", 3, 2, 3)
    (flip,) = effect.flips
    assert (flip.run, flip.step, flip.kind, flip.answer) == ("60-50", None, "newly permitted", "2 steps, 2 calls")
    assert "110 <= 100 false → 110 <= 120 true" in flip.why
    known: dict[str, Any] = {"steps": 0, "place": lambda *_: "here", "show": 3}
    assert as_text([effect], width=120, **known).splitlines()[-1] == "1 policy changed: 1 looser; 3 recorded runs"
    assert "  newly permitted   1 recorded run   needs approval" in as_text([effect], width=120, **known)
    assert "| run | rule | answer | why |" in as_markdown([effect], **known)
    told: Any = as_json([effect])
    assert (told["effects"][0]["scope"], told["flips"][0]["step"]) == ("run", None)
    assert (judged_on([effect]), judged_on([effect], "run")) == (0, 3)


def test_another_scope_is_seen_on_both(tmp_path: Path) -> None:
    """Steps are not judged any more, and runs are: each flips."""
    over_steps = {"validations": [{"id": "total.most", "expression": "size(response.tool_calls) == 0"}]}
    effect = compared(tmp_path, over_steps, SUM)
    assert (effect.scope, effect.steps) == ("run", 8)
    assert dict(effect.validations[0].counts) == {"newly permitted": 5, "newly failing": 2, "no longer skipped": 1}
    assert effect.changes[0].what == "scope"
    assert effect.word == "mixed"


def test_mutants_are_tried_on_runs(tmp_path: Path) -> None:
    """A recorded run notices what no test does."""
    found = try_mutants(policies(tmp_path, total=SUM), (), ENGINE, items(pays(100), pays(101)))
    assert found.survivors == ()
    assert found.by_steps == found.tried > 0


def test_a_run_is_explained(tmp_path: Path) -> None:
    """Every part of a rule over runs with its value; a step of it says nothing, and no step alone is asked again."""
    both = policies(tmp_path, refunds=REFUNDS, total=SUM)
    (explained,) = explain_step(both, "total.most", RUNS[1])
    assert explained.facts == (("run.calls.map(c, c.arguments.amount).sum()", "110"), ("params.most", "100"))
    with pytest.raises(InputError, match=r"'total\.most' is about runs"):
        explain_step(both, "total.most", RUNS[1].steps[0])
    with pytest.raises(InputError, match=r"'refunds\.limit' is about steps"):
        explain_step(both, "refunds.limit", RUNS[1])
    with pytest.raises(InputError, match="applies to whole runs"):
        rule_breach(both, "total.most", None)  # type: ignore[arg-type]
