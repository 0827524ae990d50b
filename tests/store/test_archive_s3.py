"""An archive in an object store: moto's server answers as S3 does, and now and then as it does on a bad day."""

from __future__ import annotations

from typing import Any

import pytest

from runback_gate.errors import RunbackError
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.check import check
from runback_gate.store.archive.contents import read_contents
from runback_gate.store.archive.duck import Wanted, listed
from tests.extras import needs
from tests.store.archives import held, put, row
from tests.store.object_store import Faulty, bucket, server

__all__ = ["bucket", "server"]

needs("pyarrow")
needs("duckdb")
needs("moto.server")
pytestmark = pytest.mark.integration


def test_an_archive_in_s3_is_appended_to_listed_and_verified(bucket: Storage) -> None:
    """As in a folder; its name in messages has no options."""
    put(bucket, row("a"), row("b", agent="x y/.."))
    put(bucket, row("c"), by=("day", "agent"))
    assert sorted(held(bucket)) == ["a", "b", "c"]
    paths = list(read_contents(bucket).parts)
    assert [item.run for item in listed(bucket.dataset(paths), Wanted())] == ["a", "b", "c"]
    assert len(bucket.columns((), paths, ["c"])) == 1
    assert (check(bucket).faults, "?" in bucket.name) == ((), False)


def test_a_changed_byte_in_s3_is_found_in_its_run(bucket: Storage) -> None:
    """The fault names the part and the run."""
    (part,) = put(bucket, row("a"), row("b")).parts
    data = bytearray(bucket.read(part.path, part.size))
    data[data.rindex(b"\x28\xb5\x2f\xfd") + 20] ^= 1
    bucket.write(part.path, bytes(data))
    (fault,) = check(bucket).faults
    assert (fault.path, fault.message.split(":")[0]) == (part.path, "run b")


def test_a_store_that_is_slow_or_busy_for_a_while_is_waited_for(server: tuple[Faulty, int], bucket: Storage) -> None:
    """Each fourth request is refused, each fifth waits: nothing is lost."""
    count = iter(range(1, 10_000))

    def fault(_: Any) -> str | None:
        number = next(count)
        return "503" if number % 4 == 0 else "slow" if number == 5 else None

    server[0].fault = fault
    put(bucket, row("a"))
    put(bucket, row("b"))
    assert check(bucket).faults == ()
    assert sorted(held(bucket)) == ["a", "b"]


def test_a_store_that_answers_with_half_a_file_is_never_believed(server: tuple[Faulty, int], bucket: Storage) -> None:
    """The end of each part that is read is lost: an error, or a fault, and no run."""
    put(bucket, row("a"))
    server[0].fault = lambda environ: (
        "truncated" if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith(".parquet") else None
    )
    with pytest.raises(RunbackError):
        held(bucket)
    assert check(bucket).faults


def test_an_append_whose_manifest_is_refused_adds_nothing(server: tuple[Faulty, int], bucket: Storage) -> None:
    """The store takes parts and no manifest: an error, and the archive is as it was."""
    put(bucket, row("a"))
    server[0].fault = lambda environ: (
        "503" if environ["REQUEST_METHOD"] == "PUT" and "manifest/0" in environ["PATH_INFO"] else None
    )
    with pytest.raises(RunbackError):
        put(bucket, row("b"))
    server[0].fault = lambda _: None
    assert sorted(held(bucket)) == ["a"]
    assert check(bucket).faults == ()
