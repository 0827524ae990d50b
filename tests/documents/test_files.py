"""Files: what lies below the root is read and found, nothing else is, and a write is whole or nothing."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.documents import expand, read_document, safe_read, write_atomic
from runback_gate.errors import DocumentError, InputError, PathError, WriteError

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository beside a secret, with links between the two."""
    (tmp_path / "secret.yaml").write_text("key: 1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.yaml").write_text("outside: 1")
    root = tmp_path / "repo"
    for name in (
        "policies/b.yaml",
        "policies/a.yaml",
        "policies/deep/er/c.yaml",
        "policies/.hidden.yaml",
        ".gate/x.yaml",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"name: {name}\n")
    return root


def refused(root: Path, name: str, kind: type[Exception] = PathError) -> str:
    """The error that reading gives, as it is shown."""
    with pytest.raises(kind) as caught:
        safe_read(root, name)
    return str(caught.value)


def test_a_file_below_the_root_is_read(root: Path) -> None:
    """Bytes as they lie, and as a document; a link inside the root is followed."""
    assert safe_read(root, "policies/a.yaml") == b"name: policies/a.yaml\n"
    (root / "link.yaml").symlink_to("policies/a.yaml")
    (root / "folder").symlink_to("policies")
    assert safe_read(root, "link.yaml") == safe_read(root, "./folder//a.yaml") == b"name: policies/a.yaml\n"
    document = read_document(root, "./policies//a.yaml")
    assert (document.path, document.value) == ("policies/a.yaml", {"name": "policies/a.yaml"})


def test_nothing_outside_the_root_is_read(root: Path) -> None:
    """Absolute names, `..` and links to the outside are errors, whether or not the file is there."""
    hint = "(name a file below it, without `..`)"
    assert refused(root, "../secret.yaml") == f"../secret.yaml: leads out of the root {hint}"
    assert refused(root, "policies/../../secret.yaml").endswith(hint)
    assert refused(root, "policies/../policies/a.yaml").endswith(hint)
    assert refused(root, str(root / "policies" / "a.yaml")).endswith(hint)
    (root / "file.yaml").symlink_to("../secret.yaml")
    (root / "folder").symlink_to("../outside")
    (root / "twice").symlink_to("folder")
    for name in ("file.yaml", "folder/a.yaml", "twice/a.yaml", "folder/absent.yaml"):
        assert "leads out of the root through a symbolic link" in refused(root, name)


def test_a_root_that_is_a_link_is_a_root(root: Path) -> None:
    """The root may be reached through a link or be relative; what counts is where files really lie."""
    (root.parent / "alias").symlink_to("repo")
    assert safe_read(root.parent / "alias", "policies/a.yaml") == b"name: policies/a.yaml\n"
    assert expand(root.parent / "alias", ["policies/?.yaml"]) == ("policies/a.yaml", "policies/b.yaml")


def test_what_is_no_regular_file_is_refused(root: Path) -> None:
    """Folders, pipes, sockets, devices and loops of links are no files, and a pipe does not block."""
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        for name in ("policies", "pipe", "socket", "loop", "."):
            assert "not a regular file (name a file)" in refused(root, name)


@pytest.mark.parametrize("name", ["a\0b", "x\ud800.yaml", "caf\udce9.yaml"])
def test_what_is_no_file_name_is_refused(root: Path, name: str) -> None:
    """The error itself can be printed and stored."""
    refused(root, name).encode()
    with pytest.raises(PathError):
        expand(root, [name])


def test_a_missing_file_is_named_with_its_neighbour(root: Path) -> None:
    """A misspelled name gets the nearest one in its folder as a hint."""
    (root / "policies" / "refunds.yaml").write_text("a: 1")
    expected = "policies/refund.yaml: no such file (did you mean 'refunds.yaml'?)"
    assert refused(root, "policies/refund.yaml", InputError) == expected
    assert refused(root, "absent/zebra", InputError) == "absent/zebra: no such file"
    assert "no such file" in refused(root, "policies/a.yaml/b", InputError)
    assert "no such file" in refused(root, "x" * 300, InputError)


def test_a_file_has_a_largest_size(root: Path) -> None:
    """The limit is in bytes, and one byte more is an error."""
    assert safe_read(root, "policies/a.yaml", 22) == b"name: policies/a.yaml\n"
    with pytest.raises(DocumentError, match=r"policies/a\.yaml: larger than 21 bytes \(split the file\)"):
        safe_read(root, "policies/a.yaml", 21)


@pytest.mark.parametrize(
    "address", ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"]
)
def test_a_pointer_of_git_lfs_is_named(root: Path, address: str) -> None:
    """Whatever file it stands for, and whichever version wrote it, the error says how to get the file."""
    (root / "p.md").write_text(f"version {address}\noid sha256:{'0' * 64}\nsize 12\n")
    with pytest.raises(DocumentError, match=r"^p\.md: a pointer of Git LFS, not the file itself \(fetch it with `git"):
        safe_read(root, "p.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(root: Path) -> None:
    """A file or folder without permission is an input error, never passed over."""
    (root / "policies" / "a.yaml").chmod(0)
    assert "cannot be read: Permission denied" in refused(root, "policies/a.yaml", InputError)
    (root / "policies").chmod(0)
    try:
        with pytest.raises(InputError, match="cannot be listed: Permission denied"):
            expand(root, ["policies/*.yaml"])
    finally:
        (root / "policies").chmod(0o700)


def test_what_cannot_be_read_or_listed_is_an_error(root: Path) -> None:
    """An error of the system is an input error with its reason."""
    (root / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop/: cannot be listed: Too many levels of symbolic links"):
        expand(root, ["loop/*.yaml"])
    if Path("/proc/self/mem").exists():
        assert "mem: cannot be read: Input/output error" in refused(Path("/proc/self"), "mem", InputError)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["policies/*.yaml"], ("policies/a.yaml", "policies/b.yaml")),
        (["policies/b.yaml", "policies/*.yaml", "./policies/a.yaml"], ("policies/a.yaml", "policies/b.yaml")),
        (["**/*.yaml"], ("policies/a.yaml", "policies/b.yaml", "policies/deep/er/c.yaml")),
        (["**"], ("policies/a.yaml", "policies/b.yaml", "policies/deep/er/c.yaml")),
        (["policies/**/er/**/*.yaml"], ("policies/deep/er/c.yaml",)),
        (["**/" * 40 + "*.yaml"], ("policies/a.yaml", "policies/b.yaml", "policies/deep/er/c.yaml")),
        (["p*/[ab].yaml"], ("policies/a.yaml", "policies/b.yaml")),
        (["policies/.*.yaml"], ("policies/.hidden.yaml",)),
        ([".g*/x.yaml"], (".gate/x.yaml",)),
        (["policies/*"], ("policies/a.yaml", "policies/b.yaml")),
        (["POLICIES/*.yaml", "absent/*.yaml", "policies/a.yaml/*", "*.json", "absent/**"], ()),
        ([], ()),
    ],
)
def test_patterns_name_files(root: Path, patterns: list[str], expected: tuple[str, ...]) -> None:
    """Names are relative, sorted and each there once; nothing with a leading dot comes unasked."""
    assert expected == expand(root, patterns)


def test_a_plain_name_must_be_a_file(root: Path) -> None:
    """A name without wildcards that is not there would silently weaken a gate."""
    with pytest.raises(InputError, match=r"policies/c\.yaml: no such file \(did you mean '[ab]\.yaml'\?\)"):
        expand(root, ["policies/*.yaml", "policies/c.yaml"])
    with pytest.raises(InputError, match=re.escape("policies: a folder (name its files: policies/*.yaml)")):
        expand(root, ["policies"])


def test_patterns_stay_below_the_root(root: Path) -> None:
    """Links to folders are followed when they are named, never by a wildcard; no way leads out."""
    for pattern in ("../*.yaml", "/etc/*", "policies/../../*.yaml"):
        with pytest.raises(PathError):
            expand(root, [pattern])
    (root / "outer").symlink_to("../outside")
    (root / "inner").symlink_to("policies")
    assert expand(root, ["**/a.yaml", "*/a.yaml"]) == ("policies/a.yaml",)
    assert expand(root, ["inner/*.yaml"]) == ("inner/a.yaml", "inner/b.yaml")
    with pytest.raises(PathError, match="through a symbolic link"):
        expand(root, ["outer/*.yaml"])
    (root / "policies" / "leak.yaml").symlink_to("../../secret.yaml")
    with pytest.raises(PathError, match=r"policies/leak\.yaml"):
        expand(root, ["policies/*.yaml"])


def test_a_broken_link_is_not_passed_over(root: Path) -> None:
    """A pattern finds it, so that reading it fails loudly."""
    (root / "policies" / "z.yaml").symlink_to("nowhere.yaml")
    assert "policies/z.yaml" in expand(root, ["policies/*.yaml"])
    assert "no such file" in refused(root, "policies/z.yaml", InputError)


def test_a_name_that_is_not_utf_8_is_an_error(root: Path) -> None:
    """It could not be written into a report."""
    (root / os.fsdecode(b"policies/caf\xe9.yaml")).write_text("a: 1")
    with pytest.raises(PathError, match="not a file name") as caught:
        expand(root, ["policies/*.yaml"])
    str(caught.value).encode()


@LAW
@given(
    st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "*", "**", "/", "policies", "~"])).map("/".join)
)
def test_no_name_leads_out(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Whatever is asked for, the answer comes from below the root, or there is none."""
    root = tmp_path_factory.getbasetemp() / "laws" / "root"
    root.mkdir(parents=True, exist_ok=True)
    (root / "a").write_bytes(b"inside")
    (root.parent / "b").write_bytes(b"outside")
    try:
        assert safe_read(root, name) == b"inside"
    except InputError as error:
        str(error).encode()
    try:
        assert expand(root, [name]) in ((), ("a",))
    except InputError as error:
        str(error).encode()


def test_a_write_is_whole(tmp_path: Path) -> None:
    """The file and its folder are made, what was there is replaced, and nothing else is left."""
    path = tmp_path / "new" / "report.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A target that cannot be replaced keeps its content; the temporary file is gone; the error says why."""
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"old")
    for path, reason in (
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "file" / "below", "File exists"),
        (tmp_path / "a\0b", "null"),
        (Path("/dev/full/x"), ""),
    ):
        with pytest.raises(WriteError, match=f"cannot be written: .*{reason}"):
            write_atomic(path, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.integration
def test_a_full_disk_is_a_write_error(tmp_path: Path) -> None:
    """A write past the size that the system allows fails whole, as on a full disk."""
    code = (
        "import resource, signal, sys; from pathlib import Path; from runback_gate.documents import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomic(Path(sys.argv[1]), b'x' * 100_000)\n"
    )
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "WriteError" in done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_a_crash_do_not_stop_a_write(tmp_path: Path) -> None:
    """A temporary file that is there already is left alone; a folder full of them is an error."""
    for number in range(3):
        (tmp_path / f".runback-{os.getpid()}-{number}.tmp").write_bytes(b"left")
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 4
    for number in range(3, 1000):
        (tmp_path / f".runback-{os.getpid()}-{number}.tmp").touch()
    with pytest.raises(WriteError, match="full of temporary files"):
        write_atomic(tmp_path / "a", b"newer")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_nothing_is_read_from_git(tmp_path: Path) -> None:
    """What git keeps may hold the token of a job: neither a name nor a link leads there, from any folder."""
    for folder in (tmp_path, tmp_path / "sub"):
        (folder / ".git").mkdir(parents=True)
        (folder / ".git/config").write_text("secret")
    (tmp_path / "prompt.md").symlink_to(".git/config")
    (tmp_path / "folder").symlink_to(".git")
    (tmp_path / "sub/prompt.md").symlink_to("../prompt.md")
    for name in (".git/config", "prompt.md", "folder/config", "sub/.git/config", "sub/prompt.md"):
        with pytest.raises(PathError, match=r"leads into \.git"):
            safe_read(tmp_path, name)


@pytest.mark.parametrize("name", [".GIT", ".Git", ".gi\u200ct", "\ufeff.git", ".g\u206eIt", ".git\u202a"])
def test_nothing_is_read_from_what_macos_takes_for_git(tmp_path: Path, name: str) -> None:
    """Its file systems overlook case and some characters; a folder of such a name is refused wherever it lies."""
    (tmp_path / "sub" / name).mkdir(parents=True)
    (tmp_path / "sub" / name / "config").write_text("secret")
    with pytest.raises(PathError, match=r"leads into \.git"):
        safe_read(tmp_path, f"sub/{name}/config")
