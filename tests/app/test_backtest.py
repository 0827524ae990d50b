"""Facts about backtests over files: shards, parts, and what is kept of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.tally import Tally
from runback_gate.app.backtest import BacktestOptions, backtest_named, backtest_shards
from runback_gate.app.policy_diff import PolicySide, diff_policies, diff_runs
from runback_gate.app.recorded import recorded_steps
from runback_gate.app.shards import MEAN, cut
from runback_gate.app.tallies import merge_parts
from runback_gate.capture.runs import write_run
from runback_gate.errors import InputError, IntegrityError
from runback_gate.executors import Here
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import results
from runback_gate.step import Run
from runback_gate.store.folder import load_runs, run_files
from runback_gate.testing import REFUNDS, sample_call, sample_run, sample_step, write_document

SPOKEN: dict[str, Any] = {"validations": [{"id": "spoken", "expression": 'response.text != ""', "message": "silent"}]}
CALLS: dict[str, Any] = {
    "scope": "run",
    "validations": [{"id": "calls", "expression": "size(run.calls) < 3", "message": "calls too much"}],
}
STEPS = [sample_step(sample_call("issue_refund", amount=amount)) for amount in (40, 250, "much")]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve runs of three steps, in shards of two on average."""
    monkeypatch.setattr("runback_gate.app.shards.MEAN", 2)
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in range(12):
        write(folder, sample_run(*STEPS, run=f"run-{number}"))
    return folder


def write(folder: Path, run: Run) -> None:
    """Write a run file."""
    (folder / f"{run.id}.jsonl").write_bytes(write_run(run, os.urandom))


def policies(folder: Path, **specs: dict[str, Any]) -> tuple[Policy, ...]:
    """The policies of these specs."""
    for name, spec in specs.items():
        write_document(folder, f"{name}.yaml", "Policy", name, spec)
    return load_policies(folder, [f"{name}.yaml" for name in specs])[0]


def judge(rules: Sequence[Policy], runs: Path, **options: Any) -> Tally:
    """The tally of a folder."""
    return backtest_shards(rules, cut(run_files(runs)), BacktestOptions(**options), note=lambda text: pytest.fail(text))


class Judged:
    """Counts the steps that are judged, and by how many rules."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rules: list[int] = []
        inner = results

        def counting(rule_sets: Any, step: Any) -> Any:
            found = inner(rule_sets, step)
            self.rules.append(len(found))
            return found

        monkeypatch.setattr("runback_gate.analysis.backtest.results", counting)


@given(names=st.lists(st.text("abc", min_size=1, max_size=4), unique=True), more=st.text("abc", min_size=1, max_size=4))
def test_a_file_more_changes_its_own_shard(names: list[str], more: str) -> None:
    """Every file is in one shard, in order; a new one leaves all shards as they are but those beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runback_gate.app.shards.MEAN", 2)
        patch.setattr("runback_gate.app.shards._size", lambda _path: 1)
        before = cut([Path(name) for name in sorted(names)])
        after = cut([Path(name) for name in sorted({*names, more})])
    assert [name for shard in after for name in shard.files] == sorted({*names, more})
    # A shard is at most eight files long, where its names do not end it earlier.
    assert len(set(after) - set(before)) <= 1 + len(names) // 8 + 1


def test_shards_end_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files do not wait for many names; a file that is not there is an error with its path."""
    monkeypatch.setattr("runback_gate.app.shards.MAX_BYTES", 10)
    files = [tmp_path / f"{number}.jsonl" for number in range(5)]
    for file in files:
        file.write_bytes(b"x" * 6)
    assert max(len(shard.files) for shard in cut(files)) <= 2 < MEAN
    with pytest.raises(InputError, match="gone: no such file"):
        cut([Path("gone")])


def test_parts_make_the_whole(runs: Path, tmp_path: Path) -> None:
    """What any number of jobs counted is, merged in any order, the same as one backtest of all."""
    rules = policies(tmp_path, refunds={**REFUNDS}, spoken=SPOKEN, calls=CALLS)
    whole = judge(rules, runs)
    assert (whole.runs, whole.steps, whole.over_runs) == (12, 36, frozenset(["calls"]))
    assert [judge(rules, runs, cache=tmp_path / "kept") for _ in range(2)] == [whole, whole]
    for of in (1, 7):
        parts = [tmp_path / f"tally-{number}.json" for number in range(1, of + 1)]
        for number, out in enumerate(parts, 1):
            options = BacktestOptions(shard=(number, of), out=out)
            backtest_named(rules, runs.as_posix(), options, note=lambda text: pytest.fail(text))
        assert merge_parts(parts[::-1]) == whole


def test_parts_that_do_not_fit(runs: Path, tmp_path: Path) -> None:
    """One that is missing, doubled, changed, or of other rules or runs is refused."""
    refunds, spoken = policies(tmp_path, refunds={**REFUNDS}), policies(tmp_path, spoken=SPOKEN)

    def part(name: str, rules: Sequence[Policy], number: int) -> Path:
        options = BacktestOptions(shard=(number, 2), out=tmp_path / name)
        backtest_named(rules, runs.as_posix(), options, note=lambda text: pytest.fail(text))
        return tmp_path / name

    one, two, other = part("1.json", refunds, 1), part("2.json", refunds, 2), part("other.json", spoken, 2)
    for named, message in (
        ([one], "part 2/2 is missing"),
        ([one, two, two], "part 2/2 is there twice"),
        ([one, other], "are of different backtests"),
        ([], "no part was named"),
        ([tmp_path / "refunds.yaml"], "not a part of a backtest"),
    ):
        with pytest.raises(InputError, match=message):
            merge_parts(named)
    write(runs, sample_run(*STEPS, run="run-99"))
    with pytest.raises(InputError, match="are of different backtests"):
        merge_parts([one, part("3.json", refunds, 2)])
    one.write_bytes(one.read_bytes().replace(b'"fail":', b'"fai1":'))
    with pytest.raises(InputError, match="not a part of a backtest, or cut or changed"):
        merge_parts([one, two])


def test_a_second_backtest_judges_nothing(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edited rule alone is judged anew, and a new run with its neighbours; a renamed rule is the same rule."""
    cache = tmp_path / "kept"
    rules = policies(tmp_path, refunds={**REFUNDS}, spoken=SPOKEN)
    judged = Judged(monkeypatch)
    first = judge(rules, runs, cache=cache)
    assert judged.rules == [2] * 36
    assert judge(rules, runs, cache=cache) == first
    assert len(judged.rules) == 36
    edited = policies(tmp_path, refunds={**REFUNDS, "params": {"limit": 300}}, spoken=SPOKEN)
    found = judge(edited, runs, cache=cache)
    assert judged.rules[36:] == [1] * 36
    assert found == judge(edited, runs)
    assert found.counts["refunds.limit"]["fail"] == 0 < first.counts["refunds.limit"]["fail"]
    del judged.rules[:]
    assert judge(rules, runs, cache=cache) == first
    write(runs, sample_run(*STEPS, run="run-5x"))
    more = judge(rules, runs, cache=cache)
    assert more.steps == 39
    assert 3 <= len(judged.rules) <= 3 * 8
    del judged.rules[:]
    renamed = policies(
        tmp_path, refunds={**REFUNDS}, other={"validations": [{**SPOKEN["validations"][0], "id": "said"}]}
    )
    assert judge(renamed, runs, cache=cache).counts["said"] == more.counts["spoken"]
    assert judged.rules == []


def test_what_was_kept_must_be_whole(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was cut or changed, or that lacks the seal of the key, is judged anew and written again."""
    cache = tmp_path / "kept"
    rules = policies(tmp_path, spoken=SPOKEN)
    first = judge(rules, runs, cache=cache)
    files = sorted(cache.rglob("*.json"))
    files[0].write_bytes(files[0].read_bytes()[:-9])
    files[1].write_bytes(files[1].read_bytes().replace(b'"fail":', b'"pas5":'))
    judged = Judged(monkeypatch)
    assert judge(rules, runs, cache=cache) == first
    assert 0 < len(judged.rules) < 36
    del judged.rules[:]
    assert judge(rules, runs, cache=cache, key=b"k" * 16) == first
    assert len(judged.rules) == 36
    assert judge(rules, runs, cache=cache, key=b"k" * 16) == first
    assert judge(rules, runs, cache=cache) == first
    assert len(judged.rules) == 36


def test_a_run_without_an_end_is_not_kept(runs: Path, tmp_path: Path) -> None:
    """It may get one: its shard is judged each time, and the note is given each time."""
    path = runs / "run-3.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    rules, notes = policies(tmp_path, spoken=SPOKEN), list[str]()
    for _ in range(2):
        backtest_shards(rules, cut(run_files(runs)), BacktestOptions(cache=tmp_path / "kept"), note=notes.append)
    assert [note.partition(": truncated")[0] for note in notes] == [path.as_posix()] * 2


@pytest.mark.integration
def test_processes_say_the_same(runs: Path, tmp_path: Path) -> None:
    """The sum, what is kept, and the error for a run that was changed do not depend on who judges."""
    rules = policies(tmp_path, refunds={**REFUNDS}, spoken=SPOKEN)
    assert judge(rules, runs, jobs=2, cache=tmp_path / "two") == judge(rules, runs, cache=tmp_path / "one")
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.json")} for name in ("one", "two"))
    assert one == two != {}
    path = runs / "run-7.jsonl"
    path.write_bytes(path.read_bytes().replace(b"issue_refund", b"issue_refunt"))
    said = []
    for jobs in (1, 2):
        with pytest.raises(IntegrityError) as raised:
            judge(rules, runs, jobs=jobs)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{path.as_posix()}:")


def test_unknown_places(runs: Path, tmp_path: Path) -> None:
    """A cluster of another kind is an error."""
    with pytest.raises(InputError, match="nothing is named 'dask' that runs a backtest"):
        judge(policies(tmp_path, spoken=SPOKEN), runs, on="dask")


@pytest.mark.parametrize("limit", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_a_comparison_of_policies_is_a_sum(runs: Path, tmp_path: Path, limit: int) -> None:
    """Judged in shards, two sets of policies differ as they do step by step, and the same flips are listed."""
    calls = {**CALLS, "validations": [{**CALLS["validations"][0], "expression": "size(run.calls) < 9"}]}
    before = PolicySide(policies(tmp_path, refunds={**REFUNDS}, calls=CALLS), "before", tmp_path)
    after = PolicySide(
        policies(tmp_path, refunds={**REFUNDS, "params": {"limit": 300}}, calls=calls), "after", tmp_path
    )
    steps = recorded_steps(tmp_path, day="2026-01-01", runs=load_runs(runs, note=pytest.fail))
    whole = diff_policies(before, after, steps, limit=limit)
    assert [effect.word for effect in whole.effects] == ["looser", "looser"]
    asked: Any = {"limit": limit, "executor": lambda _shards: Here(), "note": pytest.fail}
    assert diff_runs(before, after, runs.as_posix(), **asked) == whole
    assert diff_runs(before, before, runs.as_posix(), **asked).effects == ()
