"""What commands ask of the terminal, with streams of every kind."""

from __future__ import annotations

import io
import os
import pty
import runpy
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
import pytest

from runback_gate.cli import cli, main, terminal
from tests.cli.conftest import Command


@pytest.fixture
def screen() -> Iterator[tuple[int, TextIO]]:
    """The two ends of a terminal: what is shown can be read from the first."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield master, stream
    os.close(master)


def code_of(*arguments: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.integration
def test_terminals(screen: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is one that can move its cursor; no stream at all is none."""
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.is_terminal(screen[1])
    assert not terminal.is_terminal(None)
    assert not terminal.is_terminal(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_terminal(screen[1])


@pytest.mark.integration
def test_colour(screen: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour on a terminal that did not ask for none."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen[1])
    assert terminal.colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.colour()


@pytest.mark.parametrize(("columns", "width"), [("10", 60), ("100", 100), ("9999", 200)])
def test_width(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    """As wide as the terminal, within what can be read."""
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.width() == width


@pytest.mark.parametrize(("encoding", "able"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_signs(monkeypatch: pytest.MonkeyPatch, encoding: str, able: bool) -> None:
    """Signs are shown where the stream can encode them."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert terminal.unicode() is able
    monkeypatch.setattr(sys, "stdout", None)
    assert not terminal.unicode()


@pytest.mark.integration
def test_a_bar_on_a_terminal(screen: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal progress is a bar with the cases done."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen[1])
    with terminal.progress(quiet=False) as step:
        for done in range(1, 4):
            step(done, 3, None)
    screen[1].flush()
    shown = ""
    while select.select([screen[0]], [], [], 0.5)[0]:
        shown += os.read(screen[0], 1 << 16).decode()
    assert "judging" in shown
    assert "3/3" in shown


def test_lines_elsewhere(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal a slow run says now and then how far it is, a quick or quiet one nothing."""
    for quiet in (False, True):
        with terminal.progress(quiet=quiet) as step:
            step(1, 2, None)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("runback_gate.report.progress.INTERVAL", 0.0)
    with terminal.progress(quiet=False) as step:
        step(1, 2, None)
        step(2, 2, None)
    assert capsys.readouterr().err == "judged 1 of 2 cases\njudged 2 of 2 cases\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads(gate: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whichever stream is closed, the exit code is 2 when something was to be said there."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, name, stream)
        assert code_of("run" if name == "stdout" else "nonsense") == 2
    assert (gate / ".runback/report.json").exists() is (name == "stdout")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_stream_on_a_full_disk(
    command: Command, gate: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be printed was not said: exit 2, and the other stream says why."""
    assert command("run").code == 0
    with Path("/dev/full").open("w") as full:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            assert code_of("render") == 2
        assert capsys.readouterr().err == "error: standard output: No space left on device\n"
    assert gate.is_dir()


def test_streams_that_are_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a program that replaced standard error by a buffer, errors go there."""
    buffer = io.StringIO()
    monkeypatch.setattr(sys, "stderr", buffer)
    assert code_of("nonsense") == 2
    assert buffer.getvalue().startswith("error: no command is named 'nonsense'")


def test_interruption(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a command waits for input: exit 2 and one line."""

    class Waiting(io.RawIOBase):
        """Standard input at which somebody presses Ctrl-C."""

        def readable(self) -> bool:
            return True

        def readinto(self, _: object) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Waiting())))
    assert code_of("import", "transcript", "-", "--agent", "a") == 2
    assert capsys.readouterr() == ("", "error: interrupted\n")


def test_completion_in_this_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The shell's question is answered; one that is none exits 2, never 1."""
    monkeypatch.setenv("_RUNBACK_GATE_COMPLETE", "fish_complete")
    monkeypatch.setenv("COMP_WORDS", "runback-gate da")
    monkeypatch.setenv("COMP_CWORD", "da")
    assert code_of() == 0
    assert capsys.readouterr().out.startswith("plain,dataset")
    monkeypatch.setenv("_RUNBACK_GATE_COMPLETE", "nonsense")
    assert code_of() == 2


def test_unknown_commands_are_none() -> None:
    """The group knows its commands and no other."""
    assert cli.get_command(click.Context(cli), "nonsense") is None


def test_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m runback_gate.cli` is the same command."""
    monkeypatch.setattr(sys, "argv", ["runback-gate", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("runback_gate.cli", run_name="__main__")
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("runback-gate, version ")
