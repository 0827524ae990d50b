"""`run --base`, `--approve`, `--head`, `--shard` and `merge`, on folders and on git revisions."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runback_gate.report.model import Report, read_report
from tests.cli.conftest import Command, Refused, change, write
from tests.cli.repositories import ROOT, demo, git

__all__ = ["demo"]

pytestmark = pytest.mark.integration


WAIVER = """\
apiVersion: runback.dev/v1
kind: Waiver
metadata: {name: w}
spec: {policies: [refunds.limit], cases: [sample-0], reason: T-1, owner: payments, expires: "2099-06-30"}
"""


def report(folder: str = ".runback") -> Report:
    """The report that was written."""
    return read_report(Path(folder, "report.json").read_bytes())


def test_a_prompt_change_regresses(command: Command, demo: Path) -> None:
    """Exit 1, the row says regressed, and the head names both revisions."""
    shutil.copy(demo / "agents/changed/support.md", demo / "agents/support.md")
    result = command("run", "--base", "base", "--cache", "datasets/answers")
    assert result.code == 1
    assert "✗ regressed" in result.out
    assert f"against base@{git('rev-parse', 'base')[:7]}" in result.out
    assert "FAIL   1 regressed · 5 passed" in result.out
    found = report()
    assert found.base is not None
    assert (found.base.name, found.base.commit) == ("base", git("rev-parse", "base"))
    assert found.head is None
    assert {item.side for item in found.inputs} == {"head", "base"}


def test_a_folder_is_a_base(command: Command, demo: Path) -> None:
    """Two folders are compared without git's help, and neither has a commit."""
    git("clone", "-q", ".", "../before")
    (demo / ".git").rename(demo.parent / "put-away")
    try:
        assert command("run", "--base", "../before").code == 0
        found = report()
        assert found.base is not None
        assert (str(found.base), found.head) == ("../before", None)
        assert {row.status for row in found.rows} == {"unchanged"}
    finally:
        shutil.rmtree(demo.parent / "before")
        shutil.rmtree(demo.parent / "put-away")


def test_what_is_loosened_needs_an_approval_of_this_commit(command: Command, demo: Path) -> None:
    """Red with file and line; green with the approval of that commit; a new push voids it."""
    change(demo / "policies/refunds.yaml", "limit: 100", "limit: 500")
    git("commit", "-qam", "looser")
    result = command("run", "--base", "base")
    assert result.code == 1
    assert "policies/refunds.yaml:8:12" in result.out
    assert "params.limit changed from 100 to 500" in result.out
    assert "1 weakening" in result.out
    commit = git("rev-parse", "HEAD")
    result = command("run", "--base", "base", "--approve", commit)
    assert result.code == 0
    assert f"approved for {commit}" in result.out
    change(demo / "policies/refunds.yaml", "limit: 500", "limit: 900")
    git("commit", "-qam", "looser still")
    result = command("run", "--base", "base", "--approve", commit)
    assert result.code == 1
    assert "a new push needs a new approval" in result.out


def test_an_approval_is_for_what_lies_here(command: Command, refused: Refused, demo: Path) -> None:
    """Files that differ from the commit were not seen by whoever approved it, unless the commit is named."""
    commit = git("rev-parse", "HEAD")
    assert command("run", "--base", "base", "--approve", commit).code == 0
    write(demo / "agents/notes.md", "not committed")
    shutil.rmtree(demo / ".runback")
    assert "differs from its commit: agents/notes.md" in refused("run", "--base", "base", "--approve", commit)
    assert command("run", "--base", "base", "--head", commit, "--approve", commit).code == 0
    found = report()
    assert found.head is not None
    assert found.head.commit == commit
    shutil.rmtree(demo / ".runback")
    assert "no revision is named" in refused("run", "--base", "base", "--head", "9" * 40)


def test_no_filter_of_the_repository_is_run(command: Command, refused: Refused, demo: Path) -> None:
    """A filter could call a changed file unchanged, and is a command that the repository names: bytes are compared."""
    commit = git("rev-parse", "HEAD")
    git("config", "filter.evil.clean", "touch caught; git cat-file blob HEAD:policies/refunds.yaml")
    write(demo / ".git/info/attributes", "policies/* filter=evil\n")
    change(demo / "policies/refunds.yaml", "limit: 100", "limit: 500")
    assert "policies/refunds.yaml" in refused("run", "--base", "base", "--approve", commit)
    change(demo / "policies/refunds.yaml", "limit: 500", "limit: 100")
    os.utime(demo / "policies/refunds.yaml", (1, 1))
    assert command("run", "--base", "base", "--approve", commit).code == 0
    assert not (demo / "caught").exists()


def test_the_working_tree_cannot_stand_in_for_the_commit(command: Command, demo: Path) -> None:
    """A commit that loosens is red whatever lies in the working tree, and a working tree that loosens is red too."""
    change(demo / "policies/refunds.yaml", "limit: 100", "limit: 500")
    git("commit", "-qam", "looser")
    change(demo / "policies/refunds.yaml", "limit: 500", "limit: 100")
    result = command("run", "--base", "base")
    assert result.code == 1
    assert "the working tree differs from it: policies/refunds.yaml" in " ".join(result.out.split())
    git("reset", "-q", "--hard", "base")
    change(demo / "policies/refunds.yaml", "limit: 100", "limit: 500")
    result = command("run", "--base", "base")
    assert result.code == 1
    assert "judged is the working tree" in result.out
    assert report().head is None


def test_a_base_that_moved_on(command: Command, demo: Path) -> None:
    """What the base gained since is not held against a change that has none of it, and the report says so."""
    git("checkout", "-q", "-b", "topic")
    write(demo / "README.md", "x")
    git("add", "-A")
    git("commit", "-qm", "head")
    git("checkout", "-q", "-b", "later", "base")
    shutil.copy(demo / "policies/refunds.yaml", demo / "policies/more.yaml")
    change(demo / "policies/more.yaml", "name: refunds", "name: more")
    change(demo / "policies/more.yaml", "refunds.", "more.")
    git("add", "-A")
    git("commit", "-qm", "the base gains a policy")
    git("checkout", "-q", "topic")
    result = command("run", "--base", "later")
    assert result.code == 0, result
    assert "what 1 commit of later did since is not judged" in " ".join(result.out.split())


@pytest.mark.parametrize("approval", ["", "9ac3e11", "9" * 39, "9" * 41, "A" * 40, "main", "*"])
def test_an_approval_that_names_no_commit(refused: Refused, demo: Path, approval: str) -> None:
    """A name or a beginning would cover more than was seen."""
    assert demo.is_dir()
    assert refused("run", "--base", "base", "--approve", approval).startswith("approve: ")


def test_words_that_fit_nothing(refused: Refused, demo: Path) -> None:
    """Each is refused before anything is judged."""
    assert demo.is_dir()
    assert "nothing to approve" in refused("run", "--approve", "9" * 40)
    assert "not a commit id" in refused("run", "--base", "base", "--head", "main")
    assert "no revision is named" in refused("run", "--base", "bsae")
    assert "no such folder" in refused("run", "--base", "./nowhere")
    for shard in ("0/3", "4/3", "1", "1/0", "a/b", "1/3/5", "-1/3", "1/1001"):
        assert "no part of a run" in refused("run", f"--shard={shard}")


def test_a_base_without_a_gate(command: Command, demo: Path) -> None:
    """The first gate of a repository has nothing but itself to go by: undecided, until a person approves this head."""
    git("rm", "-q", "runback.yaml")
    git("commit", "-qm", "no gate")
    git("tag", "empty")
    git("checkout", "-q", "base", "--", "runback.yaml")
    git("commit", "-qm", "a gate")
    result = command("run", "--base", "empty")
    assert result.code == 2
    assert "has no gate: the rules of the change judge alone" in result.out
    assert [row.verdict for row in report().rows if row.kind == "weakening"] == ["UNDECIDED"]
    assert {row.status for row in report().rows if row.kind == "case"} == {"new"}
    head = git("rev-parse", "HEAD")
    assert command("run", "--base", "empty", "--approve", git("rev-parse", "base")).code == 2
    result = command("run", "--base", "empty", "--approve", head)
    assert result.code == 0
    assert f"approved for {head}" in " ".join(result.out.split())
    assert demo.is_dir()


@pytest.mark.parametrize("place", ["link", "folder", "submodule"])
@pytest.mark.parametrize("side", ["base", "head"])
def test_what_is_no_gate_file_is_no_gate_that_is_missing(
    refused: Refused, command: Command, demo: Path, place: str, side: str
) -> None:
    """Something else in the place of runback.yaml is refused on either side; a base of that kind takes an approval."""
    good = (demo / "runback.yaml").read_bytes()
    git("rm", "-q", "runback.yaml")
    if place == "link":
        write(demo / "conf/gate.yaml", good)
        (demo / "runback.yaml").symlink_to("conf/gate.yaml")
    elif place == "folder":
        write(demo / "runback.yaml/gate.yaml", good)
    else:
        git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'base')},runback.yaml")
    if place != "submodule":
        git("add", "-A")
    git("commit", "-qm", "something else")
    git("tag", "other")
    if side == "head":
        assert f"a {place}, not a file" in refused("run", "--base", "base")
        return
    git("rm", "-rq", "--cached", "runback.yaml")
    shutil.rmtree(demo / "runback.yaml", ignore_errors=True)
    (demo / "runback.yaml").unlink(missing_ok=True)
    write(demo / "runback.yaml", good)
    git("add", "-A")
    git("commit", "-qm", "put right")
    assert f"a {place}, not a file" in refused("run", "--base", "other")
    assert command("run", "--base", "other", "--approve", git("rev-parse", "HEAD")).code == 0


def test_a_base_that_cannot_be_read(command: Command, refused: Refused, demo: Path) -> None:
    """Nobody knows what it asks: no verdict, unless a person accepts the commit that puts it right."""
    good = (demo / "runback.yaml").read_text()
    write(demo / "runback.yaml", "apiVersion: runback.dev/v1\nkind: Gate\n")
    git("commit", "-qam", "broken")
    git("tag", "broken")
    write(demo / "runback.yaml", good)
    git("commit", "-qam", "put right")
    assert "the gate of the base" in refused("run", "--base", "broken")
    result = command("run", "--base", "broken", "--approve", git("rev-parse", "HEAD"))
    assert result.code == 0
    assert "cannot be read" in result.out


def test_a_gate_that_is_gone(refused: Refused, demo: Path) -> None:
    """A change that deletes the gate is no pass."""
    (demo / "runback.yaml").unlink()
    assert "no gate here" in refused("run", "--base", "base")


def test_a_gate_that_is_not_committed(refused: Refused, demo: Path) -> None:
    """What is judged is the commit: one without a gate is told from a folder without one."""
    git("rm", "-q", "--cached", "runback.yaml")
    git("commit", "-qm", "no gate")
    assert (demo / "runback.yaml").is_file()
    assert "has no gate in this folder (commit its runback.yaml" in refused("run", "--base", "base")


def test_a_filter_is_no_weakening(command: Command, demo: Path) -> None:
    """A run of one dataset leaves the others out on both sides."""
    assert demo.is_dir()
    assert command("run", "--base", "base", "--dataset", "refunds").code == 0
    found = report()
    assert {row.kind for row in found.rows} == {"case"}
    assert {row.dataset for row in found.rows} == {"refunds"}


def test_parts_make_the_whole(command: Command, demo: Path) -> None:
    """Three parts and one run: the same report.json, byte for byte, also against a base with something loosened."""
    shutil.copy(demo / "agents/changed/support.md", demo / "agents/support.md")
    change(demo / "policies/refunds.yaml", "limit: 100", "limit: 500")
    write(demo / "waivers/w.yaml", WAIVER)
    options = ("--base", "base", "--cache", "datasets/answers")
    whole = command("run", *options, "--report", "whole")
    parts = [f"part-{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(parts, 1):
        command("run", *options, "--shard", f"{number}/3", "--report", folder)
    merged = command("merge", "part-3", "part-1/report.json", "part-2", "--report", "merged")
    assert merged.code == whole.code == 1
    assert Path("merged/report.json").read_bytes() == Path("whole/report.json").read_bytes()
    assert merged.out.split("\n\n")[:2] == whole.out.split("\n\n")[:2]
    assert "not every part once" in command("merge", "part-1", "part-2").error
    assert "not a part of a run" in command("merge", "whole").error
    assert "no such file" in command("merge", "nowhere").error


def test_the_demo_against_its_base(command: Command, here: Path) -> None:
    """One row regresses and blocks, one was red before and does not, one is fixed; put right, the gate passes."""
    for side in ("before", "after"):
        for name in ("agents", "datasets", "policies"):
            shutil.copytree(ROOT / name, here / side / name)
        shutil.copytree(ROOT / "demo/known/datasets", here / side / "datasets", dirs_exist_ok=True)
        shutil.copy(ROOT / "runback.yaml", here / side)
    shutil.copy(ROOT / "agents/changed/support.md", here / "after/agents/support.md")
    options = ("--root", "after", "--base", "./before", "--cache", str(ROOT / "datasets/answers"))
    assert command("run", *options).code == 1
    rows = {row.case: (row.status, row.blocking) for row in report("after/.runback").rows}
    assert rows.pop("disputed-charge-escalates") == ("regressed", True)
    assert rows.pop("no-promise-of-a-call") == ("already failing", False)
    assert rows.pop("says-when-money-arrives") == ("fixed", True)
    assert set(rows.values()) == {("unchanged", True)}
    shutil.copy(ROOT / "agents/support.md", here / "after/agents/support.md")
    result = command("run", *options)
    assert result.code == 0
    assert "2 already failing" in result.out
