"""The sink: a full queue, a disk that is full, slow or gone; the loss is said, and the agent goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture import log, outside
from runback_gate.capture.log import Redaction, RunLog, off
from runback_gate.capture.sink import Sink
from runback_gate.step import Run
from tests.capture.recordings import recording, runs, seen


def test_a_full_queue_drops_and_says_so(tmp_path: Path) -> None:
    """An event that does not fit is counted in the run; the caller does not wait."""
    sink, gate = Sink(limit=1000), threading.Event()
    run = RunLog(Run("r", "a", ()), tmp_path, Redaction("off", off))
    sink.call(gate.wait)
    for number in range(5):
        sink.put(run, seen(str(number)), 400)
    gate.set()
    sink.call(lambda: run.end(Run("r", "a", (), status="ok")))
    assert sink.flush(10)
    (found,) = runs(tmp_path)
    assert len(found.steps) == 2
    assert [note.value for note in found.notes] == [{"events": 3, "reasons": ["the queue was full"]}]


def test_a_disk_that_takes_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest follows: the file is whole in the end."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:7])))
    with recording(tmp_path) as run:
        for number in range(5):
            run._see(seen(str(number)))
    assert len(runs(tmp_path)[0].steps) == 5


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The agent goes on; what waits is bounded, and the loss is said."""
    write = os.write

    def full(_file: int, _data: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(log, "MAX_PENDING", 5000)
    with recording(tmp_path) as run:
        for number in range(50):
            run._see(seen(str(number)))
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.setattr(os, "write", write)


def test_a_disk_that_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited is written, and what was lost meanwhile is counted."""
    write, state = os.write, {"full": True}

    def disk(file: int, data: Any) -> int:
        if state["full"]:
            raise OSError(28, "No space left on device")
        return write(file, bytes(data))

    monkeypatch.setattr(os, "write", disk)
    monkeypatch.setattr(log, "MAX_PENDING", 5000)
    run = RunLog(Run("r", "a", ()), tmp_path, Redaction("off", off))
    for number in range(50):
        run.take(seen(str(number)))
    state["full"] = False
    run.take(seen("last"))
    run.end(Run("r", "a", (), status="ok"))
    (found,) = runs(tmp_path)
    lost = [note.value["events"] for note in found.notes if note.kind == "dropped"]
    assert sum(lost) + len(found.steps) == 51
    assert sum(lost) > 0


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder is to be: one line on standard error, and the agent goes on."""
    (tmp_path / "runs").write_text("")
    with recording(tmp_path / "runs") as run:
        run._see(seen())
    assert "is not whole" in capsys.readouterr().err


def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    """Conversations are private."""
    with recording(tmp_path):
        pass
    (path,) = tmp_path.glob("*.jsonl")
    assert path.stat().st_mode & 0o077 == 0


def test_a_slow_disk_stops_no_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the end of a run waits for its disk, other tasks of the loop go on."""
    release, order = threading.Event(), list[str]()
    close = outside.RunFile.close

    def slow(file: outside.RunFile) -> None:
        assert release.wait(60)
        close(file)

    monkeypatch.setattr(outside.RunFile, "close", slow)

    async def other() -> None:
        order.append("other task")
        release.set()

    async def agent() -> None:
        async with recording(tmp_path) as run:
            run._see(seen())
            task = asyncio.ensure_future(other())
        order.append("run ended")
        await task

    asyncio.run(agent())
    assert order == ["other task", "run ended"]
    assert [run.status for run in runs(tmp_path)] == ["ok"]
