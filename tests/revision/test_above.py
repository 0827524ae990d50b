"""Files that a gate names above its own folder: read alike in a working tree, from git and through the API."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent import load_agent
from runback_gate.app.sides import open_sides
from runback_gate.documents.repository import from_top, shortest
from runback_gate.errors import InputError
from runback_gate.github.api import Api
from runback_gate.github.tree import GitHubTree
from runback_gate.revision.layout import laid_out
from runback_gate.revision.repository import GitTree
from runback_gate.revision.selection import select
from runback_gate.revision.snapshot import differences
from tests.cli.conftest import write
from tests.github.conftest import api, hub
from tests.github.fake import FakeGitHub
from tests.github.repository import Repository

__all__ = ["api", "hub"]

FOLDER = "services/support"
AGENT = "apiVersion: runback.dev/v1\nkind: Agent\nmetadata: {name: a}\nspec: {system: {file: %s}}\n"
GATES = {
    "folders": "spec: {agents: ['agents/*.yaml']}\n",
    "any folder": "spec: {agents: ['**/*.yaml'], policies: ['*.yaml']}\n",
}
PLACES = {
    "../../../app/prompt.md": "../../app/prompt.md",
    "../../prompt.md": "../prompt.md",
    "../../other/deep/er/prompt.md": "../other/deep/er/prompt.md",
    "../../support/app/prompt.md": "app/prompt.md",
    "../../../services/support/agents/prompt.md": "agents/prompt.md",
    "./x/../../../prompt.md": "../prompt.md",
}
"""What an agent file names, and the same from the folder of the gate."""
OUTSIDE = ["../../../../prompt.md", "../../../../repository/app/prompt.md", "/etc/hostname", "../../../.git/config"]


@pytest.fixture
def repository(tmp_path: Path, hub: FakeGitHub) -> Repository:
    """A repository that the fake GitHub holds, with a gate two folders down."""
    hub.git = tmp_path / "repository"
    found = Repository(hub.git)
    write(found.path / FOLDER / "runback.yaml", GATES["folders"])
    write(tmp_path / "prompt.md", "not of the repository")
    return found


Reading = Callable[[Repository, Api], contextlib.AbstractContextManager[Path]]


@contextlib.contextmanager
def working_tree(repository: Repository, _api: Api) -> Iterator[Path]:
    yield repository.path / FOLDER


@contextlib.contextmanager
def from_git(repository: Repository, _api: Api) -> Iterator[Path]:
    with laid_out(GitTree(repository.path, FOLDER, repository.git("rev-parse", "HEAD"))) as folder:
        yield folder


@contextlib.contextmanager
def from_github(repository: Repository, api: Api) -> Iterator[Path]:
    with laid_out(GitHubTree(api, repository.git("rev-parse", "HEAD"), FOLDER, repository.path)) as folder:
        yield folder


READINGS = pytest.mark.parametrize("reading", [working_tree, from_git, from_github])


@READINGS
@pytest.mark.parametrize("gate", GATES)
def test_a_file_anywhere_in_the_repository(repository: Repository, api: Api, reading: Reading, gate: str) -> None:
    """An agent reads its prompt wherever it lies in the repository, and knows it by its shortest name."""
    write(repository.path / FOLDER / "runback.yaml", GATES[gate])
    for index, (named, path) in enumerate(PLACES.items()):
        write(repository.path / FOLDER / f"agents/{index}.yaml", AGENT % named)
        write(repository.path / FOLDER / path, path)
    repository.commit()
    with reading(repository, api) as root:
        agents = [load_agent(root, f"agents/{index}.yaml") for index in range(len(PLACES))]
    assert [agent.system for agent in agents] == [agent.files[1].path for agent in agents] == list(PLACES.values())


@READINGS
def test_no_file_outside_of_it(repository: Repository, api: Api, reading: Reading) -> None:
    """What leads out of the repository, or to what git keeps in it, is refused, whatever lies there."""
    for index, named in enumerate(OUTSIDE):
        write(repository.path / FOLDER / f"agents/{index}.yaml", AGENT % named)
    write(repository.path / "app/prompt.md", "Be kind.")
    repository.commit()
    with reading(repository, api) as root:
        for index in range(len(OUTSIDE)):
            with pytest.raises(InputError, match=r"leads (out of the root|into \.git)"):
                load_agent(root, f"agents/{index}.yaml")


def _link(place: Path) -> None:
    place.mkdir()
    (place / "prompt.md").symlink_to("../real/prompt.md")


def _link_out(place: Path) -> None:
    place.symlink_to(place.parent.parent)


def _submodule(place: Path) -> None:
    other = Repository(place)
    write(other.path / "prompt.md", "Be kind.")
    other.commit()


NO_FILES: dict[str, Callable[[Path], object]] = {
    "link": _link,
    "behind a link": lambda place: place.symlink_to("real"),
    "link out": _link_out,
    "submodule": _submodule,
    "behind a file": lambda place: write(place, "a file"),
    "folder": lambda place: write(place / "prompt.md/x", "a folder"),
    "missing": lambda place: write(place / "promt.md", "Be kind."),
}


@READINGS
def test_what_is_no_file_there_is_refused(repository: Repository, api: Api, reading: Reading) -> None:
    """A link, a submodule, a file or nothing on the way to it: refused in each reading, at the line that names it."""
    write(repository.path / "real/prompt.md", "Be kind.")
    for index, make in enumerate(NO_FILES.values()):
        write(repository.path / FOLDER / f"agents/{index}.yaml", AGENT % f"../../../app{index}/prompt.md")
        make(repository.path / f"app{index}")
    repository.commit()
    with reading(repository, api) as root:
        for index in range(len(NO_FILES)):
            with pytest.raises(InputError, match=r"spec\.system\.file: "):
                load_agent(root, f"agents/{index}.yaml")


def test_a_name_that_stands_twice_in_a_tree(repository: Repository) -> None:
    """Of two files or folders of one name, which git does not write, none is chosen: on the way down, and above."""
    write(repository.path / FOLDER / "agents/a.yaml", AGENT % "../../../app/prompt.md")
    write(repository.path / "app/prompt.md", "Be kind.")
    repository.commit()
    top = repository.git("ls-tree", "HEAD").splitlines()
    for name in ("services", "app"):
        (line,) = (line for line in top if line.endswith(f"\t{name}"))
        body = b""
        for item in sorted([*top, line]):
            mode, _, identity = item.partition("\t")[0].split()
            body += f"{mode.lstrip('0')} {item.partition(chr(9))[2]}\0".encode() + bytes.fromhex(identity)
        (repository.path.parent / "tree").write_bytes(body)
        made = repository.git("hash-object", "-t", "tree", "-w", "--literally", str(repository.path.parent / "tree"))
        commit = repository.git("commit-tree", made, "-m", "twice")
        with (
            pytest.raises(InputError, match="two entries of that name in this commit"),
            laid_out(GitTree(repository.path, FOLDER, commit)),
        ):
            pass


def test_an_edit_above_is_a_difference(repository: Repository) -> None:
    """A file above that differs from its commit, or that the commit lacks, is named as any other."""
    write(repository.path / FOLDER / "agents/a.yaml", AGENT % "../../../app/a.md")
    write(repository.path / FOLDER / "agents/b.yaml", AGENT % "../../../app/b.md")
    write(repository.path / "app/a.md", "Be kind.")
    write(repository.path / ".gitignore", "b.md\n")
    commit = repository.commit()
    write(repository.path / "app/a.md", "Be rude.")
    write(repository.path / "app/b.md", "ignored, and read all the same")
    with open_sides(repository.path / FOLDER, base=commit) as sides:
        assert sides.working is not None
        assert sides.against.unlike == "../../app/a.md, ../../app/b.md"
        assert load_agent(sides.head, "agents/a.yaml").system == "Be kind."
        with pytest.raises(InputError, match="no such file"):
            load_agent(sides.head, "agents/b.yaml")


IGNORED = ("agents/ignored.yaml", "deep/er/ignored.yaml", "../../app/a.md", "../../shared/x.yaml")
"""An agent, a file in a folder of any name, a prompt above, what a link leads to."""


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("base", ["HEAD", "./before"])
def test_an_approval_covers_no_ignored_file(
    repository: Repository, gate: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is approved is the commit, whatever git is told to ignore lies where the gate would read it."""
    monkeypatch.chdir(repository.path.parent)
    write("before/runback.yaml", GATES[gate])
    root = repository.path / FOLDER
    write(root / "runback.yaml", GATES[gate])
    write(root / "agents/a.yaml", AGENT % "../../../app/a.md")
    (root / "agents/link.yaml").symlink_to("../../../shared/x.yaml")
    write(repository.path / ".gitignore", "ignored.yaml\na.md\nx.yaml\n")
    head = repository.commit()
    for place in IGNORED:
        write(root / place, "not of the commit")
    with open_sides(root, base=base, approve=head) as sides:
        assert (sides.against.head, bool(sides.against.unlike)) == (head, True)
        assert [place for place in IGNORED if (sides.head / place).exists()] == []
    for place in IGNORED[:3]:
        (root / place).unlink()
    # What lies behind a link is not looked for. It is not laid out either.
    with open_sides(root, base=base, approve=head) as sides:
        assert (sides.against.head, sides.against.unlike) == (head, "")
        with pytest.raises(InputError):
            load_agent(sides.head, "agents/link.yaml")


@pytest.mark.parametrize("gate", GATES)
def test_ignored_files_that_a_gate_would_read_are_differences(repository: Repository, gate: str) -> None:
    """What git ignores and the patterns name is named; what they do not name is none of the gate's business."""
    root = repository.path / FOLDER
    write(root / "runback.yaml", GATES[gate])
    write(root / "agents/a.yaml", AGENT % "a.md")
    write(repository.path / ".gitignore", "*\n")
    repository.git("add", "--force", f"{FOLDER}/runback.yaml", f"{FOLDER}/agents/a.yaml")
    repository.git("commit", "--quiet", "--message", "gate")
    tree = GitTree(repository.path, FOLDER, repository.git("rev-parse", "HEAD"))
    for name in ("agents/b.yaml", "agents/a.md", "node_modules/x/y.js", ".venv/lib/z.yaml", ".runback/report.json"):
        write(root / name, "ignored")
    from runback_gate.revision.repository import Repository as Found  # noqa: PLC0415  the other of this name

    assert differences(root, Found(repository.path, FOLDER), select(tree)) == ["agents/a.md", "agents/b.yaml"]


PARTS = st.lists(st.sampled_from(["..", ".", "a", "b", ""]), max_size=6).map("/".join)


@given(st.sampled_from(["", "a", "a/b"]), PARTS)
def test_the_shortest_name_means_the_same_file(folder: str, name: str) -> None:
    """A name in its shortest form leads from the folder to the same place; one that leads out has none."""
    found = shortest(folder, name)
    place = from_top(folder, name)
    if name.startswith("/") or place.split("/")[0] == "..":
        assert found is None
    else:
        assert found is not None
        assert from_top(folder, found) == place
        assert shortest(folder, found) == found
