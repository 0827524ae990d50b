"""The whole life of an archive in S3, on a bad day, in a bucket that keeps what is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.archive import erase_archived, list_archive, pack_runs, restore_run, verify_archive
from runback_gate.app.backtest import BacktestOptions, backtest_named
from runback_gate.app.erase import Selection
from runback_gate.errors import InputError, IntegrityError, RunbackError, WriteError
from runback_gate.policy.document import Policy, load_policies
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.contents import read_contents
from runback_gate.store.archive.duck import Wanted
from runback_gate.store.archive.versions import Versions, open_versions
from runback_gate.testing import write_document
from tests.extras import needs
from tests.store.archives import AT, held, put, row
from tests.store.object_store import Faulty, bucket, server, uri
from tests.store.unpacked import WORD, unpacked

__all__ = ["bucket", "server"]

needs("pyarrow")
needs("duckdb")
needs("botocore.session")
needs("moto.server")
pytestmark = [pytest.mark.integration, pytest.mark.slow]


def bad_day() -> Callable[[Any], str | None]:
    """Each sixth request is refused, one waits for a second."""
    number = count(1)

    def fault(_: Any) -> str | None:
        now = next(number)
        return "503" if now % 6 == 0 else "slow" if now == 9 else None

    return fault


def cut(environ: Any) -> str | None:
    """Parts are read without their end."""
    return "truncated" if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith(".parquet") else None


@pytest.fixture
def versions(bucket: Storage) -> Versions:
    """Those of the bucket, which keeps them from now on."""
    found = open_versions(bucket)
    assert found is not None
    found.client.put_bucket_versioning(Bucket=found.bucket, VersioningConfiguration={"Status": "Enabled"})
    return found


def every_version(versions: Versions) -> Iterator[tuple[str, bytes]]:
    """What anybody can still read of any file that ever was."""
    for page in versions.client.get_paginator("list_object_versions").paginate(Bucket=versions.bucket):
        for item in page.get("Versions", ()):
            one = {"Bucket": versions.bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
            data = versions.client.get_object(**one)["Body"].read()
            yield item["Key"], data + (unpacked(data) if item["Key"].endswith(".parquet") else b"")


def rules(folder: Path) -> tuple[Policy, ...]:
    rule = {"id": "quiet", "expression": "!request.messages.exists(m, m.content.contains('I am'))", "message": "named"}
    write_document(folder, "p.yaml", "Policy", "p", {"validations": [rule]})
    return load_policies(folder, ["p.yaml"])[0]


def test_the_whole_life_of_an_archive(
    server: tuple[Faulty, int], bucket: Storage, versions: Versions, tmp_path: Path
) -> None:
    """Appended to, listed, verified, restored, judged, erased from; half a file is not believed, a byte is located."""
    where, runs = bucket.where, tmp_path / "runs"
    assert where == uri(versions.bucket, server[1])
    rows = {
        name: row(name, text=f"I am {WORD}" if name in "ad" else "", day=f"2026-07-0{1 + (name > 'b')}")
        for name in "abcd"
    }
    runs.mkdir()
    for item in rows.values():
        (runs / f"{item.run}.jsonl").write_bytes(item.data)
    server[0].fault = bad_day()
    for names in ("ab", "cd"):
        files = [(runs / f"{name}.jsonl").as_posix() for name in names]
        assert pack_runs(files, where, by=("day",), at=AT, note=pytest.fail).added == 2
    assert [item.run for item in list_archive(where, Wanted(since="2026-07-02"))] == ["c", "d"]
    assert (verify_archive(where).faults, held(bucket)) == ((), {name: item.data for name, item in rows.items()})
    restore_run(where, "a", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == rows["a"].data
    policies, options = rules(tmp_path), BacktestOptions()
    said = backtest_named(policies, where, options, note=pytest.fail)
    assert said == backtest_named(policies, runs.as_posix(), options, note=pytest.fail)
    assert said.counts["quiet"]["fail"] == 2

    server[0].fault = cut
    before, selection = read_contents(bucket), Selection((WORD,), None)
    assert verify_archive(where).faults
    for look in (
        lambda: restore_run(where, "b", tmp_path / "b.jsonl"),
        lambda: backtest_named(policies, where, options, note=pytest.fail),
        lambda: erase_archived(where, selection, at=AT, reason="asked", dry_run=False),
    ):
        with pytest.raises(RunbackError):
            look()
    assert not (tmp_path / "b.jsonl").exists()

    server[0].fault = bad_day()
    assert (read_contents(bucket), verify_archive(where).faults) == (before, ())
    found = erase_archived(where, selection, at=AT, reason="asked", dry_run=False)
    assert (found.runs, found.values) == (("a", "d"), 2)
    assert [key for key, data in every_version(versions) if WORD.encode() in data] == []
    checked = verify_archive(where)
    assert (checked.faults, checked.head, checked.leftovers, checked.removed) == ((), found.head, 0, 0)
    now = held(bucket)
    assert {name: now[name] for name in "bc"} == {name: rows[name].data for name in "bc"}
    assert backtest_named(policies, where, options, note=pytest.fail).steps == 4

    server[0].fault = lambda _: None
    path, part = list(read_contents(bucket).parts.items())[-1]
    data = bytearray(bucket.read(path, part.size))
    data[data.rindex(b"\x28\xb5\x2f\xfd") + 20] ^= 1
    bucket.write(path, bytes(data))
    (fault,) = verify_archive(where).faults
    assert (fault.path, fault.message.split(":")[0]) == (path, "run d")
    with pytest.raises(IntegrityError):
        restore_run(where, "d", tmp_path / "d.jsonl")
    assert restore_run(where, "b", tmp_path / "b.jsonl").digest == rows["b"].digest


def test_old_versions_that_cannot_be_seen_or_removed(
    server: tuple[Faulty, int], bucket: Storage, versions: Versions
) -> None:
    """Who may not list them erases nothing; who may not remove them is told, and erasing again goes on."""
    del versions
    where, selection = bucket.where, Selection((WORD,), None)
    put(bucket, row("a", text=f"I am {WORD}"))
    before = read_contents(bucket)
    server[0].fault = lambda environ: "403" if "versions" in environ.get("QUERY_STRING", "") else None
    with pytest.raises(WriteError, match="old versions cannot be looked for"):
        erase_archived(where, selection, at=AT, reason="asked", dry_run=False)
    assert read_contents(bucket) == before
    server[0].fault = lambda environ: (
        "403" if environ["REQUEST_METHOD"] == "DELETE" and "versionId" in environ.get("QUERY_STRING", "") else None
    )
    with pytest.raises(WriteError, match="an old version cannot be removed"):
        erase_archived(where, selection, at=AT, reason="asked", dry_run=False)
    server[0].fault = lambda _: None
    with pytest.raises(InputError, match="no value matches"):
        erase_archived(where, selection, at=AT, reason="asked", dry_run=False)
    found = open_versions(bucket)
    assert found is not None
    assert [key for key, data in every_version(found) if WORD.encode() in data] == []
