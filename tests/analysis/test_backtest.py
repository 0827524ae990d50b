"""Backtests: every step is counted once for every validation, and every failure can be found again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.backtest import backtest
from runback_gate.analysis.tally import MAX_LISTED, Counter, Failure, Tally
from runback_gate.canonical import exact_bytes, sha256
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.context import step_data
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import RuleResult
from runback_gate.policy.finding import RuleOutcome
from runback_gate.step import Run, Step
from runback_gate.testing import AGENT, REFUNDS, sample_call, sample_run, sample_step, write_document

ENGINE = CppEngine()
TEXT = st.text(st.characters() | st.sampled_from('"\\\n\x00\u2028\ud800'))
SMALL, LARGE, ODD = (sample_step(sample_call("issue_refund", amount=amount)) for amount in (40, 250, "much"))
WORDS = sample_step(text="Hello!")
VIEW_ONLY = sample_step(sample_call("issue_refund", amount=40), source={"grade": "view-only"})
SPOKEN: dict[str, Any] = {"validations": [{"id": "spoken", "expression": 'response.text != ""', "message": "silent"}]}


def run_backtest(root: Path, runs: list[Run], **policies: dict[str, Any]) -> Tally:
    """What these policies say of the runs."""
    for name, spec in policies.items():
        write_document(root, f"{name}.yaml", "Policy", name, spec)
    found, _ = load_policies(root, [f"{name}.yaml" for name in policies])
    return backtest(found, ENGINE, runs)


def test_counts_and_failures(tmp_path: Path) -> None:
    """Each validation over all steps of all runs; failures by validation, run and step, in that order."""
    runs = [sample_run(SMALL, LARGE, WORDS, run="a"), sample_run(ODD, LARGE, run="b")]
    found = run_backtest(tmp_path, runs, refunds={**REFUNDS}, spoken=SPOKEN)
    assert (found.runs, found.steps) == (2, 5)
    assert found.counts == {
        "refunds.limit": {"pass": 1, "fail": 2, "error": 1, "skip": 1},
        "spoken": {"pass": 1, "fail": 4, "error": 0, "skip": 0},
    }
    assert [(item.rule, item.run, item.step, item.outcome) for item in found.failures] == [
        ("refunds.limit", "a", 1, "fail"),
        ("refunds.limit", "b", 0, "error"),
        ("refunds.limit", "b", 1, "fail"),
        ("spoken", "a", 0, "fail"),
        ("spoken", "a", 1, "fail"),
        ("spoken", "b", 0, "fail"),
        ("spoken", "b", 1, "fail"),
    ]
    assert found.failures[0] == Failure("refunds.limit", "a", 1, "fail", "refund above 100")


def test_json(tmp_path: Path) -> None:
    """What `--json` prints: counts of all, a list of what failed; errors are in the counts."""
    found = run_backtest(tmp_path, [sample_run(LARGE, ODD, run="a")], refunds={**REFUNDS})
    assert found.to_json() == {
        "steps": 2,
        "validations": {"refunds.limit": {"pass": 0, "fail": 1, "error": 1, "skip": 0}},
        "failures": [{"validation": "refunds.limit", "run": "a", "step": 0, "message": "refund above 100"}],
    }


@pytest.mark.parametrize(
    ("match", "word"), [({"agents": [AGENT]}, "fail"), ({"agents": ["billing"]}, "skip"), ({"tags": ["vip"]}, "skip")]
)
def test_match(tmp_path: Path, match: dict[str, Any], word: str) -> None:
    """A policy for other agents skips; one for tagged cases too, since a recorded step has no tags."""
    found = run_backtest(tmp_path, [sample_run(LARGE)], refunds={**REFUNDS, "match": match})
    assert found.counts["refunds.limit"][word] == 1


def test_view_only_steps_are_not_judged(tmp_path: Path) -> None:
    """They are errors where a policy concerns them, and say why."""
    runs = [sample_run(VIEW_ONLY)]
    found = run_backtest(tmp_path, runs, refunds={**REFUNDS}, other={**SPOKEN, "match": {"agents": ["billing"]}})
    assert found.counts["refunds.limit"]["error"] == found.counts["spoken"]["skip"] == 1
    assert found.failures[0].message == "the recording is view-only: it can be read, not judged"


def test_nothing_is_nothing(tmp_path: Path) -> None:
    """No runs, and runs without steps, are counted as what they are."""
    assert run_backtest(tmp_path, [], refunds={**REFUNDS}).steps == 0
    found = run_backtest(tmp_path, [sample_run(), sample_run()], refunds={**REFUNDS})
    assert (found.runs, found.steps, found.failures) == (2, 0, ())
    assert found.counts == {"refunds.limit": {"pass": 0, "fail": 0, "error": 0, "skip": 0}}


def test_runs_are_taken_one_by_one(tmp_path: Path) -> None:
    """A run is judged before the next one is read."""
    write_document(tmp_path, "p.yaml", "Policy", "refunds", REFUNDS)
    policies, _ = load_policies(tmp_path, ["p.yaml"])
    taken = []

    def runs() -> Iterator[Run]:
        for name in "ab":
            taken.append(name)
            yield sample_run(SMALL, run=name)

    assert backtest(policies, ENGINE, runs()).steps == 2
    assert taken == ["a", "b"]


def test_a_step_as_it_was() -> None:
    """It is judged on its own answer, which is its baseline too, and names itself as its case."""
    data: Any = step_data(sample_step(text="Hi", source={"run": "r", "event": 3, "at": "2026-01-01T00:00:00Z"}))
    assert data["response"] == data["baseline"]
    assert data["case"] == {"id": "r/3", "dataset": "", "tags": [], "now": "2026-01-01T00:00:00Z"}
    assert data["agent"] == {"name": AGENT, "labels": {}}


STEPS = st.lists(st.sampled_from([SMALL, LARGE, ODD, WORDS, VIEW_ONLY]), max_size=6)
CONDITION = [{"name": "c", "expression": "response.tool_calls[0].arguments.amount > 0"}]


@given(st.lists(STEPS, max_size=3))
def test_counts_add_up(tmp_path_factory: pytest.TempPathFactory, runs: list[list[Step]]) -> None:
    """For every validation the four words add up to the steps, each fail and error has its failure, and the counts of
    all runs are the sum of those of each.
    """
    root = tmp_path_factory.getbasetemp()
    policies = {"refunds": {**REFUNDS}, "spoken": {**SPOKEN, "matchConditions": CONDITION}}
    found = run_backtest(root, [sample_run(*steps) for steps in runs], **policies)
    assert found.steps == sum(map(len, runs))
    for rule, counts in found.counts.items():
        assert sum(counts.values()) == found.steps
        for word in ("fail", "error"):
            assert counts[word] == sum((item.rule, item.outcome) == (rule, word) for item in found.failures)
    parts = [run_backtest(root, [sample_run(*steps)], **policies).counts for steps in runs]
    for rule, counts in found.counts.items():
        assert counts == {word: sum(part[rule][word] for part in parts) for word in counts}


FAILURES = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from("rst"), st.integers(0, 9), st.sampled_from(["pass", "fail", "error"])
    )
)


def tally_of(said: list[tuple[str, str, int, RuleOutcome]]) -> Tally:
    """The tally of what rules said, as if each had been another step."""
    counter = Counter("ab")
    for rule, run, step, outcome in said:
        counter.add(rule, run, step, RuleResult(outcome, "rule", "no" * (outcome == "fail")))
    return counter.tally(1, len(said))


@given(said=FAILURES, cuts=st.lists(st.integers(0, 30), max_size=4), data=st.data())
def test_tallies_add_up(said: list[tuple[str, str, int, RuleOutcome]], cuts: list[int], data: st.DataObject) -> None:
    """Any partition, added in any order and in any groups, is the tally of the whole, with a sample that is too small
    for all failures as well.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runback_gate.analysis.tally.MAX_LISTED", 3)
        whole = tally_of(said)
        edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
        parts = data.draw(st.permutations([tally_of(said[low:high]) for low, high in pairwise(edges)]))
        middle = data.draw(st.integers(0, len(parts)))
        halves = [Tally.sum("ab", parts[:middle]), Tally.sum("ab", parts[middle:])]
        for total in (Tally.sum("ab", parts), Tally.sum("ab", halves), Tally.sum("ab", reversed(halves))):
            assert (total.counts, total.failures, total.steps) == (whole.counts, whole.failures, whole.steps)
            assert total.runs == len(parts)


def test_failures_are_a_bounded_sample() -> None:
    """All are counted, `MAX_LISTED` of each rule and outcome are kept, those of the smallest keys."""
    said: list[tuple[str, str, int, RuleOutcome]] = [("a", "r", step, "fail") for step in range(2 * MAX_LISTED)]
    found = tally_of([*said, ("a", "r", 1, "error"), ("b", "r", 1, "fail")])
    assert found.counts["a"] == {"pass": 0, "fail": 2 * MAX_LISTED, "error": 1, "skip": 0}
    kept = [item for item in found.failures if (item.rule, item.outcome) == ("a", "fail")]
    all_keys = sorted(Failure("a", "r", step, "fail", "no").key for step in range(2 * MAX_LISTED))
    assert sorted(item.key for item in kept) == all_keys[:MAX_LISTED]
    assert [item.step for item in kept] == sorted(item.step or 0 for item in kept)
    assert len(found.failures) == MAX_LISTED + 2


def test_tallies_of_other_rules_do_not_add_up() -> None:
    """A part that judged by other rules is refused."""
    with pytest.raises(ValueError, match="other rules"):
        Tally.sum(["a"], [Counter("ab").tally(0, 0)])


@given(st.builds(Failure, TEXT, TEXT, st.none() | st.integers(0), TEXT, TEXT))
def test_the_key_of_a_failure_is_that_of_its_json(failure: Failure) -> None:
    """Whatever stands in a message: the key decides what is kept of very many, in every version."""
    data = exact_bytes([failure.run, failure.step, failure.outcome, failure.message])
    assert f"{failure.key:064x}" == sha256(data).hexdigest()
