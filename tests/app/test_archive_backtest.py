"""Facts about backtests over archives: they say what the same runs say in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.policy_effect import PolicyEffect
from runback_gate.analysis.tally import Tally
from runback_gate.app.archive import erase_archived, pack_runs
from runback_gate.app.backtest import BacktestOptions, backtest_named
from runback_gate.app.erase import Selection
from runback_gate.app.policy_diff import PolicySide, diff_runs
from runback_gate.app.shards import shards_of
from runback_gate.app.tallies import merge_parts
from runback_gate.canonical import exact_bytes
from runback_gate.capture.runs import write_run
from runback_gate.errors import InputError, IntegrityError
from runback_gate.executors import Here
from runback_gate.policy.document import Policy, load_policies
from runback_gate.store.archive.arrow import Storage, open_storage
from runback_gate.store.archive.pack import pack
from runback_gate.testing import REFUNDS, sample_call, sample_run, sample_step, write_document
from tests.extras import needs
from tests.store.archives import AT, put, row

needs("pyarrow")

CALLS: dict[str, Any] = {
    "scope": "run",
    "validations": [{"id": "calls", "expression": "size(run.calls) < 3", "message": "calls too much"}],
}


def write_runs(folder: Path, amounts: list[list[int]]) -> None:
    """A run for each list, with a refund of each amount."""
    folder.mkdir()
    for number, own in enumerate(amounts):
        steps = [sample_step(sample_call("issue_refund", amount=amount)) for amount in own]
        run = sample_run(*steps, run=f"run-{number}")
        (folder / f"{run.id}.jsonl").write_bytes(write_run(run, os.urandom))


def rules(folder: Path, limit: int = 100) -> tuple[Policy, ...]:
    folder.mkdir(exist_ok=True)
    write_document(folder, "refunds.yaml", "Policy", "refunds", {**REFUNDS, "params": {"limit": limit}})
    write_document(folder, "calls.yaml", "Policy", "calls", CALLS)
    return load_policies(folder, ["*.yaml"])[0]


def judge(policies: tuple[Policy, ...], runs: Path | str, **options: Any) -> Tally:
    return backtest_named(policies, str(runs), BacktestOptions(**options), note=pytest.fail)


def compare(folder: Path, runs: Path, limit: int) -> tuple[PolicyEffect, ...]:
    before, after = (PolicySide(rules(folder, most), "", folder) for most in (100, 300))
    return diff_runs(before, after, runs.as_posix(), limit=limit, executor=lambda _: Here(), note=pytest.fail).effects


def packed(tmp_path: Path, amounts: list[list[int]], cuts: int = 1, by: tuple[str, ...] = ()) -> Path:
    """An archive of so many appends of the runs in `tmp_path/runs`, the last ones first."""
    write_runs(tmp_path / "runs", amounts)
    files = sorted(path.as_posix() for path in (tmp_path / "runs").iterdir())
    for start in range(cuts):
        if some := files[::-1][start::cuts]:
            pack_runs(some, (tmp_path / "arc").as_posix(), by=by, at=AT, note=pytest.fail)
    return tmp_path / "arc"


@pytest.mark.slow
@given(
    amounts=st.lists(st.lists(st.integers(50, 350), max_size=4), min_size=1, max_size=6).filter(any),
    cuts=st.integers(1, 3),
    by=st.sampled_from([(), ("day",), ("agent", "day")]),
    limit=st.integers(1, 3),
)
def test_an_archive_is_judged_as_a_folder(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[list[int]], cuts: int, by: tuple[str, ...], limit: int
) -> None:
    """Counts and listed failures are the same bytes, however runs were added; so are flips, also those left out."""
    tmp_path = tmp_path_factory.mktemp("law")
    archive, policies = packed(tmp_path, amounts, cuts, by), rules(tmp_path / "policies")
    one, other = (judge(policies, runs) for runs in (tmp_path / "runs", archive))
    assert exact_bytes(one.to_json()) == exact_bytes(other.to_json())
    assert one == other
    assert compare(tmp_path / "p", tmp_path / "runs", limit) == compare(tmp_path / "p", archive, limit)


def test_parts_and_kept_results(tmp_path: Path) -> None:
    """Parts of a matrix add up to the whole; what was kept is found without a look at the runs."""
    archive, policies = packed(tmp_path, [[40, 250], [400], [3, 4, 5]], 3), rules(tmp_path / "policies")
    whole = judge(policies, archive, cache=tmp_path / "kept")
    assert (whole.runs, whole.steps, len(shards_of(archive.as_posix()))) == (3, 6, 3)
    for number in (1, 2):
        judge(policies, archive, shard=(number, 2), out=tmp_path / f"{number}.json")
    assert merge_parts([tmp_path / "2.json", tmp_path / "1.json"]) == whole
    for part in (archive / "parts").iterdir():
        data = bytearray(part.read_bytes())
        data[data.rindex(b"\x28\xb5\x2f\xfd") + 20] ^= 1
        part.write_bytes(data)
    assert judge(policies, archive, cache=tmp_path / "kept") == whole
    with pytest.raises(IntegrityError, match="was changed"):
        judge(policies, archive)
    write_runs(tmp_path / "more", [[1]] * 4)
    (tmp_path / "more" / "run-3.jsonl").rename(tmp_path / "run-3.jsonl")
    pack_runs([(tmp_path / "run-3.jsonl").as_posix()], archive.as_posix(), by=(), at=AT, note=pytest.fail)
    judge(policies, archive, cache=tmp_path / "kept", shard=(2, 2), out=tmp_path / "other.json")
    with pytest.raises(InputError, match="of different backtests"):
        merge_parts([tmp_path / "1.json", tmp_path / "other.json"])


@pytest.mark.integration
def test_processes_say_the_same(tmp_path: Path) -> None:
    """Two processes, each of which opens the archive, and one."""
    archive, policies = packed(tmp_path, [[40, 250], [400], [3, 4, 5]], 3), rules(tmp_path / "policies")
    assert judge(policies, archive, jobs=2) == judge(policies, archive, jobs=1)


class Meanwhile(Storage):
    """Another one appends the same run between the parts and the manifest."""

    def write(self, path: str, data: bytes) -> None:
        if path.startswith("manifest/"):
            put(open_storage(self.root), row("a"), row("c"))
        super().write(path, data)


def test_a_run_that_two_appended_at_once_counts_once(tmp_path: Path) -> None:
    """It stands in two parts; with other bytes in one of them nothing is judged."""
    for name, text, runs in (("same", "", 3), ("other", "else", 0)):
        storage = open_storage((tmp_path / name).as_posix())
        put(storage, row("first"))
        pack(Meanwhile(storage.name, storage.system, storage.root), [row("a", text=text)], by=(), at=AT)
        if runs:
            found = judge(rules(tmp_path / "policies"), storage.root)
            assert (found.runs, found.steps) == (3, 3)
        else:
            with pytest.raises(IntegrityError, match=r"run .a. stands in parts/.*parquet too, with other bytes"):
                shards_of(storage.root)


def test_a_part_that_an_erasure_removed_meanwhile(tmp_path: Path) -> None:
    """Who read the manifests before is told so; whoever looks again reads on."""
    storage = open_storage((tmp_path / "arc").as_posix())
    put(storage, row("a", text="I am <email:3f9a1c07be21>"))
    (shard,) = shards_of(storage.root)
    selection = Selection(("<email:3f9a1c07be21>",), None)
    erase_archived(storage.root, selection, at=AT, reason="asked for", dry_run=False)
    with pytest.raises(InputError, match="an erasure removed it meanwhile"):
        list(shard.read())
    assert [len(list(shard.read())) for shard in shards_of(storage.root)] == [1]


def test_what_is_no_source_of_runs(tmp_path: Path) -> None:
    """A folder with run files and an archive is neither; no archive at a URI is an error without its secrets."""
    put(open_storage(tmp_path.as_posix()), row("a"))
    (tmp_path / "b.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="holds run files and an archive"):
        shards_of(tmp_path.as_posix())
    with pytest.raises(InputError, match="there is no archive here") as raised:
        shards_of(f"file://{tmp_path.as_posix()}/none?secret=x")
    assert "secret" not in str(raised.value)
