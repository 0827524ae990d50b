"""`folder_of`: the files of a folder or of a git revision, and nothing that a repository says is run."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.documents import expand, safe_read
from runback_gate.errors import DocumentError, InputError, PathError
from runback_gate.revision import git as process
from runback_gate.revision import layout, repository
from runback_gate.revision.layout import laid_out
from runback_gate.revision.repository import find_repository
from runback_gate.revision.snapshot import Snapshot, revision_in
from tests.cli.conftest import Git, commit, tree, write


@contextlib.contextmanager
def folder_of(root: Path, given: str) -> Iterator[Snapshot]:
    """All files of a folder or a revision, with or without a gate."""
    found = revision_in(root, given)
    if found is None:
        yield Snapshot(Path(given), given, None)
        return
    files = found.tree(found.commit(given))
    with laid_out(files, files.entries()) as folder:
        yield Snapshot(folder, given, files.commit)


def commit_of(root: Path, revision: str = "HEAD") -> str:
    """The commit that a revision names."""
    found = find_repository(root)
    assert found is not None
    return found.commit(revision)


def hand_made(git: Git, *entries: tuple[str, str, bytes]) -> str:
    """Commit a tree of (mode, object id, name) that git itself would not write; gives the commit id."""
    data = b"".join(f"{mode} ".encode() + name + b"\0" + bytes.fromhex(item) for mode, item, name in entries)
    folder = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=data)
    return git("commit-tree", "-m", "hand-made", folder)


def refused(root: Path, given: str) -> str:
    """The error that a name meets."""
    with pytest.raises(InputError) as caught, folder_of(root, given):
        pass
    return str(caught.value)


def test_the_files_of_a_revision(here: Path, git: Git) -> None:
    """A branch, a tag and a commit give the files as they were; they are gone afterwards and nothing else changed."""
    first = commit(git, {"a.yaml": "one", "folder/b c.yaml": "two", "ü.md": "three"})
    git("tag", "v1")
    commit(git, {"a.yaml": "changed"})
    write("new.yaml", "not committed")
    before = tree(here)
    for name in ("HEAD~1", "v1", first, first[:10], "main^"):
        with folder_of(here, name) as base:
            assert base == Snapshot(base.path, name, first)
            assert base.title == first[:7]
            assert tree(base.path) == {
                "a.yaml": b"one",
                "folder": None,
                "folder/b c.yaml": b"two",
                "ü.md": b"three",
            }
        assert not base.path.exists()
    assert tree(here) == before


def test_the_commit_that_a_revision_names(here: Path, git: Git) -> None:
    """The full id, HEAD where nothing is said."""
    first = commit(git, {"a": "1"})
    assert (commit_of(here), commit_of(here, "main")) == (first, first)


def test_the_folder_is_gone_after_an_error(here: Path, git: Git) -> None:
    """What was laid out goes away when the block fails."""
    commit(git, {"a": "1"})
    laid_out = []
    with contextlib.suppress(KeyError), folder_of(here, "HEAD") as base:
        laid_out.append(base.path)
        raise KeyError
    assert [path.exists() for path in laid_out] == [False]


def test_a_subfolder_of_a_repository(here: Path, git: Git) -> None:
    """The gate may lie in a subfolder: its files alone are given, none where the revision had none."""
    commit(git, {"a": "1", "gates/shop/runback.yaml": "x", "gates/shop/policies/p.yaml": "y"})
    with folder_of(here / "gates" / "shop", "HEAD") as base:
        assert tree(base.path) == {"runback.yaml": b"x", "policies": None, "policies/p.yaml": b"y"}
    (here / "new").mkdir()
    (here / "a-folder").mkdir()
    with folder_of(here / "new", "HEAD") as base:
        assert tree(base.path) == {}


def test_a_folder(here: Path) -> None:
    """Without a repository every name is a folder; it is given as it is and has no commit."""
    write("base/a", "1")
    for name in ("base", "./base", "base/", str(here / "base")):
        with folder_of(here, name) as base:
            assert base == Snapshot(Path(name), name, None)
            assert base.title == name
    assert refused(here, "nope") == "no such folder: 'nope' (give a folder, or in a repository a git revision)"
    assert refused(here, "") == "no such folder: '' (give a folder, or in a repository a git revision)"
    assert refused(here, "/" + 300 * "x").startswith("no such folder: ")
    assert refused(here, "./a\0b").startswith("no such folder: ")


def test_a_folder_cannot_pose_as_a_revision(here: Path, git: Git) -> None:
    """In a repository a plain name is a revision; a folder of that name is not even looked at."""
    first = commit(git, {"a": "1", "main/a": "brought along", "origin/main/a": "brought along"})
    with folder_of(here, "main") as base:
        assert base.commit == first
        assert safe_read(base.path, "a") == b"1"
    assert refused(here, "origin/main") == ("no revision is named 'origin/main' (for the folder write ./origin/main)")
    with folder_of(here, "./origin/main") as base:
        assert base.commit is None


def test_an_unknown_revision(here: Path, git: Git) -> None:
    """The error names the nearest branch, the one of a remote, or says to fetch."""
    first = commit(git, {"a": "1"})
    git("update-ref", "refs/remotes/origin/trunk", first)
    git("checkout", "-q", "-b", "topic")
    commit(git, {"a": "2"})
    assert refused(here, "mian") == "no revision is named 'mian' (did you mean 'main'?)"
    assert refused(here, "trunk") == "no revision is named 'trunk' (did you mean 'origin/trunk'?)"
    fetch = "(fetch it first: a shallow clone holds the last commit only)"
    for name in ("0" * 40, "--output=x", "main..main", 300 * "x"):
        assert refused(here, name).endswith(fetch)
    assert refused(here, "main:a").startswith("no revision is named ")
    for name in ("a\nb", "", "x\0", 2000 * "x"):
        assert refused(here, name).startswith("not a revision: ")
    assert not Path("x").exists()


def test_a_hint_never_names_the_change_itself(here: Path, git: Git) -> None:
    """Neither HEAD by another name, nor the branch that is checked out, at whatever remote and commit."""
    commit(git, {"a": "1"})
    git("checkout", "-q", "-b", "topic")
    pushed = commit(git, {"a": "2"})
    git("update-ref", "refs/remotes/origin/topic", pushed)
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/topic")
    head = commit(git, {"a": "3"})
    git("branch", "-q", "-D", "main")
    git("update-ref", "refs/tags/v1", head)
    git("tag", "-a", "-m", "v2", "v2", head)
    for name in ("origin/main", "origin/topi", "HEAD~9", "topci", "v3", "v1x", "main"):
        assert refused(here, name).endswith("(fetch it first: a shallow clone holds the last commit only)")


def test_an_ambiguous_revision(here: Path, git: Git) -> None:
    """A tag that is named like the branch could stand in for it: neither is taken."""
    first = commit(git, {"a": "1"})
    commit(git, {"a": "2"})
    git("update-ref", "refs/tags/main", first)
    assert refused(here, "main") == "the revision 'main' is ambiguous (write refs/heads/…, or the commit id)"
    with folder_of(here, "refs/heads/main") as base:
        assert safe_read(base.path, "a") == b"2"


def test_no_repository(here: Path) -> None:
    """Whether there is one is seen without git."""
    assert find_repository(here) is None


def test_no_git(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git a revision is an error that says so, never a folder; folders work."""
    commit(git, {"main/a": "1"})
    monkeypatch.setenv("PATH", str(here / "nothing"))
    assert refused(here, "main") == "git is not installed (install it, or give a folder: ./NAME)"
    assert refused(here / "main", "HEAD").startswith("git is not installed")
    with folder_of(here, "./main") as base:
        assert base.commit is None


def test_no_git_and_no_repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no repository can be meant, folders need no git."""
    write("base/a", "1")
    monkeypatch.setenv("PATH", str(here / "nothing"))
    with folder_of(here, "base") as base:
        assert base.path == Path("base")


def test_a_repository_of_somebody_else(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git refuses it, and so do we: it is not taken for no repository."""
    commit(git, {"a": "1"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "the repository belongs to another user" in refused(here, "main")


def test_a_broken_repository(here: Path, git: Git) -> None:
    """What git cannot read is an error."""
    commit(git, {"a": "1"})
    write(".git/config", "[core\n")
    assert "git: " in refused(here, "main")


def test_nothing_of_the_repository_is_run(here: Path, git: Git) -> None:
    """Hooks, filters, text conversions, monitors, pagers, fetches: configured by a hostile repository, none runs."""
    commit(git, {"a.yaml": "as committed\n", ".gitattributes": "* filter=evil diff=evil text eol=crlf export-subst\n"})
    trap = write("trap.sh", f"#!/bin/sh\ntouch '{here}/caught'\nexec cat\n")
    trap.chmod(0o755)
    for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        write(f".git/hooks/{name}", trap.read_bytes()).chmod(0o755)
    for key, value in {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(here / ".git/hooks"),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "core.editor": str(trap),
        "filter.evil.smudge": str(trap),
        "filter.evil.process": str(trap),
        "diff.evil.textconv": str(trap),
        "alias.ls-tree": f"!{trap}",
        "alias.cat-file": f"!{trap}",
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{trap}",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
    }.items():
        git("config", key, value)
    with folder_of(here, "HEAD") as base:
        assert safe_read(base.path, "a.yaml") == b"as committed\n"
    lost = git("rev-parse", "HEAD:a.yaml")
    (here / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    assert "fetch the whole commit" in refused(here, "HEAD")
    assert not Path("caught").exists()


def test_an_object_that_is_missing(here: Path, git: Git) -> None:
    """A file or a folder that was not fetched is an error, not an absent file."""
    commit(git, {"a": "1", "folder/b": "2"})
    for name in ("HEAD:folder", "HEAD:a"):
        lost = git("rev-parse", name)
        path = here / ".git" / "objects" / lost[:2] / lost[2:]
        kept = path.read_bytes()
        path.unlink()
        assert "fetch the whole commit" in refused(here, "HEAD")
        path.write_bytes(kept)


def test_a_replaced_commit(here: Path, git: Git) -> None:
    """`refs/replace` puts no other tree behind a commit id."""
    first = commit(git, {"a": "1"})
    second = commit(git, {"a": "2"})
    git("replace", first, second)
    with folder_of(here, first) as base:
        assert safe_read(base.path, "a") == b"1"


def test_the_variables_of_a_hook(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git sets GIT_DIR and others for a hook; the repository of the folder is meant all the same."""
    first = commit(git, {"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(here / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(here / "elsewhere" / "index"))
    assert commit_of(here) == first


def test_links_do_not_lead_out(here: Path, git: Git) -> None:
    """A link is laid out as a link: one inside works, one that leads out is refused when it is read."""
    write("secret", "of this machine")
    Path("repository").mkdir()
    write("inner/a", "1")
    Path("inner/near").symlink_to("a")
    Path("inner/far").symlink_to(here / "secret")
    Path("inner/up").symlink_to("../../../../../../etc/passwd")
    git("add", "inner")
    git("commit", "-q", "-m", "links")
    with folder_of(here / "inner", "HEAD") as base:
        assert safe_read(base.path, "near") == b"1"
        for name in ("far", "up"):
            with pytest.raises(PathError):
                safe_read(base.path, name)


def test_nothing_is_written_through_a_link(here: Path, git: Git) -> None:
    """A tree with a link and a folder of one name cannot make a file outside."""
    outside = here / "outside"
    outside.mkdir()
    blob = git("hash-object", "-w", "--stdin", data=b"gotcha")
    link = git("hash-object", "-w", "--stdin", data=str(outside).encode())
    inner = git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=b"100644 x\0" + bytes.fromhex(blob))
    both = hand_made(git, ("120000", link, b"a"), ("40000", inner, b"a"))
    assert refused(here, both).startswith("the commit cannot be laid out: ")
    twice = hand_made(git, ("100644", blob, b"a"), ("100644", blob, b"a"))
    assert refused(here, twice).startswith("the commit cannot be laid out: ")
    empty = git("hash-object", "-w", "--stdin", data=b"")
    assert refused(here, hand_made(git, ("120000", empty, b"a"))).startswith("the commit cannot be laid out: ")
    nul = git("hash-object", "-w", "--stdin", data=b"a\0b")
    assert refused(here, hand_made(git, ("120000", nul, b"a"))).startswith("the commit cannot be laid out: ")
    assert tree(outside) == {}


@pytest.mark.parametrize("name", [b"..", b".", b"/x", b"a/../../x", b"a//b"])
def test_names_that_lead_out(here: Path, git: Git, name: bytes) -> None:
    """A tree that another program wrote may hold any name; such a revision is refused."""
    blob = git("hash-object", "-w", "--stdin", data=b"gotcha")
    assert "leads out of its folder" in refused(here, hand_made(git, ("100644", blob, name)))


def test_a_submodule_is_not_taken_for_absent(here: Path, git: Git) -> None:
    """The files of a submodule are elsewhere: a pattern that may mean them is an error."""
    first = commit(git, {"policies/a.yaml": "1"})
    git("update-index", "--add", "--cacheinfo", f"160000,{first},vendor")
    git("commit", "-q", "-m", "submodule")
    with folder_of(here, "HEAD") as base:
        assert expand(base.path, ["policies/*.yaml"]) == ("policies/a.yaml",)
        assert expand(base.path, ["*.yaml"]) == ()
        for pattern in ("**/*.yaml", "*/*.yaml"):
            with pytest.raises(InputError, match="cannot be listed"):
                expand(base.path, [pattern])


def test_a_large_file_is_not_read(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is laid out in its size without its content, so that its reader names it as too large."""
    monkeypatch.setattr("runback_gate.revision.tree.MAX_FILE_BYTES", 1 << 20)
    commit(git, {"a.yaml": "x" * ((1 << 20) + 1), "b.yaml": "1"})
    with folder_of(here, "HEAD") as base:
        assert safe_read(base.path, "b.yaml") == b"1"
        with pytest.raises(DocumentError, match="larger than 1,048,576 bytes"):
            safe_read(base.path, "a.yaml")
        assert (base.path / "a.yaml").read_bytes() == bytes((1 << 20) + 1)


@pytest.mark.integration
def test_a_large_revision(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files, and too many bytes, are refused."""
    commit(git, {"a": "1", "b": "2", "c": "3"})
    with monkeypatch.context() as limits:
        limits.setattr(repository, "MAX_FILES", 2)
        assert "more than 2 files" in refused(here, "HEAD")
        limits.setattr(process, "MAX_LISTING", 20)
        assert "more than 200,000 files" in refused(here, "HEAD")
    monkeypatch.setattr(layout, "MAX_BYTES", 2)
    assert "more than 0 MiB" in refused(here, "HEAD")


@pytest.mark.integration
def test_a_slow_git(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that does not end is ended."""
    commit(git, {"a": "1"})
    slow = write("bin/git", "#!/bin/sh\nexec sleep 60\n")
    slow.chmod(slow.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(process, "MAX_SECONDS", 0.01)
    monkeypatch.setenv("PATH", f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert "took too long" in refused(here, "main")


@pytest.mark.parametrize("answer", ["printf '100644 blob\\n'", "printf 'something else\\0'"])
def test_a_strange_git(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """A listing that is not understood is an error, not an empty revision."""
    first = commit(git, {"a": "1"})
    script = f'#!/bin/sh\ncase "$*" in *ls-tree*) {answer};; *--verify*) echo {first};; esac\n'
    strange = write("bin/git", script)
    strange.chmod(0o755)
    monkeypatch.setenv("PATH", f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert "in a form that is not known" in refused(here, "main")


def test_a_file_that_git_does_not_give(here: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git ends before it gave every file: an error, not an empty file."""
    commit(git, {"a": "1"})
    real = shutil.which("git")
    write("bin/git", f'#!/bin/sh\ncase "$*" in *cat-file*) ;; *) exec {real} "$@";; esac\n').chmod(0o755)
    monkeypatch.setenv("PATH", f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert refused(here, "main").startswith("a: the content of this file is not here (fetch the whole commit")
