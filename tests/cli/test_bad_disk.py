"""Runs that were cut, disks that are full, folders and devices that say no: exit 2, one line, nothing half written."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Refused, environment, process, tree, write
from tests.cli.recordings import pays, recorded

pytestmark = pytest.mark.integration


DATASET = "datasets/support.yaml"
READS_RUNS = [
    ("backtest", "--policies", "policies", "--runs", "runs"),
    ("policy", "explain", "refunds.limit", "b", "0"),
    ("dataset", "add", "b", "0", "--dataset", DATASET),
    ("init", "--from", "b", "--root", "new"),
]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("head", "no event line"),
        ("empty", "no event line"),
        ("binary", "not a run file (make runs with `runback-gate import transcript`)"),
        ("value", "holds a value that does not match its id"),
        ("event", "was changed"),
        ("swapped", ""),
        ("folder", "a folder (name a file)"),
        ("pipe", "a pipe (name a file)"),
        ("dangling", "no such file"),
    ],
)
@pytest.mark.parametrize("words", READS_RUNS, ids=lambda words: words[0])
@pytest.mark.usefixtures("gate")
def test_a_run_that_was_cut(refused: Refused, fault: str, message: str, words: tuple[str, ...]) -> None:
    """Among whole runs, one that was cut, changed or is none: refused with its line, nothing is judged without it."""
    recorded("a", pays(5))
    recorded("b", pays(40), pays(50))
    path = Path("runs/b.jsonl")
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    path.unlink()
    if fault == "folder":
        path.mkdir()
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "dangling":
        path.symlink_to("absent")
    else:
        faults = {
            "head": lines[0][:-9],
            "empty": b"",
            "binary": b"\x80\x00\xff" * 99,
            "value": data.replace(b'\\"amount\\": 40', b'\\"amount\\": 41'),
            "event": data.replace(b'"agent":"support"', b'"agent":"sapport"'),
            "swapped": b"".join([*lines[:-2], lines[-1], lines[-2]]),
        }
        assert faults[fault] != data
        path.write_bytes(faults[fault])
    found = refused(*words)
    assert found.startswith("runs/b.jsonl")
    assert message in found


@pytest.mark.parametrize("words", READS_RUNS, ids=lambda words: words[0])
@pytest.mark.parametrize("cut", ["inside the last line", "before it"])
@pytest.mark.usefixtures("gate")
def test_a_recorder_that_was_killed(command: Command, cut: str, words: tuple[str, ...]) -> None:
    """A run without its end says so; the whole steps before that can be read, and nothing else."""
    recorded("a", pays(5))
    recorded("b", pays(40), pays(50))
    path = Path("runs/b.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + (lines[-1][:-20] if cut == "inside the last line" else b""))
    result = command(*words)
    assert result.code == 0, result
    assert "note: runs/b.jsonl: truncated: the recorder did not get to its end; 2 steps" in result.err


def limited(size: int) -> Callable[[], None]:
    """Lets a process write no file larger than this, as a disk that is full in the middle of a file."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    ("words", "size", "place"),
    [
        (("run",), 1000, ".runback/report.json"),
        (("run", "--format", "html"), 6000, ".runback/report.html"),
        (("init", "--root", "new"), 40, "new/.gitignore"),
        (("init", "--root", "new"), 400, "new/agents/tools.json"),
        (("import", "transcript", "chat.json", "--agent", "a"), 300, "runs/chat-0001-"),
        (("dataset", "add", "b", "0", "--dataset", DATASET), 100, "datasets/recordings/"),
        (("dataset", "add", "b", "0", "--dataset", DATASET), 370, DATASET),
        (("render", "report.json", "--format", "html", "--output", "out.html"), 1000, "out.html"),
    ],
)
def test_a_full_disk(command: Command, gate: Path, words: tuple[str, ...], size: int, place: str) -> None:
    """Neither half a file nor a temporary one is left: what is there is whole, and what was there before stays."""
    recorded("b", pays(40))
    write("chat.json", '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]')
    assert command("run", "--report", ".").code == 0
    before = tree(gate)
    result = process(*words, cwd=gate, preexec_fn=limited(size))
    assert result.code == 2
    assert result.error.startswith(f"{place}")
    assert result.error.endswith(
        "cannot be written: File too large (free some space, or check the permissions of the folder)"
    )
    after = tree(gate)
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if ".tmp" in name]
    announced = {line.removeprefix("wrote ") for line in result.out.splitlines()}
    new = {name for name in after.keys() - before.keys() if after[name] is not None}
    if words[0] == "init":
        assert new == announced
        assert "new/runback.yaml" not in new
    assert place not in new - {DATASET}


@pytest.mark.skipif(os.geteuid() != 0 and not os.access("/", os.W_OK), reason="folders need another owner")
def test_a_folder_that_may_not_be_written(gate: Path) -> None:
    """A folder of the system says no, and the hint names permissions."""
    for folder in ("/sys/runback", "/proc/runback"):
        if Path(folder).parent.is_dir():
            result = process("run", "--report", folder, cwd=gate)
            assert result.code == 2
            assert result.error.startswith(f"{folder}/report.json: cannot be written: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(gate: Path) -> None:
    """A folder that denies writing leaves everything as it was."""
    (gate / "locked").mkdir(mode=0o555)
    result = process("run", "--report", "locked", cwd=gate)
    assert result.code == 2
    assert result.error.startswith("locked/report.json: cannot be written: Permission denied")
    assert list((gate / "locked").iterdir()) == []


@pytest.mark.parametrize("output", ["/dev/null", "/dev/stdout", "pipe"])
def test_devices_are_not_replaced(command: Command, gate: Path, output: str) -> None:
    """An output that is no file is refused, not replaced by one."""
    command("run")
    if output == "pipe":
        os.mkfifo(gate / output)
    kind = Path(output).stat().st_mode
    result = process("render", "--output", output, cwd=gate, env=environment())
    assert (result.code, result.out) == (2, "")
    assert result.error == f"{output}: something that is no file stands where the file is to be"
    assert Path(output).stat().st_mode == kind
