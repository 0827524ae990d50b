"""`runs prune`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step
from runback_gate.store.prune import DAY, stored_runs
from tests.cli.conftest import Command, write


def recorded(name: str, days: float) -> Path:
    """Writes a run that is so many days old."""
    step = Step("a", Request("m", None, (Message("user", "Hi"),)), Response("Hello"), Source(name, 0, "exact"))
    path = write(f"runs/{name}.jsonl", write_run(Run(name, "a", (step,)), os.urandom))
    os.utime(path, (path.stat().st_mtime - days * DAY,) * 2)
    return path


def test_prune(command: Command, here: Path) -> None:
    """Old runs go; other files of the folder, and what a dry run only names, stay."""
    old, new = recorded("old", 40), recorded("new", 2)
    notes = write("runs/notes.jsonl", '{"note": 1}\n')
    os.utime(notes, (0, 0))
    shown = command("runs", "prune", "--older-than", "30", "--dry-run")
    assert (shown.code, old.exists()) == (0, True)
    assert shown.out.startswith("would remove 1 run")
    assert command("runs", "prune", "--older-than", "30").code == 0
    assert [path.exists() for path in (old, new, notes)] == [False, True, True]
    assert command("runs", "prune", "--max-size", "1G").out.startswith("removed 0 runs")
    assert command("runs", "prune", "--max-size", "0").out.startswith("removed 1 run,")
    assert (stored_runs(here / "runs"), notes.exists()) == ((), True)


@pytest.mark.usefixtures("here")
def test_without_a_limit(command: Command) -> None:
    """Nothing goes by accident: a limit is asked for, and a folder that is there."""
    recorded("old", 40)
    assert command("runs", "prune").code == 2
    assert command("runs", "prune", "nowhere", "--older-than", "1").code == 2
