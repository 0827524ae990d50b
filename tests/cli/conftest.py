"""The command line as a user meets it: in this process, or as one of its own."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.cli import main

ROOT = Path(runback_gate.__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Result:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one error line, without its first word."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0].removeprefix("error: ")


Command = Callable[..., Result]
Refused = Callable[..., str]
Git = Callable[..., str]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes, and every folder; not the empty `.git` that marks a laid-out top."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not path.is_fifo() and not (path.name == ".git" and path.is_dir() and not any(path.iterdir()))
    }


def change(path: Path | str, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = Path(path).read_text("utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), "utf-8")


def write(path: Path | str, data: str | bytes) -> Path:
    """Write a file and its folder."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.encode() if isinstance(data, str) else data)
    return target


def indented(text: str, spaces: int) -> str:
    """Text for a YAML block."""
    return re.sub("^", " " * spaces, text, flags=re.MULTILINE)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "RUNBACK_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def command(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in this process: `command("run", "--all").code`."""

    def run(*arguments: str, stdin: bytes = b"") -> Result:
        assert Path.cwd() == here
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Result(stop.value.code, out, err)

    return run


@pytest.fixture
def refused(command: Command, here: Path) -> Refused:
    """Runs a command that must be refused: exit 2, nothing printed, one error line (given back), nothing written."""

    def run(*arguments: str, stdin: bytes = b"") -> str:
        before = tree(here)
        result = command(*arguments, stdin=stdin)
        assert (result.code, result.out) == (2, ""), result
        assert tree(here) == before
        return result.error

    return run


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start that `init` writes, to be copied."""
    folder = tmp_path_factory.mktemp("started")
    with pytest.raises(SystemExit, match="0"):
        main(["init", "--root", folder.as_posix()])
    return folder


@pytest.fixture
def gate(started: Path, here: Path) -> Path:
    """A folder with the start that `init` writes."""
    shutil.copytree(started, here, dirs_exist_ok=True)
    return here


def environment(**more: str) -> dict[str, str]:
    """The environment of a process of its own."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "0", **more}


def process(*arguments: str, cwd: Path, env: dict[str, str] | None = None, **options: Any) -> Result:
    """Runs a command as a process of its own."""
    words = [sys.executable, "-m", "runback_gate.cli", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    done = subprocess.run(words, cwd=cwd, env=env or environment(), check=False, **options)
    out, err = ((data or b"").decode(errors="backslashreplace") for data in (done.stdout, done.stderr))
    return Result(done.returncode, out, err)


@pytest.fixture
def git(here: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """An empty repository in this folder, and git in it."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(*arguments: str, data: bytes | None = None) -> str:
        person = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        done = subprocess.run(["git", *person, *arguments], cwd=here, input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git, files: dict[str, str]) -> str:
    """Commit files; gives the commit id."""
    for name, text in files.items():
        write(name, text)
    git("add", "-A")
    git("commit", "-q", "-m", "change")
    return git("rev-parse", "HEAD")
