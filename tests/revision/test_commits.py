"""Generated repositories: whatever a change or a configuration does, base and head are as the commits say."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.app.sides import open_sides
from runback_gate.documents import safe_read
from tests.cli.conftest import write
from tests.examples import examples
from tests.github.repository import Repository
from tests.revision.gates import FILES

NAMES = sorted(FILES)

ATTRIBUTES = [
    "text",
    "-text",
    "text=auto",
    "text eol=crlf",
    "eol=crlf",
    "crlf",
    "ident",
    "working-tree-encoding=UTF-16LE",
    "working-tree-encoding=ASCII//TRANSLIT",
    "working-tree-encoding=latin1",
    "filter=evil",
    "filter=lfs",
    "diff=evil",
    "merge=evil",
    "export-ignore",
    "export-subst",
    "binary",
    "linguist-generated",
]
SETTINGS = [
    ("core.autocrlf", "true"),
    ("core.autocrlf", "input"),
    ("core.eol", "crlf"),
    ("core.symlinks", "false"),
    ("core.fileMode", "false"),
    ("core.ignoreCase", "true"),
    ("core.precomposeUnicode", "true"),
    ("core.quotePath", "true"),
    ("core.sparseCheckout", "true"),
    ("core.attributesFile", "evil-attributes"),
    ("core.excludesFile", "evil-excludes"),
    ("core.useReplaceRefs", "true"),
    ("core.untrackedCache", "true"),
    ("core.splitIndex", "true"),
    ("core.logAllRefUpdates", "false"),
    ("core.abbrev", "4"),
    ("core.commentChar", "a"),
    ("core.warnAmbiguousRefs", "false"),
    ("core.trustctime", "false"),
    ("core.checkStat", "minimal"),
    ("core.bigFileThreshold", "1"),
    ("filter.evil.clean", "touch CAUGHT; echo evil"),
    ("filter.evil.smudge", "touch CAUGHT; echo evil"),
    ("filter.evil.process", "touch CAUGHT"),
    ("filter.evil.required", "true"),
    ("diff.evil.textconv", "touch CAUGHT; echo evil"),
    ("diff.external", "touch CAUGHT; echo evil"),
    ("merge.evil.driver", "touch CAUGHT"),
    ("diff.renames", "copies"),
    ("diff.noprefix", "true"),
    ("status.showUntrackedFiles", "no"),
    ("color.ui", "always"),
    ("column.ui", "always"),
    ("log.showSignature", "true"),
    ("submodule.recurse", "true"),
    ("fetch.recurseSubmodules", "true"),
    ("alias.ls-tree", "!touch CAUGHT"),
    ("alias.cat-file", "!touch CAUGHT"),
    ("alias.rev-parse", "!touch CAUGHT"),
    ("core.pager", "touch CAUGHT"),
    ("pager.ls-tree", "touch CAUGHT"),
    ("core.fsmonitor", "touch CAUGHT"),
    ("core.hooksPath", "hooks"),
    ("core.editor", "touch CAUGHT"),
    ("uploadpack.packObjectsHook", "touch CAUGHT"),
]

Work = Callable[[Repository, str], object]


def _edit(repository: Repository, name: str) -> None:
    write(repository.path / name, "edited")


def _remove(repository: Repository, name: str) -> None:
    (repository.path / name).unlink()


def _link(repository: Repository, name: str) -> None:
    (repository.path / name).unlink()
    (repository.path / name).symlink_to(repository.path / ".git/config")


def _flag(flag: str) -> Work:
    def set_flag(repository: Repository, name: str) -> None:
        repository.git("update-index", flag, name)
        write(repository.path / name, "edited unseen")

    return set_flag


def _stage(repository: Repository, name: str) -> None:
    write(repository.path / name, "staged")
    # `git add` would run what is configured, and fail where that does.
    blob = repository.git("hash-object", "-w", "--no-filters", name)
    repository.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")


def _beside(repository: Repository, name: str) -> None:
    write(repository.path / Path(name).parent / "beside.yaml", "not of the commit")


def _ignored(repository: Repository, name: str) -> None:
    write(repository.path / ".git/info/exclude", "ignored.yaml\n")
    write(repository.path / Path(name).parent / "ignored.yaml", "not of the commit")


def _attribute_here(repository: Repository, name: str) -> None:
    write(repository.path / ".git/info/attributes", f"{name} filter=evil working-tree-encoding=UTF-16 eol=crlf\n")


def _nested(repository: Repository, name: str) -> None:
    Repository(repository.path / Path(name).parent / "nested")


WORK: dict[str, Work] = {
    "nothing": lambda _repository, _name: None,
    "edit": _edit,
    "remove": _remove,
    "link": _link,
    "assume unchanged": _flag("--assume-unchanged"),
    "skip worktree": _flag("--skip-worktree"),
    "stage": _stage,
    "beside": _beside,
    "ignored": _ignored,
    "attribute": _attribute_here,
    "nested repository": _nested,
    "index is gone": lambda repository, _name: (repository.path / ".git/index").unlink(),
    "executable": lambda repository, name: (repository.path / name).chmod(0o755),
}


class Change(NamedTuple):
    """What a generated change and its checkout are like."""

    attributes: dict[str, str]
    settings: dict[str, str]
    files: dict[str, str]
    work: list[tuple[str, str]]


CHANGES = st.builds(
    Change,
    st.dictionaries(st.sampled_from(["*", *NAMES]), st.sampled_from(ATTRIBUTES), max_size=3),
    st.lists(st.sampled_from(SETTINGS), max_size=4).map(dict),
    st.dictionaries(
        st.sampled_from(NAMES[:4]), st.sampled_from(["a\n", "b\r\nc\r\n", "$Id$\n", "ü\n", ""]), max_size=3
    ),
    st.lists(st.tuples(st.sampled_from(sorted(WORK)), st.sampled_from(NAMES)), max_size=3),
)


def objects(repository: Repository, commit: str) -> dict[str, bytes]:
    """The files of a commit, one by one, by the plainest command that git has."""
    names = repository.git("ls-tree", "-r", "--name-only", commit).splitlines()
    found = {}
    for name in names:
        words = ["git", "-C", str(repository.path), "cat-file", "blob", f"{commit}:{name}"]
        found[name] = subprocess.run(words, capture_output=True, check=True).stdout
    return found


@pytest.mark.integration
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES)
def test_base_and_head_are_as_the_commits_say(change: Change) -> None:
    """Attributes, configuration, index flags, edits, links, files beside: none of it is in what is judged."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder) / "repository")
        for name, text in FILES.items():
            write(repository.path / name, text)
        base = repository.commit("base")
        for name, text in change.files.items():
            if name != "runback.yaml":
                write(repository.path / name, text)
        lines = "".join(f"{name} {attribute}\n" for name, attribute in change.attributes.items())
        write(repository.path / "README.md", "change")
        head = repository.commit("head")
        write(repository.path / ".gitattributes", lines)
        for key, value in change.settings.items():
            repository.git("config", key, value.replace("CAUGHT", f"'{folder}/caught'"))
        for kind, name in change.work:
            if (repository.path / name).is_file() and not (repository.path / name).is_symlink():
                with_index = (repository.path / ".git/index").exists()
                if with_index or kind in ("edit", "remove", "beside"):
                    WORK[kind](repository, name)
        (Path(folder) / "caught").unlink(missing_ok=True)
        expected = {side: objects(repository, commit) for side, commit in (("base", base), ("head", head))}
        with open_sides(repository.path, base=base) as sides:
            assert sides.against.head == head
            assert sides.against.base is not None
            assert sides.against.base.commit == base
            with sides.against.base.lay_out() as before:
                for side, laid_out in (("base", before), ("head", sides.head)):
                    for name in NAMES:
                        assert safe_read(laid_out, name) == expected[side][name]
                    assert not list(laid_out.rglob("beside.yaml"))
                    assert not list(laid_out.rglob("ignored.yaml"))
            changed = {kind for kind, _ in change.work} & {"edit", "beside", "ignored", "stage"}
            assert sides.working is not None or not changed or "index is gone" in dict(change.work)
        assert not (Path(folder) / "caught").exists()
