"""Archives: run files in Parquet come back byte for byte, and a changed byte is found in its part and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.errors import InputError, IntegrityError
from runback_gate.store.archive.arrow import Storage, open_storage, read_rows
from runback_gate.store.archive.check import check
from runback_gate.store.archive.contents import read_contents
from runback_gate.store.archive.duck import Wanted, listed
from runback_gate.store.archive.model import Manifest, Part, manifest_file
from runback_gate.store.archive.pack import pack
from runback_gate.store.archive.rows import parse_partition, partition
from tests.extras import needs
from tests.store.archives import AT, held, put, row

needs("pyarrow")
needs("duckdb")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "archive").as_posix())


def path_of(storage: Storage, name: str) -> Path:
    return Path(storage.root) / name


def test_runs_come_back_byte_for_byte(storage: Storage) -> None:
    """Two appends hold what each was given, under one head that a check agrees with."""
    rows = [row(f"r{number}", agent=f"a{number % 2}") for number in range(4)]
    put(storage, *rows[:2])
    packed = put(storage, *rows[2:], by=("day", "agent"))
    assert held(storage) == {item.run: item.data for item in rows}
    found = check(storage)
    assert (found.faults, found.runs, found.steps, found.parts, found.leftovers) == ((), 4, 4, 3, 0)
    assert found.head == packed.head
    assert {part.path.rpartition("/")[0] for part in packed.parts} == {
        "parts/part_day=2026-07-28/part_agent=a0",
        "parts/part_day=2026-07-28/part_agent=a1",
    }


def test_older_folders_are_read(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives that exist have folders that are called as the columns are."""
    monkeypatch.setattr("runback_gate.store.archive.pack.partition", lambda row, _: f"day={row.day}/agent={row.agent}/")
    put(storage, row("r"))
    assert [path.split("/")[1][:4] for path in read_contents(storage).parts] == ["day="]
    assert check(storage).faults == ()


def test_what_is_there_already_is_passed_over(storage: Storage) -> None:
    """The same bytes again add nothing, and write no manifest."""
    put(storage, row("r"))
    again = put(storage, row("r"), row("r"))
    assert (again.added, again.present) == (0, 2)
    assert len(storage.files("manifest")) == 1


def test_a_run_with_other_bytes_is_refused(storage: Storage) -> None:
    """An archive keeps a run as it was packed; what was written before the error is removed."""
    put(storage, row("r"))
    before = storage.files("")
    with pytest.raises(InputError, match="other bytes"):
        put(storage, row("new", day="2026-01-01"), row("r", text="something else"), by=("day",))
    assert storage.files("") == before


def test_two_that_append_at_once_lose_nothing(storage: Storage) -> None:
    """A second append between the parts and the manifest of the first one: both are there."""
    put(storage, row("a"))

    class Meanwhile(Storage):
        def write(self, path: str, data: bytes) -> None:
            if path.startswith("manifest/"):
                put(storage, row("c"))
            super().write(path, data)

    pack(Meanwhile(storage.name, storage.system, storage.root), [row("b")], by=(), at=AT)
    assert held(storage).keys() == {"a", "b", "c"}
    assert check(storage).faults == ()
    put(storage, row("d"))
    assert len(read_contents(storage).tips) == 1


def test_an_append_that_dies_leaves_the_archive_as_it_was(storage: Storage) -> None:
    """Parts that no manifest names are no part of the archive, and are counted."""
    put(storage, row("a"))
    path_of(storage, f"parts/{'0' * 64}.parquet").write_bytes(b"half a part")
    assert held(storage).keys() == {"a"}
    found = check(storage)
    assert (found.faults, found.leftovers) == ((), 1)


def test_a_changed_byte_of_a_run_is_found_in_its_run(storage: Storage) -> None:
    """The fault names the part and the run."""
    rows = [row(f"run-{number}", text=f"{number}" * 300) for number in range(5)]
    (part,) = put(storage, *rows).parts
    file = path_of(storage, part.path)
    data = bytearray(file.read_bytes())
    # The pages of the runs are the last column, in order: the last page is the last run's.
    start = data.rindex(b"\x28\xb5\x2f\xfd")
    data[start + 20] ^= 1
    file.write_bytes(data)
    (fault,) = check(storage).faults
    assert (fault.path, fault.message.split(":")[0]) == (part.path, "run run-4")
    with pytest.raises(IntegrityError, match="was changed"):
        held(storage)


def test_a_changed_byte_anywhere_is_found(storage: Storage) -> None:
    """In any file of the archive: the fault names that file."""
    put(storage, row("a"), row("b"))
    for name, size in storage.files("").items():
        file = path_of(storage, name)
        data = file.read_bytes()
        for place in range(0, size, max(size // 7, 1)):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert name in [fault.path for fault in check(storage).faults], place
        file.write_bytes(data)
    assert check(storage).faults == ()


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-9])])
@pytest.mark.parametrize("folder", ["manifest", "parts"])
def test_what_is_missing_or_cut_is_found(storage: Storage, harm: Callable[[Path], object], folder: str) -> None:
    """The first of two manifests, or of two parts."""
    put(storage, row("a"))
    first = next(iter(storage.files(folder)))
    put(storage, row("b"))
    harm(path_of(storage, first))
    assert check(storage).faults
    with pytest.raises(InputError):
        held(storage)


def forged(storage: Storage, **fields: object) -> None:
    """A manifest whose digest is right and whose content is not."""
    (part,) = put(storage, row("a")).parts
    made = {name: getattr(part, name) for name in ("path", "size", "runs", "steps", "bytes", "root")} | fields
    contents = read_contents(storage)
    manifest = Manifest("runback.archive/v1", 2, AT, contents.tips, (Part(**made),), 1, contents.head)
    name, data = manifest_file(manifest)
    path_of(storage, name).write_bytes(data)


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "../x"},
        {"path": f"parts/day=../{'0' * 64}.parquet"},
        {"path": f"/parts/{'0' * 64}.parquet"},
        {"size": 1 << 40},
        {"bytes": 1 << 40},
        {"runs": -1},
        {"root": "x"},
    ],
)
def test_a_hostile_manifest_is_refused(storage: Storage, fields: dict[str, object]) -> None:
    """A path that leads elsewhere, and sizes that nobody could read."""
    forged(storage, **fields)
    assert check(storage).faults
    with pytest.raises(IntegrityError):
        read_contents(storage)


def test_a_part_that_unpacks_to_more_than_it_says_is_not_unpacked(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb: its manifest says a few bytes, its columns say many."""
    monkeypatch.setattr("runback_gate.store.archive.arrow._ROOM", 0)
    big = row("big", text="0" * (1 << 18))
    (part,) = put(storage, big).parts
    data = path_of(storage, part.path).read_bytes()
    assert len(data) < 1 << 16
    with pytest.raises(IntegrityError, match="unpacks to"):
        next(read_rows(data, storage.place(part.path), size=100))


def test_runs_are_listed_by_filters(storage: Storage) -> None:
    """Each filter, and a quote in one that is no SQL."""
    put(storage, row("a", day="2026-07-01"), row("b", agent="o'brien"), row("c", tool="search"))
    dataset = storage.dataset(list(read_contents(storage).parts))
    for wanted, runs in (
        (Wanted(), ["a", "b", "c"]),
        (Wanted(agent="o'brien"), ["b"]),
        (Wanted(since="2026-07-02"), ["b", "c"]),
        (Wanted(until="2026-07-02"), ["a"]),
        (Wanted(tool="search", status="ok"), ["c"]),
        (Wanted(status="' OR true --"), []),
    ):
        assert [item.run for item in listed(dataset, wanted)] == runs
    paths = list(read_contents(storage).parts)
    assert list(storage.columns((), paths, ["b"])) == paths
    assert storage.columns((), paths, ["none"]) == {}


def test_a_name_of_an_agent_leads_nowhere() -> None:
    """As a folder it is one name below its parent."""
    for agent in ("..", "../../x", "/etc", "a\nb", "é" * 200, ""):
        folder = partition(row("r", agent=agent), ("agent",))
        name = folder.removeprefix("part_agent=").removesuffix("/")
        assert "/" not in name
        assert name.isascii()
        assert not name.startswith(".")
        assert 0 < len(name) <= 200


def test_columns_to_sort_by_are_known() -> None:
    """Day, agent, or both."""
    assert parse_partition("agent, day") == ("agent", "day")
    for text in ("tool", "day,day"):
        with pytest.raises(ValueError, match="day, agent or both"):
            parse_partition(text)


def test_no_archive_is_an_error(storage: Storage) -> None:
    """Nothing there is never valid."""
    for look in (check, read_contents):
        with pytest.raises(InputError, match="no archive"):
            look(storage)


def test_a_uri_is_named_without_its_secret() -> None:
    """Neither keys nor options stand in messages."""
    with pytest.raises(InputError) as caught:
        open_storage("nothing://key:secret@bucket/archive?token=hidden")
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert json.dumps(str(caught.value))
