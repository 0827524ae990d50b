"""Facts about what changed policies do to archived steps, within a time."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import chain, count, repeat
from pathlib import Path

import pytest

from runback_gate.app import archived
from runback_gate.app.archived import ArchiveOptions, effects_on_archive
from runback_gate.errors import InputError, IntegrityError
from runback_gate.executors import Here
from runback_gate.policy.document import Policy, load_policies
from runback_gate.store.archive.arrow import open_storage
from runback_gate.store.archive.shards import PartShard, archive_shards
from runback_gate.testing import write_document
from tests.extras import needs
from tests.store.archives import put, row

needs("pyarrow")


def rules(folder: Path, word: str) -> tuple[Policy, ...]:
    """A policy that no instruction holds a word."""
    folder.mkdir()
    rule = {"id": "quiet", "expression": f"!request.system.contains('{word}')", "message": "said it"}
    write_document(folder, "p.yaml", "Policy", "p", {"validations": [rule]})
    return load_policies(folder, ["p.yaml"])[0]


@pytest.fixture
def sides(tmp_path: Path) -> tuple[tuple[Policy, ...], tuple[Policy, ...]]:
    """The base denies each step of the archive, the head none."""
    return rules(tmp_path / "base", "kind"), rules(tmp_path / "head", "rude")


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Three appends, a run of a step in each but the last, which has two."""
    storage = open_storage((tmp_path / "arc").as_posix())
    put(storage, row("a", day="2026-09-01"))
    put(storage, row("b", day="2026-11-01"))
    put(storage, row("c", day="2026-10-01"), row("d", day="2026-10-09"))
    return storage.root


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges in this process, which costs less and bounds nothing."""

    def here(_jobs: int, *, left: Callable[[], float]) -> Here:
        assert callable(left)
        return Here()

    monkeypatch.setattr(archived, "Processes", here)


@pytest.mark.usefixtures("in_process")
def test_the_whole_archive(archive: str, sides: tuple[tuple[Policy, ...], tuple[Policy, ...]]) -> None:
    """Every step is judged by both sides; without a change the archive is not even looked for."""
    found = effects_on_archive(*sides, ArchiveOptions(archive), lambda: 0.0)
    assert found is not None
    assert (found.steps, found.of_steps, found.of_runs, found.since, found.whole) == (4, 4, 4, "2026-09-01", True)
    (effect,) = found.effects
    assert (effect.word, effect.validations[0].counts) == ("looser", (("newly permitted", 4),))
    assert [flip.run for flip in effect.flips] == ["a", "b", "c", "d"]
    assert effects_on_archive(sides[0], sides[0], ArchiveOptions("s3://none"), lambda: 0.0) is None


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("seconds", "steps", "since"), [(1, 1, "2026-11-01"), (2, 3, "2026-10-01")])
def test_the_newest_part_first_until_the_time_is_over(
    archive: str, sides: tuple[tuple[Policy, ...], tuple[Policy, ...]], seconds: int, steps: int, since: str
) -> None:
    """A clock that gains a second with each look: what was judged, and of how much."""
    clock = map(float, count())
    found = effects_on_archive(*sides, ArchiveOptions(archive, seconds), lambda: next(clock))
    assert found is not None
    assert (found.steps, found.of_steps, found.since, found.whole) == (steps, 4, since, False)
    assert found.effects[0].steps == steps


@pytest.mark.usefixtures("in_process")
def test_what_cannot_be_judged_is_an_error(
    archive: str, sides: tuple[tuple[Policy, ...], tuple[Policy, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that is not there, one that was changed, and a missing extra, with a hint."""
    with pytest.raises(InputError, match="there is no archive here"):
        effects_on_archive(*sides, ArchiveOptions(f"{archive}/none"), lambda: 0.0)
    part = next(Path(archive).rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-9] + b"\0" * 9)
    with pytest.raises((InputError, IntegrityError)):
        effects_on_archive(*sides, ArchiveOptions(archive), lambda: 0.0)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pyarrow is not installed") as raised:
        effects_on_archive(*sides, ArchiveOptions(archive), lambda: 0.0)
    assert "-full" in str(raised.value.hint)


def hang(archive: str) -> tuple[PartShard, ...]:
    """Puts a file whose reading never ends in the place of the part of October; the parts as they were."""
    shards = archive_shards(archive)
    part = Path(archive) / next(item.part.path for item in shards if item.days[0].startswith("2026-10"))
    part.unlink()
    os.mkfifo(part)
    return shards


@pytest.mark.integration
def test_a_store_that_hangs_says_nothing_in_time(sides: tuple[tuple[Policy, ...], tuple[Policy, ...]]) -> None:
    """It takes connections and never answers: an error after the time, without what the URI hides."""
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"s3://key:secret@b/runs?scheme=http&endpoint_override=127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match="no answer within 3 s") as raised:
            effects_on_archive(*sides, ArchiveOptions(where, seconds=3), time.monotonic)
    assert "secret" not in str(raised.value)
    assert 3 <= time.monotonic() - begun < 60
    assert multiprocessing.active_children() == []


@pytest.mark.integration
def test_a_part_that_hangs_is_given_up(
    archive: str, sides: tuple[tuple[Policy, ...], tuple[Policy, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged before it counts, and the report says of how much."""
    shards = hang(archive)
    monkeypatch.setattr(archived, "_shards", lambda *_: shards)
    # Once the first part is judged half a second is left.
    clock = chain((0.0, 0.0, 0.0), repeat(119.5))
    found = effects_on_archive(*sides, ArchiveOptions(archive, seconds=120), lambda: next(clock))
    assert found is not None
    assert (found.steps, found.of_steps, found.since, found.whole) == (1, 4, "2026-11-01", False)
    assert multiprocessing.active_children() == []
