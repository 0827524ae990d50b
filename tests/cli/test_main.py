"""The frame of the command line: exit codes, help, hints, streams, interruption."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from runback_gate import __version__
from runback_gate.cli import COMMANDS, cli
from tests.cli.conftest import Command, Refused, change, environment, process


def commands(
    command: click.Command = cli, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*words, name))


ALL = list(commands())
BY_NAME = {" ".join(words): words for words, _ in ALL}


@pytest.mark.parametrize("words", BY_NAME.values(), ids=BY_NAME)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(command: Command, words: tuple[str, ...], option: str) -> None:
    """Asking for help exits 0 and shows usage."""
    result = command(*words, option)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: {' '.join(('runback-gate', *words))} ")


@pytest.mark.parametrize(("words", "found"), ALL, ids=BY_NAME)
def test_every_option_says_what_it_does(words: tuple[str, ...], found: click.Command) -> None:
    """Each command, and each option of it, has a help text that is a sentence."""
    assert found.help
    assert found.help.rstrip().endswith((".", "?", ")", '"')), words
    for option in found.params:
        if isinstance(option, click.Option):
            assert option.help
            assert option.help.endswith("."), option.name


@pytest.mark.parametrize("name", [name for name, words in BY_NAME.items() if len(words) == 2])
def test_short_help_is_whole(command: Command, name: str) -> None:
    """The list of a group's commands cuts no sentence short."""
    group, _, inner = name.partition(" ")
    (line,) = [line for line in command(group, "--help").out.splitlines() if line.startswith(f"  {inner} ")]
    assert line.endswith(".")
    assert "..." not in line


def test_version(command: Command) -> None:
    """`--version` names the program and its version."""
    assert command("--version").out == f"runback-gate, version {__version__}\n"
    assert command("-V").code == 0


@pytest.mark.parametrize(
    "words",
    [words for words, found in ALL if isinstance(found, click.Group) and not found.invoke_without_command],
)
def test_a_group_without_a_command_is_no_pass(command: Command, words: tuple[str, ...]) -> None:
    """A script whose command went missing exits 2, and a person sees the help."""
    result = command(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: runback-gate")
    assert result.error == f"no command was given. Try '{' '.join(('runback-gate', *words))} --help'."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "no command is named 'rnu' (did you mean 'run'?). Try 'runback-gate --help'."),
        (["frobnicate"], "no command is named 'frobnicate'. Try 'runback-gate --help'."),
        (["policy", "tets"], "no command is named 'tets' (did you mean 'test'?). Try 'runback-gate policy --help'."),
        (["dataset", "qqq"], "no command is named 'qqq' (known: add, list, show). Try 'runback-gate dataset --help'."),
    ],
)
def test_an_unknown_command_gets_a_hint(refused: Refused, arguments: list[str], message: str) -> None:
    """The nearest name, else the known ones where they are few."""
    assert refused(*arguments) == message


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "--datset", "x"], ["'--datset'", "'--dataset'", "Try 'runback-gate run --help'."]),
        (["--frobnicate"], ["'--frobnicate'", "Try 'runback-gate --help'."]),
        (["run", "--format", "pdf"], ["'pdf'", "'markdown', 'html', 'junit', 'sarif'"]),
        (["run", "--root", "nowhere"], ["--root", "'nowhere' does not exist"]),
        (["run", "surplus"], ["unexpected extra argument", "surplus"]),
        (["run", "--json", "--annotate"], ["--json and --annotate both write to standard output"]),
        (["schema"], ["'KIND'", "policy"]),
        (["schema", "polcy"], ["'polcy'", "'policy'"]),
        (["completion", "cmd"], ["'cmd'", "'bash', 'zsh', 'fish'"]),
        (["dataset", "add", "r", "-1", "--dataset", "d.yaml"], ["-1"]),
        (["dataset", "add", "r", "one", "--dataset", "d.yaml"], ["'one'", "integer"]),
        (["dataset", "add", "r", "0"], ["--dataset"]),
        (["import", "transcript", "x.json", "--agent", " "], ["--agent", "a printable name of at most 256"]),
        (["import", "transcript", "x.json", "--agent", "a" * 257], ["--agent", "at most 256 characters"]),
        (["import", "transcript", "x.json", "--agent", "a", "--model", "\x1b[2J"], ["--model", "printable"]),
        (["backtest", "--policies", "p"], ["--runs"]),
        (["backtest", "--policies", "p", "--runs", "r", "--failures", "-1"], ["--failures"]),
    ],
)
def test_wrong_usage_is_one_line(refused: Refused, arguments: list[str], parts: list[str]) -> None:
    """Wrong usage exits 2 with one line that names what is wrong."""
    message = refused(*arguments)
    for part in parts:
        assert part in message


def test_what_was_typed_stays_inert(refused: Refused) -> None:
    """A control character in an argument is spelled out, in click's messages too."""
    for arguments in (["\x1b[2J"], ["run", "--root", "\x1b[2J"], ["render", "\x1b[2J"]):
        assert "\x1b" not in refused(*arguments)


def test_a_crash_is_no_verdict(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation exits 2 with one line; the trace is there for who asks."""
    monkeypatch.setitem(COMMANDS, "run", ("absent:run", ""))
    result = command("run")
    assert (result.code, result.out) == (2, "")
    assert result.error == (
        "internal error: ModuleNotFoundError: No module named 'runback_gate.cli.absent' "
        "(set RUNBACK_DEBUG=1 for the trace)"
    )
    monkeypatch.setenv("RUNBACK_DEBUG", "1")
    result = command("run")
    assert result.code == 2
    assert result.err.startswith("Traceback")
    assert result.error.startswith("internal error: ModuleNotFoundError")


def test_a_command_that_says_nothing_is_no_pass(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an exit code that a command gave counts."""
    monkeypatch.setattr(cli, "commands", {})
    monkeypatch.setattr("runback_gate.cli.start.schema", click.Command("schema", callback=lambda: None))
    assert command("schema").code == 2


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["schema", "report"], 2), (["run", "--json"], 2), (["--help"], 2), (["nonsense"], 2)],
)
def test_a_reader_that_left_is_no_verdict(gate: Path, arguments: list[str], code: int) -> None:
    """A closed pipe never gives exit code 1, and no complaint either, as `| head -1` is no fault."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = process(*arguments, cwd=gate, stdout=writer)
    finally:
        os.close(writer)
    assert result.code == code
    assert "BrokenPipe" not in result.err
    assert "Exception" not in result.err


@pytest.mark.integration
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("arguments", [["run"], ["--help"], ["nonsense"], ["policy"]])
def test_output_that_cannot_be_written_is_no_verdict(gate: Path, arguments: list[str], stream: str) -> None:
    """With a full disk under standard output or standard error the exit code is never 1, nor one of Python's own."""
    with Path("/dev/full").open("wb") as full:
        options: dict[str, Any] = {stream: full}
        result = process(*arguments, cwd=gate, **options)
    if stream == "stdout" and arguments in (["run"], ["--help"]):
        assert (result.code, result.error) == (2, "standard output: No space left on device")
    else:
        assert result.code == (0 if arguments in (["run"], ["--help"]) else 2)


@pytest.mark.integration
def test_closed_output_changes_no_verdict(gate: Path) -> None:
    """Without standard output the verdict is still the exit code, and the report is written."""
    shell = f"exec {sys.executable} -m runback_gate.cli run >&-"
    assert subprocess.run(["sh", "-c", shell], cwd=gate, env=environment(), check=False).returncode == 0
    assert (gate / ".runback/report.json").is_file()


@pytest.mark.integration
def test_interruption_is_no_verdict(here: Path) -> None:
    """Ctrl-C exits 2 with one line and leaves nothing behind."""
    words = [sys.executable, "-m", "runback_gate.cli", "import", "transcript", "-", "--agent", "a"]
    pipe = subprocess.PIPE
    # A job in the background ignores the signal, and so would its child: this one starts as in a terminal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(words, cwd=here, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe) as child:
        signal.signal(signal.SIGINT, before)
        assert child.stdin is not None
        assert child.stderr is not None
        # A full pipe that empties says that it reads; a signal between two reads is seen after the next one only.
        child.stdin.write(b"[" * (1 << 20))
        child.stdin.flush()
        for _ in range(20):
            time.sleep(0.2)
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert child.wait(2) == 2
                break
        assert child.stderr.read() == b"error: interrupted\n"
    assert list(here.iterdir()) == []


def terminal(*arguments: str, cwd: Path, **more: str) -> tuple[int, str]:
    """The exit code and what a terminal of 100 columns got, both streams."""
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "runback_gate.cli", *arguments]
    env = {**environment(TERM="xterm-256color", COLUMNS="100", PYTHONUTF8="1"), **more}
    with subprocess.Popen(words, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave) as child:
        os.close(slave)
        data = b""
        while select.select([master], [], [], 30)[0]:
            try:
                data += os.read(master, 1 << 16)
            except OSError:
                break
        code = child.wait(30)
    os.close(master)
    return code, data.decode()


@pytest.mark.integration
def test_a_terminal_gets_colour_and_a_bar(gate: Path) -> None:
    """On a terminal the table is coloured and progress is a bar that takes itself away."""
    code, shown = terminal("run", cwd=gate)
    assert code == 0
    assert "\x1b[32m✓ pass" in shown
    assert "judging" in shown
    code, shown = terminal("run", "--quiet", cwd=gate)
    assert code == 0
    assert "judging" not in shown


@pytest.mark.integration
def test_a_terminal_may_ask_for_no_colour(gate: Path) -> None:
    """With NO_COLOR, and on a dumb terminal, nothing is coloured; the signs carry the verdict."""
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, shown = terminal("run", "--quiet", cwd=gate, **more)
        assert code == 0
        assert "✓ pass" in shown
        assert "\x1b[" not in shown


@pytest.mark.integration
def test_no_terminal_gets_no_colour(gate: Path) -> None:
    """In a CI log there is neither colour nor a bar."""
    result = process("run", cwd=gate, env=environment(FORCE_COLOR="1"))
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out


@pytest.mark.integration
def test_a_terminal_gets_no_character_that_steers_it(gate: Path) -> None:
    """`--json` on a terminal spells out what is not ASCII; to a program it is the file, byte for byte."""
    change(gate / "datasets/support.yaml", "    - id: sample-0", '    - id: sample-0\n      why: "\\u009b2J é"')
    data = (process("run", "--json", cwd=gate)).out
    assert data == (gate / ".runback/report.json").read_text("utf-8")
    assert "\x9b" in data
    code, shown = terminal("run", "--json", "--quiet", cwd=gate)
    assert code == 0
    assert shown.isascii()
    assert json.loads(shown) == json.loads(data)


@pytest.mark.integration
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_that_is_no_utf8(gate: Path, encoding: str) -> None:
    """What the stream cannot show is spelled out, and JSON stays JSON."""
    change(gate / "datasets/support.yaml", "    - id: sample-0", "    - id: sample-0\n      why: é…")
    env = environment(PYTHONIOENCODING=encoding)
    result = process("run", "--all", cwd=gate, env=env)
    assert result.code == 0
    assert "+ pass" in result.out
    assert result.out.isascii()
    assert json.loads(process("dataset", "list", "--json", cwd=gate, env=env).out)[0]["why"] == "é…"
    assert json.loads(process("render", "--format", "json", cwd=gate, env=env).out)["rows"][0]["why"] == "é…"
    assert process("nö", cwd=gate, env=env).error.startswith("no command is named 'n")


@pytest.mark.integration
def test_a_name_that_is_no_utf8(here: Path) -> None:
    """Bytes that are no text are spelled out in the message."""
    words = [sys.executable.encode(), b"-m", b"runback_gate.cli", b"render", b"\xff.json"]
    done = subprocess.run(words, cwd=here, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"error: \\udcff.json: no such file (`runback-gate run` writes it)\n"


@pytest.mark.integration
def test_completion_of_commands(here: Path) -> None:
    """The shell is told the commands, also of a group; an unknown question is no pass."""
    env = environment(_RUNBACK_GATE_COMPLETE="bash_complete", COMP_WORDS="runback-gate re", COMP_CWORD="1")
    assert process(cwd=here, env=env).out == "plain,render\nplain,replay\nplain,record\n"
    env |= {"COMP_WORDS": "runback-gate policy ", "COMP_CWORD": "2"}
    assert (
        process(cwd=here, env=env).out
        == "plain,lint\nplain,test\nplain,explain\nplain,coverage\nplain,diff\nplain,draft\n"
    )
    env |= {"_RUNBACK_GATE_COMPLETE": "nonsense"}
    assert process(cwd=here, env=env).code == 2
