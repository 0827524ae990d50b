"""`demo`: a failing run in an empty folder, and a way from it to a test that is red, then green."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.app.demo import BROKE, NEXT, RUN
from runback_gate.cli import COMMANDS
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No browser is opened by a test."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_it_wants_an_empty_folder(command: Command, here: Path) -> None:
    """What lies there already is named, and nothing is written."""
    (here / "notes.txt").write_text("mine", encoding="utf-8")
    result = command("demo", "--no-browser")
    assert result.code == 2
    assert "notes.txt: is in the way" in result.err
    assert [path.name for path in here.iterdir()] == ["notes.txt"]


@pytest.mark.usefixtures("here")
def test_from_a_failing_run_to_a_test(command: Command) -> None:
    """The commands that it prints work as they stand, in their order, and without a key."""
    result = command("demo", "--no-browser")
    assert result.code == 0
    assert "demo.html   open it in a browser" in result.out
    text = Path(".runback/demo.html").read_text(encoding="utf-8")
    assert '"next":[["Ask again' in text
    codes = []
    for _, line in NEXT:
        assert line.replace("STEP", str(BROKE)) in result.out
        for part in line.replace("STEP", str(BROKE)).split(" && "):
            program, *words = part.split()
            if program == "cp":
                Path(words[1]).write_bytes(Path(words[0]).read_bytes())
            elif words[0] in COMMANDS:
                codes.append((words[0], command(*words).code))
    assert codes[-3:] == [("dataset", 0), ("run", 1), ("run", 0)]
    assert all(code == 0 for name, code in codes if name == "replay")


@pytest.mark.usefixtures("here")
def test_the_run_is_refused_where_it_broke(command: Command) -> None:
    """The policy that the demo writes refuses the step that it names, and no other."""
    command("demo", "--no-browser")
    result = command("backtest", "--runs", f"runs/{RUN}.jsonl", "--policies", "policies")
    assert result.out.count(" step ") == 1
    assert f"run {RUN} step {BROKE}" in result.out
