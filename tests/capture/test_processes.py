"""Recordings of processes: however one ends, whatever it forks, and without site-packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capture.recordings import runs

ROOT = Path(__file__).parent.parent.parent

BEGIN = """
import json, os, signal, sys, threading, time
import runback_gate
from runback_gate.capture.sink import sink
from runback_gate.capture.exchange import Seen
MESSAGE = {"role": "assistant", "content": "Hi"}
ANSWER = {"model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
URL = "https://x/v1/chat/completions"
def ask(run, text):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    run._see(Seen(URL, body, "2026-01-31T12:00:00Z", 200, "", (json.dumps(ANSWER).encode(),)))
"""


def python(folder: Path, code: str, *options: str) -> int:
    """What a process of its own exits with."""
    done = subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{BEGIN}{code}"],
        cwd=folder,
        timeout=60,
        check=False,
    )
    return done.returncode


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "status", "steps", "ended"),
    [
        ("ask(begun, '1'); ask(begun, '2')", 0, 2, None),
        ("ask(begun, '1'); sys.exit(3)", 3, 1, None),
        ("with begun as r:\n ask(r, '1'); sys.exit(3)", 3, 1, "error"),
        ("ask(begun, '1'); os.kill(os.getpid(), 15); time.sleep(9)", -15, 1, "truncated"),
        ("ask(begun, '1'); sink().flush(9); os.kill(os.getpid(), 9)", -9, 1, "truncated"),
        ("ask(begun, '1'); sink().flush(9); os._exit(4)", 4, 1, "truncated"),
    ],
)
def test_however_a_process_ends(tmp_path: Path, code: str, status: int, steps: int, ended: str | None) -> None:
    """It ends as it would have, and what was flushed is usable."""
    begin = "begun = runback_gate.record(redact='off')\n"
    begin += "" if "with" in code else "begun.__enter__()\n"
    assert python(tmp_path, begin + code) == status
    (found,) = runs(tmp_path / "runs", truncated=True)
    assert (len(found.steps), found.status) == (steps, ended)


@pytest.mark.integration
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_have_runs_of_their_own(tmp_path: Path, method: str) -> None:
    """A forked worker writes a run whose parent is the run that forked it, and the parent's file stays whole."""
    code = f"""
import multiprocessing
def work(r, n):
    ask(runback_gate.capture.recorder.current(), str(n)) if r else None
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with runback_gate.record(redact="off") as r:
        ask(r, "parent")
        if {method!r} == "fork":
            workers = [context.Process(target=work, args=(True, n)) for n in range(3)]
            [worker.start() for worker in workers]
            [worker.join() for worker in workers]
        ask(r, "parent again")
"""
    assert python(tmp_path, "import runback_gate.capture.recorder\n" + code) == 0
    found = runs(tmp_path / "runs")
    (parent,) = [run for run in found if run.parent is None]
    children = [run for run in found if run.parent == parent.id]
    assert len(parent.steps) == 2
    assert [len(run.steps) for run in children] == ([1, 1, 1] if method == "fork" else [])
    assert len(found) == 1 + len(children)


@pytest.mark.integration
def test_the_standard_library_is_enough(tmp_path: Path) -> None:
    """Without site-packages: no orjson, no pydantic, no re2; the run is the same."""
    code = "with runback_gate.record(redact='off') as r:\n ask(r, '1'); r.note('x')\n"
    assert (
        python(tmp_path, code + "assert not {'orjson', 'pydantic', 'click', 'yaml'} & set(sys.modules)", "-I", "-S")
        == 0
    )
    (found,) = runs(tmp_path / "runs")
    assert (len(found.steps), found.steps[0].source.grade) == (1, "exact")


FORK = """
import os, sys, runback_gate
from runback_gate.capture.exchange import Seen
BODY = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
with runback_gate.record("parent", out=sys.argv[1], redact="off") as run:
    child = os.fork()
    if child == 0:
        for number in range(200):
            run._see(Seen("http://x/v1/chat/completions", BODY, ""))
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
"""


@pytest.mark.integration
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_child_that_leaves_at_once(tmp_path: Path) -> None:
    """`os._exit` right after the last call loses none of the calls."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], env=environment, check=True, timeout=60)
    found = runs(tmp_path, truncated=True)
    assert sorted(len(run.steps) for run in found) == [0, 200]
