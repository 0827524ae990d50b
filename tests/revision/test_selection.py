"""What of a commit a gate can name."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.revision.repository import find_repository
from runback_gate.revision.selection import Selection, select
from tests.cli.conftest import Git, commit

GATE = "kind: Gate\nspec: {agents: [agents/*.yaml], policies: [policies/*.yaml]}\n"
AGENT = "kind: Agent\nspec: {system: {file: %s}, tools: {file: ../app/tools.json}}\n"


def selected(here: Path, also: str | None = None) -> Selection:
    """What the gate of HEAD can name."""
    repository = find_repository(here)
    assert repository is not None
    return select(repository.tree(repository.commit("HEAD")), also=also)


def test_files_that_agents_name(here: Path, git: Git) -> None:
    """The prompt and tools of an agent come along wherever they lie below the gate, and nothing else there."""
    files = {"runback.yaml": GATE, "agents/a.yaml": AGENT % "../app/prompts/a.md", "app/prompts/a.md": "Hi"}
    commit(
        git,
        {**files, "app/tools.json": "[]", "app/prompts/b.md": "-", "app/main.py": "-", "other.yaml": AGENT % "o.md"},
    )
    found = selected(here)
    names = {entry.path for entry in found.entries}
    assert names == {"runback.yaml", "agents/a.yaml", "app/prompts/a.md", "app/tools.json"}
    assert set(found.folders or ()) == {"agents", "policies", "app/prompts/a.md", "app/tools.json"}


def test_files_that_the_stand_in_names(here: Path, git: Git) -> None:
    """A file that stands in for an agent brings its own."""
    stand_in = AGENT % "../app/b.md"
    commit(git, {"runback.yaml": GATE, "agents/a.yaml": "kind: Agent\n", "try/b.yaml": stand_in, "app/b.md": "Hi"})
    assert "app/b.md" in {entry.path for entry in selected(here, "try/b.yaml").entries}
    assert "app/b.md" not in {entry.path for entry in selected(here).entries}


@pytest.mark.parametrize("text", ["[", "kind: Agent\nspec: []\n", "spec: {system: {file: 7}}", AGENT % "../../secret"])
def test_agents_that_cannot_be_read(here: Path, git: Git, text: str) -> None:
    """What an agent file does not say, or says of a file outside, selects nothing; it is refused when it is judged."""
    commit(git, {"runback.yaml": GATE, "agents/a.yaml": text, "secret": "-"})
    assert {entry.path for entry in selected(here).entries} == {"runback.yaml", "agents/a.yaml"}
