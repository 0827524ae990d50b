"""A server that is killed in the middle of a replay and of a run: what is stored is usable, and the page says so."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runback_gate.replay.cache import ResponseCache
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import environment, tree
from tests.web.conftest import Local
from tests.web.demo import STEP, write_demo
from tests.web.desk import Browser

TRIALS = {"trials": "3", "confirmed": "3"}


@dataclass
class Process:
    """A server in a process of its own."""

    child: subprocess.Popen[str]
    at: Browser

    def kill(self) -> None:
        """As the kernel does where memory is out."""
        self.child.kill()
        self.child.wait(20)


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[Process]:
    """`serve` over the folder, on a free port."""
    words = [sys.executable, "-m", "runback_gate", "serve", "--listen", "127.0.0.1:0", "--cache", "known", *more]
    with subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            line = next(line for line in child.stdout if line.startswith("pages"))
            found = re.search(r":(\d+)/\?token=(\S+)", line)
            assert found is not None
            yield Process(child, Browser(Local(int(found[1]), folder / "runs"), token=found[2]))
        finally:
            child.kill()


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to that")


def slow_third(_body: dict[str, Any], number: int) -> Act:
    """A model whose third answer does not come."""
    return Act(completion("Hello"), fault="hang") if number == 2 else Act(completion("Hello"))


def answers(folder: Path) -> int:
    """How many answers the cache has."""
    return sum(entry.trial is not None for entry in ResponseCache(folder / "known").stored())


@pytest.mark.integration
def test_what_is_stored_is_usable(tmp_path: Path) -> None:
    """Answers that came are known to the next start, a run is read as far as it goes, and no case is half written."""
    with ModelServer(slow_third) as server:
        write_demo(tmp_path, server.url)
        before = tree(tmp_path / "datasets")
        with serving(tmp_path) as process:
            assert process.at.post(f"{STEP}/replay", TRIALS)[0] == 303
            wait_for(lambda: answers(tmp_path) == 2)
            process.kill()
        assert tree(tmp_path / "datasets") == before
        with serving(tmp_path) as process:
            status, _, data = process.at.get("/replays/1")
            assert (status, b"no replay of that id" in data) == (400, True)
            status, _, data = process.at.post(f"{STEP}/replay", {"trials": "3"})
            assert (status, b"This asks a model once" in data) == (200, True)
            assert b"2 answers of 3 known already" in data
            assert process.at.post(f"{STEP}/replay", {"trials": "3", "confirmed": "1"})[0] == 303
            wait_for(lambda: '"state": "done"' in process.at.text("/replays/1/state"))
            assert process.at.text("/replays/1").count("Hello") >= 3
        assert len(server.asked) == 4


@pytest.mark.integration
def test_a_run_that_was_being_recorded(tmp_path: Path) -> None:
    """The steps that were written are there, and pages say that the run was cut."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "Where is it?"}]}
    with ModelServer(lambda _body, _number: Act(completion("On its way."))) as server:
        write_demo(tmp_path)
        known = set((tmp_path / "runs").iterdir())
        with serving(tmp_path, "--provider", f"local={server.url}") as process:
            assert process.at.at.post("/v1/proxy/local/chat/completions", asked)[0] == 200
            wait_for(lambda: any(b"On its way" in path.read_bytes() for path in recorded(tmp_path, known)))
            process.kill()
        (path,) = recorded(tmp_path, known)
        with serving(tmp_path) as process:
            assert "truncated" in process.at.text("/")
            page = process.at.text(f"/runs/{path.stem}")
    assert "On its way." in page
    assert '"status":"truncated"' in page


def recorded(folder: Path, known: set[Path]) -> list[Path]:
    """Runs that were not there before."""
    return sorted(set((folder / "runs").glob("*.jsonl")) - known)


def test_a_page_whose_server_was_killed(browser: Any, tmp_path: Path) -> None:
    """It stops saying that it runs, and names what was kept."""
    with ModelServer(slow_third) as server:
        write_demo(tmp_path, server.url)
        with serving(tmp_path) as process:
            assert process.at.post(f"{STEP}/replay", TRIALS)[0] == 303
            window = browser.new_context(base_url=f"http://127.0.0.1:{process.at.at.port}")
            page = window.new_page()
            page.goto(f"/?token={process.at.token}")
            page.goto("/replays/1")
            page.wait_for_selector("#told:has-text('2 of 3 answers · ')")
            process.kill()
            page.wait_for_selector("#told:has-text('The server has gone. No case was written.')")
            window.close()
