"""Where the action meets the runner: inputs, files, and the rights of root given up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runback_gate.errors import InputError, PathError, WriteError
from runback_gate.github.runner import Inputs, open_runner, own_folder, read_inputs
from runback_gate.report import OUTPUTS
from tests.cli.conftest import environment

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_defaults() -> None:
    """Without inputs the gate of the root is judged and everything is told."""
    assert read_inputs({}) == Inputs(
        token="",
        name="Runback gate",
        root="",
        agent=None,
        dataset=None,
        report=".runback",
        cache=None,
        live=False,
        approve=None,
        prove=False,
        archive=None,
        archive_seconds=120,
        shard=(1, 1),
        merge=None,
        sign=None,
        key=None,
        public_log=False,
        store=False,
        check=True,
        comment=True,
    )


def test_inputs() -> None:
    """Inputs come in capitals; white space around them is not theirs."""
    found = read_inputs({"INPUT_ROOT": " services/support/ ", "INPUT_CHECK": "false", "INPUT_AGENT": "support"})
    assert (found.root, found.check, found.comment, found.agent) == ("services/support", False, True, "support")
    assert read_inputs({"INPUT_ROOT": "./"}).root == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ROOT", "../other", "leads out"),
        ("REPORT", "/etc", "leads out"),
        ("CACHE", "a/../../b", "leads out"),
        ("CHECK", "yes", "neither true nor false"),
        ("ARCHIVE", "runs/archive", "no object store"),
        ("ARCHIVE", "file:///srv/archive", "no object store"),
        ("ARCHIVE-SECONDS", "0", "no number of seconds"),
        ("ARCHIVE-SECONDS", "-5", "no number of seconds"),
        ("SHARD", "0/3", "no part of a run"),
        ("SHARD", "4/3", "no part of a run"),
        ("SHARD", "one", "no part of a run"),
        ("NAME", "a\nb", "not a line of text"),
        ("NAME", "x" * 1001, "not a line of text"),
    ],
)
def test_inputs_are_checked(name: str, value: str, words: str) -> None:
    """A value that cannot be meant is refused by the name of its input."""
    with pytest.raises(InputError, match=f"input {name.lower()}: .*{words}"):
        read_inputs({f"INPUT_{name}": value})


def test_outputs(tmp_path: Path) -> None:
    """Outputs are one line each and are added to what is there."""
    (tmp_path / "out").write_text("a=b\n")
    files = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    with open_runner(files, tmp_path, read_inputs({"INPUT_REPORT": ".runback/x"}), user=None) as runner:
        runner.output("verdict", "FAIL\nchecked=yes")
        runner.summarize("# é\n")
    assert (tmp_path / "out").read_text() == "a=b\nverdict=FAIL checked=yes\n"
    assert (tmp_path / "summary").read_text("utf-8") == "# é\n"
    assert runner.folder.is_dir()


def test_no_files(tmp_path: Path) -> None:
    """Outside of a runner there is nothing to write to."""
    with open_runner({}, tmp_path, read_inputs({"INPUT_REPORT": "r"}), user=None) as runner:
        runner.output("verdict", "PASS")
        runner.summarize("x")
    assert list(tmp_path.iterdir()) == [tmp_path / "r"]


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file of the runner that is a folder, or a workspace that is not there, ends the run."""
    folder = open_runner({"GITHUB_OUTPUT": str(tmp_path)}, tmp_path, read_inputs({"INPUT_REPORT": "r"}), user=None)
    with pytest.raises(WriteError, match="cannot be opened"), folder:
        pass
    with (
        pytest.raises(InputError, match="none: cannot be opened"),
        open_runner({}, tmp_path / "none", read_inputs({}), user=None),
    ):
        pass


def test_reports_of_yesterday(tmp_path: Path) -> None:
    """Reports that lie there already are removed; a folder in their place is refused."""
    (tmp_path / "r").mkdir()
    (tmp_path / "r/report.json").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "r/mine").write_text("")
    own_folder(tmp_path, "r", None, "report", stale=OUTPUTS)
    assert [item.name for item in (tmp_path / "r").iterdir()] == ["mine"]
    (tmp_path / "r/report.json").mkdir()
    with pytest.raises(PathError, match="no folder for the report"):
        own_folder(tmp_path, "r", None, "report", stale=OUTPUTS)


@pytest.mark.parametrize("kind", ["link", "file", "behind"])
def test_no_link_is_followed(tmp_path: Path, kind: str) -> None:
    """A change that puts a link where the reports go would have root give away what it names."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    work = tmp_path / "work"
    work.mkdir()
    if kind == "file":
        (work / "r").write_text("")
    else:
        (work / "r").symlink_to(outside)
    with pytest.raises(PathError, match="no folder for the report"):
        own_folder(work, "r/inner" if kind == "behind" else "r", os.geteuid(), "report")
    assert outside.stat().st_mode & 0o777 == 0o700
    assert list(outside.iterdir()) == []


def test_the_folder_is_given_away(tmp_path: Path) -> None:
    """The folder belongs to the user and to the group of the workspace, which may both write there."""
    own_folder(tmp_path, "r", os.geteuid(), "report")
    found, workspace = (tmp_path / "r").stat(), tmp_path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (os.geteuid(), workspace.st_gid, 0o775)


@pytest.mark.integration
@ROOT_ONLY
def test_root_becomes_another_user(tmp_path: Path) -> None:
    """After the files are open the process can write there, and nowhere else; the group of the workspace stays."""
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        if folder.name.startswith(("pytest-", "popen-")):
            folder.chmod(0o755)
    answers = tmp_path / "home/deep/answers/12"
    answers.mkdir(parents=True)
    (answers / "old").write_text("an answer that an earlier job kept")
    (tmp_path / "kept").mkdir()
    (answers.parent / "34").symlink_to(tmp_path / "kept")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 1001, 127, follow_symlinks=False)
    script = """
import os, sys
from pathlib import Path
from runback_gate.github.runner import open_runner, read_inputs
work = Path(sys.argv[1])
files = {"GITHUB_OUTPUT": str(work / "out"), "HOME": str(work / "home")}
inputs = read_inputs({"INPUT_LIVE": "true", "INPUT_CACHE": "deep/answers"})
opened = open_runner(files, work, inputs, user=65532)
runner = opened.__enter__()
runner.output("a", "b")
assert (os.getuid(), os.getgid(), os.geteuid(), os.getgroups()) == (65532, 65532, 65532, [])
(runner.folder / "report.json").write_text("{}")
for name in ("new", "12/new", "12/old"):
    (work / "home/deep/answers" / name).unlink(missing_ok=True)
    (work / "home/deep/answers" / name).write_text("{}")
for attempt in (lambda: (work / "new").write_text(""), lambda: (work / "out").open("ab"), lambda: os.setuid(0)):
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit("could")
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    found = (tmp_path / ".runback").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65532, 127, 0o775)
    assert (tmp_path / "out").read_text() == "a=b\n"
    # The home folder stays the runner's, and so does what a link stands in the cache leads to.
    assert [(tmp_path / name).stat().st_uid for name in ("home", "kept")] == [1001, 1001]
