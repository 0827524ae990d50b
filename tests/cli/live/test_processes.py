"""`run --live` as a process: ended by a signal, killed and begun anew, beside another, in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from runback_gate.replay.cache import ResponseCache
from runback_gate.testing.server import Act, ModelServer
from tests.cli.conftest import environment, process
from tests.cli.live.conftest import BAD, GOOD, case_of, fill, report

pytestmark = pytest.mark.integration


def start(here: Path, *options: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "runback_gate.cli", "run", "--live", *options]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(words, cwd=here, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_cleanly(here: Path, number: signal.Signals, word: str) -> None:
    """The report so far is written and marked incomplete, the rest of it is undecided; exit 2 even with a failure."""
    with ModelServer(lambda body, _: Act(BAD) if case_of(body) < 3 else Act(fault="hang")) as server:
        fill(here, server, 30)
        with start(here, "--cache", "answers", "--in-flight", "4") as child:
            wait_for(lambda: len(server.answered) >= 3)
            child.send_signal(number)
            assert child.wait(60) == 2
    found = report(here)
    assert (found.incomplete, found.exit_code, found.totals.rows) == (word, 2, 30)
    assert found.totals.failed + found.totals.undecided == 30
    assert all(row.note.endswith(word) for row in found.rows if row.verdict == "UNDECIDED")


def test_killing_it_repeats_no_answered_call(here: Path) -> None:
    """Killed at ten moments and begun anew each time, no question that was answered is asked again."""
    cases = 60
    with ModelServer(lambda body, _: Act(GOOD, delay=0.02 + case_of(body) % 5 / 50)) as server:
        fill(here, server, cases)
        for _ in range(10):
            more = len(server.answered) + 1
            with start(here, "--cache", "answers", "--in-flight", "4") as child:
                wait_for(
                    partial(lambda more, child: len(server.answered) >= more or child.poll() is not None, more, child)
                )
                time.sleep(int.from_bytes(os.urandom(1)) / 2000)
                child.kill()
        stored = sum(item.trial is not None for item in ResponseCache(here / "answers").stored())
        lost = len(server.answered) - stored
        # An answer that was on its way when the process died did not reach it.
        assert 0 <= lost <= 10 * 4
        result = process("run", "--live", "--cache", "answers", "--in-flight", "4", cwd=here)
        assert result.code == 0, result
        assert len(server.answered) == cases + lost
    assert report(here).totals.passed == cases


def test_several_processes_share_a_cache(here: Path) -> None:
    """Two runs at once on one folder both judge every row."""
    with ModelServer(lambda *_: Act(GOOD, delay=0.01)) as server:
        fill(here, server, 30)
        children = [start(here, "--cache", "answers", "--report", f"r{number}") for number in range(2)]
        assert [child.wait(60) for child in children] == [0, 0]
        for child in children:
            assert child.stderr is not None
            child.stderr.close()


def test_progress_in_a_log(here: Path) -> None:
    """The estimate comes first; the environment of the test has no terminal."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server, 1)
        result = process("run", "--live", cwd=here, env=environment(LOCAL_KEY=os.environ["LOCAL_KEY"]))
    assert (result.code, result.err) == (0, "to ask: 1 call · about $0.0022 · 0 of 1 row free\n")
