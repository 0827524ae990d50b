"""What the patterns of a gate reach in a commit through links and submodules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runback_gate.app.sides import open_sides
from runback_gate.documents import expand, safe_read
from runback_gate.errors import PathError
from tests.cli.conftest import write
from tests.github.repository import Repository


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
