"""Generated repositories: whatever a change or a configuration does, base and head are as the commits say."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.app.sides import open_sides
from runback_gate.documents import expand, safe_read
from runback_gate.errors import InputError, PathError
from runback_gate.revision.repository import GitTree, find_repository
from tests.cli.conftest import write
from tests.examples import examples
from tests.github.repository import Repository

GATE = "spec: {agents: ['agents/*.yaml'], datasets: ['datasets/*.yaml'], policies: ['policies/*.yaml']}\n"
FILES = {
    "runback.yaml": GATE,
    "agents/a.yaml": "agent: ä\n",
    "agents/p.md": "a prompt\nof two lines\n",
    "datasets/d.yaml": "dataset: $Id$\n",
    "policies/p.yaml": "policy: calls(response)\n",
}
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


PLACES = ["services", "services/support"]


def _as_link(repository: Repository, place: str) -> None:
    (repository.path / place).rename(repository.path / "moved")
    (repository.path / place).symlink_to(os.path.relpath(repository.path / "moved", (repository.path / place).parent))


def _as_absolute_link(repository: Repository, place: str) -> None:
    (repository.path / place).rename(repository.path.parent / f"outside-{place.replace('/', '-')}")
    (repository.path / place).symlink_to(repository.path.parent / f"outside-{place.replace('/', '-')}")


def _as_submodule(repository: Repository, place: str) -> None:
    repository.git("rm", "-rq", place)
    other = Repository(repository.path / place)
    for name, text in FILES.items():
        write(other.path / "support" / name, text)
        write(other.path / name, text)
    other.commit("weak")


def _as_file(repository: Repository, place: str) -> None:
    repository.git("rm", "-rq", place)
    write(repository.path / place, "a file")


KINDS: dict[str, tuple[Work, str]] = {
    "link": (_as_link, "a link in this commit"),
    "absolute link": (_as_absolute_link, "a link in this commit"),
    "submodule": (_as_submodule, "a submodule in this commit"),
    "file": (_as_file, "a file in this commit"),
}


@pytest.fixture
def services(tmp_path: Path) -> Repository:
    """A repository with a gate in `services/support`, tagged `base`."""
    repository = Repository(tmp_path / "repository")
    for name, text in FILES.items():
        write(repository.path / "services/support" / name, text)
    repository.commit("base")
    repository.git("tag", "base")
    return repository


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_root_that_is_no_folder_is_refused_on_either_side(services: Repository, kind: str, place: str) -> None:
    """A link, a submodule or a file on the way to the gate: refused as head and, one change later, as base."""
    make, words = KINDS[kind]
    make(services, place)
    commit = services.commit("something else")
    root = services.path / "services/support"
    with pytest.raises(PathError, match=words), open_sides(root, base="base"):
        pass
    with pytest.raises(InputError), open_sides(root, base="base", head=commit):
        pass
    with pytest.raises(PathError, match=words):
        GitTree(services.path, "services/support", commit).entries()


@pytest.mark.integration
def test_a_bare_repository_that_a_change_brings(services: Repository, tmp_path: Path) -> None:
    """Files that look like a repository do not answer for the one that holds them, wherever they lie."""
    own = Repository(tmp_path / "own")
    own.commit("weak")
    own.git("tag", "base")
    subprocess.run(["git", "clone", "-q", "--bare", str(own.path), str(tmp_path / "bare")], check=True)
    for place in ("services/support", "services", "."):
        for path in sorted((tmp_path / "bare").rglob("*")):
            if path.is_file():
                write(services.path / place / path.relative_to(tmp_path / "bare"), path.read_bytes())
        for name in ("refs/heads", "refs/tags", "objects"):
            write(services.path / place / name / ".keep", "")
    head = services.commit("tidy up")
    found = find_repository(services.path / "services/support")
    assert found is not None
    assert (found.top, found.folder) == (services.path, "services/support")
    assert found.commit("HEAD") == head
    assert found.commit("base") == services.git("rev-parse", "base")


def test_a_repository_around_another(services: Repository) -> None:
    """A repository that lies untracked inside of another is its own; one that the other has files of is refused."""
    inner = Repository(services.path / "clone")
    write(inner.path / "runback.yaml", GATE)
    inner.commit("mine")
    found = find_repository(inner.path)
    assert found is not None
    assert found.top == inner.path
    Repository(services.path / "services/support").commit("inside")
    with pytest.raises(PathError, match="a repository inside of another"):
        find_repository(services.path / "services/support")


def test_a_link_from_outside(services: Repository, tmp_path: Path) -> None:
    """A link of one's own into a repository is no way to name the gate: it could be anything's."""
    (tmp_path / "mine").symlink_to(services.path / "services/support")
    with pytest.raises(PathError, match="lies behind a link"):
        find_repository(tmp_path / "mine")


def test_a_working_tree_of_its_own(services: Repository, tmp_path: Path) -> None:
    """`git worktree` has a file in the place of `.git`: it is a repository like any other."""
    services.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "base")
    found = find_repository(tmp_path / "tree/services/support")
    assert found is not None
    assert (found.top, found.commit("HEAD")) == (tmp_path / "tree", services.git("rev-parse", "base"))


@pytest.mark.parametrize(
    "pattern", ["policies/*.yaml", "policies/**/*.yaml", "**/*.yaml", "*/*.yaml", "policies/p.yaml"]
)
def test_a_pattern_that_leads_into_a_submodule(tmp_path: Path, pattern: str) -> None:
    """The files of a submodule are in another repository: they are not taken for absent, and the error names it."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", f"spec: {{policies: ['{pattern}']}}\n")
    commit = repository.commit("base")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},policies")
    repository.git("commit", "--quiet", "-m", "a submodule")
    with pytest.raises(PathError, match="policies: a submodule"), open_sides(repository.path, base=commit):
        pass


@pytest.mark.parametrize("pattern", ["policies/*.yaml", "policies/common/*.yaml", "policies/common/p.yaml"])
@pytest.mark.parametrize("link", ["policies", "policies/common", "policies/common/p.yaml", "policies/p.yaml"])
def test_a_link_on_the_way_of_a_pattern(tmp_path: Path, pattern: str, link: str) -> None:
    """What a pattern reaches through a link is laid out with the link: it is not taken for absent."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", f"spec: {{policies: ['{pattern}']}}\n")
    for name in ("common/p.yaml", "p.yaml"):
        write(repository.path / "policies" / name, "policy")
    (repository.path / link).rename(repository.path / "moved")
    (repository.path / link).symlink_to(os.path.relpath(repository.path / "moved", (repository.path / link).parent))
    commit = repository.commit("base")
    with open_sides(repository.path, base=commit) as sides:
        names = expand(repository.path, [pattern])
        assert names
        assert expand(sides.head, [pattern]) == names
        assert {safe_read(sides.head, name) for name in names} == {b"policy"}


@pytest.mark.parametrize("pattern", ["rules/*.yaml", "*.yaml", "policy/p.yaml", "policies.yaml"])
def test_a_submodule_that_no_pattern_means(tmp_path: Path, pattern: str) -> None:
    """A submodule elsewhere does no harm."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", f"spec: {{policies: ['{pattern}']}}\n")
    commit = repository.commit("base")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},policies")
    repository.git("commit", "--quiet", "-m", "a submodule")
    with open_sides(repository.path, base=commit) as sides:
        assert safe_read(sides.head, "runback.yaml")


def test_histories_without_a_common_commit(tmp_path: Path) -> None:
    """A shallow clone, or another history, has nothing to be held against: refused, with the way out."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", GATE)
    repository.commit("base")
    repository.git("tag", "base")
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit("another history")
    with (
        pytest.raises(InputError, match=r"no commit here in common .*--unshallow"),
        open_sides(repository.path, base="base"),
    ):
        pass


def test_a_half_done_commit_is_no_base(tmp_path: Path) -> None:
    """A change that begins in the middle of a branch that was merged would choose a state that the base never had."""
    repository = Repository(tmp_path / "repository")
    write(repository.path / "runback.yaml", GATE)
    start = repository.commit("base")
    write(repository.path / "runback.yaml", GATE + "# loosened, for a moment\n")
    middle = repository.commit("half done")
    write(repository.path / "runback.yaml", GATE)
    done = repository.commit("done")
    main = repository.merge(start, done)
    repository.git("checkout", "--quiet", "-B", "main", main)
    repository.git("checkout", "--quiet", "-b", "topic", middle)
    write(repository.path / "README.md", "x")
    repository.commit("topic")
    with pytest.raises(InputError, match="was never the state of"), open_sides(repository.path, base="main"):
        pass
    repository.git("merge", "--quiet", "-m", "merge", "main")
    with open_sides(repository.path, base="main") as sides:
        assert sides.against.base is not None
        assert sides.against.base.commit == main
