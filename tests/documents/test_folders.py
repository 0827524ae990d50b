"""Files that a person named by a folder or a pattern."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.documents.folders import begins_as_json, files_in, named_files
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.json", "a.json", "a/z.json", ".hidden/x.json", "a/.y.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


def test_files_in(folder: Path) -> None:
    """Files come in the order of their paths; hidden ones and links to folders are left out."""
    assert [file.relative_to(folder).as_posix() for file in files_in(folder)] == ["a/z.json", "a.json", "b.json"]


def test_named_files(folder: Path) -> None:
    """A file that is named twice comes once, and those of a folder are told from those that were named."""
    named = named_files([f"{folder}/a", f"{folder}/?.json", f"{folder}/b.json", "-"])
    assert [(file.name, in_folder) for file, in_folder in named.items()] == [
        ("z.json", True),
        ("a.json", False),
        ("b.json", False),
        ("-", False),
    ]


@pytest.mark.parametrize("name", ["empty", "*.csv", ".hidden/*.txt"])
def test_nothing(folder: Path, name: str) -> None:
    """A folder without files and a pattern that matches nothing are errors."""
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no file is there"):
        named_files([f"{folder}/{name}"])


@pytest.mark.parametrize(
    ("data", "may"),
    [(b"{}", True), (b"\xef\xbb\xbf\n [", True), (b"", True), (b"PK\x03\x04", True), (b"# notes", False)],
)
def test_begins_as_json(tmp_path: Path, data: bytes, may: bool) -> None:
    """JSON begins with a brace or a bracket, after a mark and white space; an archive with its own mark."""
    (tmp_path / "file").write_bytes(data)
    assert begins_as_json(tmp_path / "file") is may


def test_what_cannot_be_read_is_no_reason_to_skip(tmp_path: Path) -> None:
    """A file that cannot be opened is left to its reader, who says why."""
    assert begins_as_json(tmp_path / "absent")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_file_is_read_up_to_its_limit(tmp_path: Path, size: int) -> None:
    """A file that is as large as its limit is read whole, and one that is larger by a byte is refused."""
    file = tmp_path / "run.jsonl"
    file.write_bytes(data := bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert read_file(file, size) == data
    if size:
        with pytest.raises(InputError, match="larger than"):
            read_file(file, size - 1)
